//! Ends a program that hangs, and says at what. One thread that sleeps until fed or let go.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// While it lives, the process ends with an error unless it is fed in time.
#[derive(Debug)]
pub struct Watchdog {
    feed: Sender<String>,
}

impl Watchdog {
    /// Starts the clock.
    pub fn start(limit: Duration) -> Watchdog {
        let (feed, fed) = channel();
        thread::spawn(move || {
            let mut at = "the start".to_owned();
            loop {
                match fed.recv_timeout(limit) {
                    Ok(next) => at = next,
                    Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => {
                        println!("FAILED {at}: hangs for {} s", limit.as_secs());
                        std::process::exit(3);
                    }
                }
            }
        });
        Watchdog { feed }
    }

    /// Says what is done next, and starts the clock again.
    pub fn feed(&self, next: &str) {
        // The other end lives as long as this one.
        let _ = self.feed.send(next.to_owned());
    }
}
