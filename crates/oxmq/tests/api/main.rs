//! The public interface, feature by feature: one binary, so that it links once. Each test makes
//! contexts of its own; a hang ends the test run by the watchdog of its test.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cancel;
mod draft;
mod durable;
mod errors;
mod executors;
mod metadata;
mod options;
mod peers;
mod proxy;
mod request;
mod routed;
mod shutdown;
mod split;
mod subscriptions;
mod threads;
mod types;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Every transport, with wildcards where it has them. `name` makes the inproc name unique.
fn transports(name: &str) -> [String; 3] {
    ["tcp://127.0.0.1:*".to_owned(), "ipc://*".to_owned(), format!("inproc://{name}")]
}

/// Runs a test that might hang for ever if it is broken, and fails in that case.
fn watched(test: impl FnOnce() + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    let thread = thread::spawn(move || {
        // Told on a panic, too, so that it is reported at once.
        struct Done(mpsc::Sender<()>);
        impl Drop for Done {
            fn drop(&mut self) {
                let _ = self.0.send(());
            }
        }
        let _done = Done(done);
        test();
    });
    assert!(is_done.recv_timeout(Duration::from_secs(60)).is_ok(), "it hangs");
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}
