//! Closing a socket and its pipes: lingering, the farewell, and what is due at a time. Runs under
//! the socket's lock.

use std::io;
use std::time::{Duration, Instant};

use super::state::{Life, State};
use crate::limits::FAREWELL;
use crate::pipe::table::Loss;
use crate::pipe::{Link, Phase, Pipe, PipeId};

impl State {
    /// Ends a pipe by the application's wish: what is unsent may still go until the deadline,
    /// what is unread is dropped. `zmq_disconnect(3)`.
    pub(crate) fn release_pipe(&mut self, id: PipeId, linger: Option<Duration>) {
        let deadline = linger.and_then(|linger| self.pipes.clock.now().checked_add(linger));
        let Some(pipe) = self.pipes.pipe(id) else { return };
        match pipe.phase {
            Phase::Open | Phase::Draining => {}
            Phase::Replaced => return self.remove(id),
            Phase::Lingering { .. } | Phase::Farewell { .. } => return,
        }
        self.pipes.rollback(id);
        let unsent = self.pipes.unsent.is_some();
        let Some(pipe) = self.pipes.pipe(id) else { return };
        let mut broken = false;
        let waiting = match &mut pipe.link {
            Link::Inproc(_) | Link::Udp(_) => false,
            Link::Net(net) => {
                net.inq.clear();
                broken = net.connection.as_ref().is_some_and(|connection| connection.broken);
                linger != Some(Duration::ZERO)
                    && (net.connection.is_some() || !net.out.is_empty() || unsent)
                    && !(broken && net.session.is_none())
                    && pipe.phase == Phase::Open
            }
        };
        pipe.phase = if waiting { Phase::Lingering { deadline } } else { Phase::Draining };
        self.pattern.gone(&mut self.pipes, id);
        if waiting {
            if let Some(at) = deadline {
                self.pipes.due_by(at);
            }
            if broken {
                // Nothing can happen on it any more; the session may make another one.
                self.lose(id, &Loss::Write(io::ErrorKind::BrokenPipe.into()));
                return;
            }
            self.pipes.flush(id);
            self.progress_linger(id);
        } else {
            self.remove(id);
        }
    }

    /// Moves a lingering pipe on: to its farewell when all is written, to its end after that.
    pub(super) fn progress_linger(&mut self, id: PipeId) {
        let Some(pipe) = self.pipes.pipe(id) else { return };
        let Phase::Lingering { deadline } = pipe.phase else { return };
        let Some(net) = pipe.net() else { return };
        if !net.out.is_empty() {
            return;
        }
        while self.pipes.can_refill(id) && self.pipes.refill(id) {
            self.pipes.flush(id);
        }
        let Some(net) = self.pipes.pipe(id).and_then(Pipe::net) else { return };
        if !net.out.is_empty() {
            return;
        }
        let Some(connection) = &mut net.connection else {
            self.remove(id);
            return;
        };
        connection.say_farewell(&net.out, false);
        // Closing now would make the kernel answer what the peer still sends with a reset, and a
        // reset can destroy what it has not read yet. So: end our side, and wait for its end.
        let shut = connection.stream.shutdown_write();
        let farewell = self.pipes.clock.now() + FAREWELL;
        let deadline = deadline.map_or(farewell, |deadline| deadline.min(farewell));
        if shut.is_err() {
            self.remove(id);
        } else if let Some(pipe) = self.pipes.pipe(id) {
            pipe.phase = Phase::Farewell { deadline };
            self.pipes.due_by(deadline);
            self.pipes.discard_input(id);
            self.settle();
        }
    }

    /// Closes the socket's pipes.
    pub(crate) fn close(&mut self, linger: Option<Duration>) {
        self.life = Life::Closing {
            deadline: linger.and_then(|linger| self.pipes.clock.now().checked_add(linger)),
        };
        self.pipes.flush_all();
        self.pipes.unsent = self.pattern.take_unsent().or(self.pipes.unsent.take());
        for id in self.pipes.ids() {
            self.release_pipe(id, linger);
        }
        self.settle();
        self.reporter_end();
    }

    pub(super) fn reporter_end(&mut self) {
        if self.pipes.len() == 0 {
            self.reporter = None;
        }
    }

    /// Does what is due by now; returns when to be called again. Nothing, if it is not the time:
    /// then the timer for that time exists already.
    pub(crate) fn on_timer(&mut self, now: Instant) -> Option<Instant> {
        if self.pipes.due.is_none_or(|at| at > now) {
            return None;
        }
        let mut next: Option<Instant> = None;
        let mut soonest = |at: Option<Instant>| {
            next = match (next, at) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        };
        for id in self.pipes.ids() {
            match self.pipes.peek(id).map(|pipe| pipe.phase) {
                Some(Phase::Open) => soonest(self.pipes.heartbeat(id, now)),
                Some(
                    Phase::Lingering { deadline: Some(at) } | Phase::Farewell { deadline: at },
                ) => {
                    if at <= now {
                        self.remove(id);
                    } else {
                        soonest(Some(at));
                    }
                }
                _ => {}
            }
        }
        soonest(self.resume_pattern(now));
        self.pipes.due = next;
        self.settle();
        self.pipes.timer_changed = false;
        self.pipes.due
    }

    /// A closed socket with nothing left has ended.
    pub(crate) fn try_end(&mut self) -> bool {
        if matches!(self.life, Life::Closing { .. }) && self.pipes.len() == 0 {
            self.life = Life::Ended;
            self.reporter = None;
            return true;
        }
        false
    }
}
