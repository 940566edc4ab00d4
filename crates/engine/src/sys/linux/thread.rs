//! Settings of the calling thread: name, CPUs, timer slack, scheduling.
//!
//! A thread sets these for itself as its first act. A refusal is an errno for the caller to report;
//! no setting is needed for correctness.

use std::ffi::CString;
use std::io;
use std::num::NonZeroU64;
use std::time::Duration;

use rustix::thread::{CpuSet, gettid, sched_setaffinity, set_current_timer_slack, set_name};

/// Names the calling thread as debuggers and `top -H` show it.
///
/// The kernel keeps 15 bytes; the rest, and all from a NUL byte on, is left out.
///
/// # Errors
/// None in practice.
pub fn set_thread_name(name: &str) -> io::Result<()> {
    let bytes: Vec<u8> =
        name.bytes().take_while(|byte| *byte != 0).take(THREAD_NAME_BYTES_MAX).collect();
    Ok(set_name(&CString::new(bytes)?)?)
}

/// Lets the calling thread run on these CPUs only.
///
/// # Errors
/// EINVAL when the list is empty, names a CPU beyond what the kernel interface can hold (1024), or
/// names none that exists.
pub fn set_affinity(cpus: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for &cpu in cpus {
        if cpu >= CpuSet::MAX_CPU {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        set.set(cpu);
    }
    Ok(sched_setaffinity(None, &set)?)
}

/// Sets how late the kernel may wake the calling thread from a timed wait, to save power.
///
/// The kernel's default is 50 microseconds. Zero is raised to a nanosecond, since the kernel reads
/// zero as "back to the default".
///
/// # Errors
/// None in practice.
pub fn set_timer_slack(slack: Duration) -> io::Result<()> {
    let nanos = u64::try_from(slack.as_nanos()).unwrap_or(u64::MAX);
    Ok(set_current_timer_slack(Some(NonZeroU64::new(nanos).unwrap_or(NonZeroU64::MIN)))?)
}

/// Sets the scheduling policy (the system's `SCHED_*` number) of the calling thread.
///
/// `priority` is the real-time priority for SCHED_FIFO and SCHED_RR (1 to 99) and the nice value
/// (-20 to 19) for every other policy.
///
/// # Errors
/// EPERM or EACCES without the right to raise the thread, EINVAL for an unknown policy or priority.
pub fn set_scheduling(policy: i32, priority: i32) -> io::Result<()> {
    let real_time = matches!(policy, libc::SCHED_FIFO | libc::SCHED_RR);
    // SAFETY: sched_param is plain integers, for which zero is a value.
    let mut param: libc::sched_param = unsafe { std::mem::zeroed() };
    param.sched_priority = if real_time { priority } else { 0 };
    // SAFETY: the handle is the calling thread's own and `param` outlives the call. This form, not
    // sched_setscheduler, because musl leaves that one out.
    let errno =
        unsafe { libc::pthread_setschedparam(libc::pthread_self(), policy, &raw const param) };
    if errno != 0 {
        return Err(io::Error::from_raw_os_error(errno));
    }
    if real_time {
        return Ok(());
    }
    Ok(rustix::process::setpriority_process(Some(gettid()), priority)?)
}

/// Runs `start` with signals blocked on the calling thread, so that a thread started in it inherits
/// the mask and never runs one of the application's signal handlers.
///
/// Faults (SIGSEGV and its like) and SIGPROF, which profilers need on every thread, stay unblocked.
pub fn with_signals_blocked<T>(start: impl FnOnce() -> T) -> T {
    let _restored_on_drop = SignalMask::block();
    start()
}

/// The calling thread's signal mask as it was, put back on drop, also in a panic.
struct SignalMask(libc::sigset_t);

impl SignalMask {
    fn block() -> Self {
        // SAFETY: sigset_t is plain integers; sigfillset and pthread_sigmask write whole sets
        // through pointers to live ones, and fail only for a bad `how` or signal number.
        unsafe {
            let mut blocked: libc::sigset_t = std::mem::zeroed();
            libc::sigfillset(&raw mut blocked);
            for signal in UNBLOCKED {
                libc::sigdelset(&raw mut blocked, signal);
            }
            let mut before: libc::sigset_t = std::mem::zeroed();
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const blocked, &raw mut before);
            Self(before)
        }
    }
}

impl Drop for SignalMask {
    fn drop(&mut self) {
        // SAFETY: the set was filled by pthread_sigmask; no old set is asked for.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut());
        }
    }
}

const UNBLOCKED: [libc::c_int; 7] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGPROF,
];

/// The kernel's TASK_COMM_LEN less the closing NUL.
const THREAD_NAME_BYTES_MAX: usize = 15;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    /// Settings belong to a thread, so each test gives up one of its own.
    fn on_own_thread(test: impl FnOnce() + Send + 'static) {
        std::thread::spawn(test).join().unwrap();
    }

    #[test]
    fn a_long_name_is_cut_to_what_the_kernel_keeps() {
        on_own_thread(|| {
            set_thread_name("oxmq/io 0 and more\0hidden").unwrap();
            assert_eq!(rustix::thread::name().unwrap().to_bytes(), b"oxmq/io 0 and m");
        });
    }

    #[test]
    fn affinity_keeps_the_thread_on_the_named_cpu_and_refuses_none() {
        on_own_thread(|| {
            let before = rustix::thread::sched_getaffinity(None).unwrap();
            let cpu = (0..CpuSet::MAX_CPU).find(|cpu| before.is_set(*cpu)).unwrap();
            set_affinity(&[cpu]).unwrap();
            let after = rustix::thread::sched_getaffinity(None).unwrap();
            assert!(after.is_set(cpu));
            assert_eq!(after.count(), 1);
            for bad in [&[][..], &[CpuSet::MAX_CPU][..]] {
                let error = set_affinity(bad).unwrap_err();
                assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
            }
        });
    }

    #[test]
    fn timer_slack_is_taken_by_the_kernel() {
        on_own_thread(|| {
            set_timer_slack(Duration::from_micros(1)).unwrap();
            assert_eq!(rustix::thread::current_timer_slack().unwrap(), 1_000);
            set_timer_slack(Duration::ZERO).unwrap();
            assert_eq!(rustix::thread::current_timer_slack().unwrap(), 1);
        });
    }

    /// The blocked set of the calling thread, as the kernel shows it: one bit a signal.
    fn blocked_signals() -> u64 {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
        u64::from_str_radix(line.trim(), 16).unwrap()
    }

    #[test]
    fn a_thread_started_with_signals_blocked_keeps_the_mask_and_its_parent_does_not() {
        let bit = |signal: libc::c_int| 1_u64 << (signal - 1);
        let before = blocked_signals();
        let child = with_signals_blocked(|| std::thread::spawn(blocked_signals)).join().unwrap();
        assert_ne!(child & bit(libc::SIGINT), 0);
        assert_ne!(child & bit(libc::SIGALRM), 0);
        assert_eq!(child & bit(libc::SIGSEGV), before & bit(libc::SIGSEGV));
        assert_eq!(blocked_signals(), before);
    }

    #[test]
    fn an_ordinary_policy_takes_a_nice_value_and_an_unknown_one_is_refused() {
        on_own_thread(|| {
            set_scheduling(libc::SCHED_OTHER, 5).unwrap();
            assert_eq!(rustix::process::getpriority_process(Some(gettid())).unwrap(), 5);
            let error = set_scheduling(-1, 0).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
        });
    }
}
