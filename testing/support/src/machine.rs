//! What the system says about a process: memory, descriptors, processor time; and where its
//! threads may run. Functions without state.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// Resident memory of this process.
pub fn rss_kib() -> u64 {
    rss_kib_of("self")
}

/// Resident memory of a process, given by its number; 0 if it has gone.
pub fn rss_kib_of(process: impl std::fmt::Display) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Open descriptors of this process.
pub fn descriptors() -> usize {
    // Reading the folder opens one more.
    descriptors_of("self").saturating_sub(1)
}

/// Open descriptors of a process, given by its number; 0 if it has gone.
pub fn descriptors_of(process: impl std::fmt::Display) -> usize {
    fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count)
}

/// Raises the limit of open descriptors as far as it goes, and returns it.
pub fn descriptors_max() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // What could not be raised is seen in the answer.
    let _ = setrlimit(Resource::Nofile, raised);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Processor time of all threads of this process, in seconds.
pub fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Lets the calling thread, and those it starts from now on, run on one processor only.
///
/// # Errors
/// The system's, when there is no such processor.
pub fn pin_to(cpu: usize) -> crate::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).map_err(|error| format!("pinning to CPU {cpu}: {error}"))
}
