//! Word counting by threads that share nothing: lines go to mappers, words to the reducer that
//! owns them, counts to the main thread. All over inproc, with no lock in sight.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::thread;

use oxmq::{Context, Pull, Push};

const MAPPERS: usize = 2;
const REDUCERS: usize = 3;
const REPEATS: usize = 200;
const TEXT: [&str; 3] =
    ["the quick brown fox jumps over the lazy dog", "the dog sleeps", "the fox does not"];

/// An empty message ends a stream; one comes from each producer.
const END: &str = "";

fn map(lines: &Pull, reducers: &[Push]) -> oxmq::Result<()> {
    loop {
        let line = lines.recv()?;
        if line == [END] {
            break;
        }
        for word in line.str().unwrap_or_default().split_whitespace() {
            let mut hasher = DefaultHasher::new();
            word.hash(&mut hasher);
            reducers[(hasher.finish() % REDUCERS as u64) as usize].send(word)?;
        }
    }
    reducers.iter().try_for_each(|reducer| reducer.send(END))?;
    Ok(())
}

fn reduce(words: &Pull, counts: &Push) -> oxmq::Result<()> {
    let mut count: HashMap<String, usize> = HashMap::new();
    let mut open = MAPPERS;
    while open > 0 {
        match words.recv()?.str().unwrap_or_default() {
            END => open -= 1,
            word => *count.entry(word.to_owned()).or_default() += 1,
        }
    }
    for (word, count) in count {
        counts.send([word, count.to_string()])?;
    }
    counts.send(END)?;
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let context = Context::with_options(|o| o.io_threads(0))?;
    let mut threads = Vec::new();
    for number in 0..REDUCERS {
        let (words, counts) = (Pull::new(&context)?, Push::new(&context)?);
        words.bind(&format!("inproc://reducer-{number}"))?;
        counts.connect("inproc://counts")?;
        threads.push(thread::spawn(move || reduce(&words, &counts)));
    }
    let mut mappers = Vec::new();
    for _ in 0..MAPPERS {
        let (mapper, lines) = (Push::new(&context)?, Pull::new(&context)?);
        let endpoint = format!("inproc://mapper-{}", mappers.len());
        mapper.bind(&endpoint)?;
        lines.connect(&endpoint)?;
        mappers.push(mapper);
        let mut reducers = Vec::new();
        for number in 0..REDUCERS {
            let reducer = Push::new(&context)?;
            reducer.connect(&format!("inproc://reducer-{number}"))?;
            reducers.push(reducer);
        }
        threads.push(thread::spawn(move || map(&lines, &reducers)));
    }
    let counts = Pull::new(&context)?;
    counts.bind("inproc://counts")?;

    for (number, line) in TEXT.iter().cycle().take(TEXT.len() * REPEATS).enumerate() {
        mappers[number % MAPPERS].send(*line)?;
    }
    mappers.iter().try_for_each(|mapper| mapper.send(END))?;

    let mut total: HashMap<String, usize> = HashMap::new();
    let mut open = REDUCERS;
    while open > 0 {
        let message = counts.recv()?;
        match message.part(1) {
            None => open -= 1,
            Some(count) => {
                let counted = count.as_str()?.parse()?;
                let before = total.insert(message.str()?.to_owned(), counted);
                assert_eq!(before, None, "a word has one reducer");
            }
        }
    }
    assert_eq!(total["the"], 4 * REPEATS);
    assert_eq!(total["fox"], 2 * REPEATS);
    assert_eq!(total.values().sum::<usize>(), 16 * REPEATS);
    for thread in threads {
        thread.join().map_err(|_| "a thread panicked")??;
    }
    Ok(())
}
