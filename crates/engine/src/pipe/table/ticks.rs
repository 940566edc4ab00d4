//! The flush tick of a socket: what the I/O thread does from time to time for a stream whose sender
//! may have stopped, and what it finds out on that occasion. Part of the table, under the socket's
//! lock.

use super::Pipes;
use crate::limits::{
    FAST_TICK_SENDS, FAST_TICKS_LEFT_OUT_MAX, IDLE_FLUSH_TICKS, INLINE_SENDS, INLINE_SENDS_SPARSE,
    SPARSE_TICK_SENDS,
};

impl Pipes {
    /// One flush tick of the I/O thread; false when it need not come again.
    pub(crate) fn tick(&mut self) -> bool {
        let sends = self.sends - self.sends_at_tick;
        self.sends_at_tick = self.sends;
        // A fast stream is written by its sender, when there is enough or the mark is reached; a
        // tick in between would keep small messages from ever reaching the mark.
        if sends >= FAST_TICK_SENDS && self.ticks_left_out < FAST_TICKS_LEFT_OUT_MAX {
            self.ticks_left_out += 1;
        } else {
            self.ticks_left_out = 0;
            self.flush_all();
        }
        if sends >= SPARSE_TICK_SENDS {
            self.inline_sends_max = INLINE_SENDS;
        } else if sends > 0 {
            self.inline_sends_max = INLINE_SENDS_SPARSE;
            self.inline_sends = 0;
        }
        // Nothing sent says nothing: the sender of a stream may wait for room.
        self.idle_ticks = if sends == 0 { self.idle_ticks + 1 } else { 0 };
        self.ticking = self.idle_ticks < IDLE_FLUSH_TICKS;
        if !self.ticking {
            self.inline_sends_max = INLINE_SENDS;
            self.inline_sends = 0;
            self.release_memory();
        }
        self.ticking
    }

    /// The I/O thread flushes from time to time.
    #[cfg(feature = "simulation")]
    pub(crate) fn is_ticking(&self) -> bool {
        self.ticking
    }

    /// The I/O thread has to be told something.
    #[inline]
    pub(crate) fn asks_io(&self) -> bool {
        self.wants_tick || self.timer_changed
    }

    /// The I/O thread was asked to tick.
    pub(crate) fn tick_requested(&mut self) {
        self.wants_tick = false;
        self.ticking = true;
        self.idle_ticks = 0;
    }

    fn release_memory(&mut self) {
        for pipe in self.slots.iter_mut().flatten() {
            if let Some(net) = pipe.net() {
                net.out.release_memory();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use oxmq_zmtp::SocketType;

    use super::*;
    use crate::clock::Clock;
    use crate::options::SocketOptions;
    use crate::pipe::PipeId;

    fn pushing() -> Pipes {
        let options = SocketOptions::safe_defaults(SocketType::Push);
        Pipes::new(SocketType::Push, options, Clock::default())
    }

    /// A tick after so many sends, the last of them still buffered; whether it was written.
    fn is_written(pipes: &mut Pipes, sends: u64) -> bool {
        pipes.dirty.push(PipeId(0));
        pipes.sends += sends;
        assert!(pipes.tick(), "more may come");
        std::mem::take(&mut pipes.dirty).is_empty()
    }

    #[test]
    fn a_fast_stream_is_left_to_its_sender_for_a_while() {
        let mut pipes = pushing();
        for _ in 0..3 {
            for _ in 0..FAST_TICKS_LEFT_OUT_MAX {
                assert!(!is_written(&mut pipes, FAST_TICK_SENDS));
            }
            assert!(is_written(&mut pipes, FAST_TICK_SENDS));
        }
    }

    #[test]
    fn a_sender_that_waits_for_room_is_in_the_middle_of_its_stream() {
        let mut pipes = pushing();
        pipes.inline_sends = INLINE_SENDS;
        is_written(&mut pipes, SPARSE_TICK_SENDS);
        is_written(&mut pipes, 0);
        assert_eq!((pipes.inline_sends, pipes.inline_sends_max), (INLINE_SENDS, INLINE_SENDS));
        is_written(&mut pipes, 1);
        assert_eq!((pipes.inline_sends, pipes.inline_sends_max), (0, INLINE_SENDS_SPARSE));
    }

    #[test]
    fn what_a_stream_leaves_when_it_stops_or_slows_down_is_written_by_the_next_tick() {
        let mut pipes = pushing();
        assert!(!is_written(&mut pipes, FAST_TICK_SENDS));
        assert!(is_written(&mut pipes, 0));
        assert!(!is_written(&mut pipes, FAST_TICK_SENDS));
        assert!(is_written(&mut pipes, FAST_TICK_SENDS - 1));
    }
}
