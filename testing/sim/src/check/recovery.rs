//! I7: a recovery that is cut short leaves a disk that recovers to the same.

use std::fmt::Write;
use std::sync::Arc;

use oxmq_disk::{Image, Random, SimDisk};
use oxmq_journal::{LogOptions, Store};

use crate::disk::{Life, Mounted};
use crate::node::store_options;

/// How two recoveries of a disk differ, the second of which was killed once on its way; `None` if
/// they do not.
pub(crate) fn differs(image: &Image, random: &mut Random) -> Option<String> {
    let first = contents(image.clone());
    let life = Arc::new(Life::default());
    let mounted = Mounted::new(image.clone(), &life, false);
    life.die_in(1 + random.below(40));
    drop(Store::open_on(Arc::new(mounted.clone()), store_options(2048)));
    let second = contents(mounted.left());
    (first != second).then(|| format!("{first}\nand then\n{second}"))
}

/// Everything that a store holds, as text.
fn contents(image: Image) -> String {
    match write_contents(image) {
        Ok(text) => text,
        Err(error) => format!("does not open: {error}"),
    }
}

fn write_contents(image: Image) -> oxmq_journal::Result<String> {
    let mut text = String::new();
    let store = Store::open_on(Arc::new(SimDisk::with_image(image)), store_options(2048))?;
    for status in store.logs() {
        let name = String::from_utf8_lossy(&status.name).into_owned();
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name}: {} to {}, {:?}", status.first, status.next, status.epochs);
        let _ = writeln!(text, "{:?}", status.gaps);
        let log = store.log(&status.name, &LogOptions::default())?;
        for consumer in log.consumers()? {
            let _ = writeln!(text, "{consumer:?}");
        }
        for (remote, cursor) in log.remote_cursors()? {
            let _ = writeln!(text, "{remote:?} {cursor:?}");
        }
        for offset in status.first..status.next {
            let record = log.read(offset)?;
            let body = record.map(|record| record.parts().flatten().copied().collect::<Vec<u8>>());
            let _ = writeln!(text, "{offset} {body:?}");
        }
    }
    Ok(text)
}
