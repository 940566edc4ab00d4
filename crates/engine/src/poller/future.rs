//! A poller's wait as a future, for sockets only. Runs on any executor: the I/O threads read and
//! write meanwhile, and wake the task.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::{PollEvent, Poller, Sleeper, Source};
use crate::error::{Error, Result};

/// Future of [`Poller::wait_async`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct WaitAsync<'a> {
    poller: &'a mut Poller,
    events: &'a mut Vec<PollEvent>,
}

impl fmt::Debug for WaitAsync<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitAsync").finish_non_exhaustive()
    }
}

impl Poller {
    /// [`Poller::wait`] for tasks: completes when a socket is ready. Cancel-safe. Without a limit
    /// of time, for which executors have their own means; a [`Notifier`](super::Notifier) does
    /// not end it.
    ///
    /// # Errors
    /// As [`Poller::wait`]; `NotSupported` if file descriptors are in it.
    pub fn wait_async<'a>(&'a mut self, events: &'a mut Vec<PollEvent>) -> WaitAsync<'a> {
        WaitAsync { poller: self, events }
    }

    fn has_fds(&self) -> bool {
        self.entries.iter().flatten().any(|entry| matches!(entry.source, Source::Fd { .. }))
    }

    /// Registers a task with every socket. False if there is no need to sleep.
    fn arm_task(&mut self, waker: &Waker) -> bool {
        self.entries.iter_mut().flatten().all(|entry| match &mut entry.source {
            Source::Socket(polled) => polled.arm(entry.interest, Sleeper::Task(waker)),
            Source::Fd { .. } => true,
        })
    }
}

impl Future for WaitAsync<'_> {
    type Output = Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.poller.has_fds() {
            let operation = "waiting for file descriptors in a task";
            return Poll::Ready(Err(Error::NotSupported { operation }));
        }
        loop {
            this.poller.disarm();
            match this.poller.look() {
                Err(error) => return Poll::Ready(Err(error)),
                Ok(true) => {
                    this.events.clear();
                    return Poll::Ready(Ok(this.poller.collect(this.events)));
                }
                Ok(false) => {}
            }
            if this.poller.arm_task(cx.waker()) {
                return Poll::Pending;
            }
        }
    }
}

impl Drop for WaitAsync<'_> {
    fn drop(&mut self) {
        for entry in self.poller.entries.iter_mut().flatten() {
            if let Source::Socket(polled) = &mut entry.source
                && polled.disarm()
            {
                polled.core.leave(polled.core.lock());
            }
        }
    }
}
