//! Timing and memory of this process.

use std::time::{Duration, Instant};

/// What every task returns: its errors are only reported.
pub(crate) type TaskResult<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Returns the most bytes this process has held, from `/proc/self/status` (0 where that does not exist).
pub(crate) fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes: Option<u64> = line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse().ok());
    kibibytes.unwrap_or(0) * 1024
}

/// Returns the processor time this process has used, in seconds (0 where `/proc` does not exist).
pub(crate) fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name in parentheses: user and system time are the fields 12 and 13, in hundredths of a second.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Returns the load of the machine over the last minute (0 where `/proc` does not exist).
pub(crate) fn load_average() -> f64 {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().next().and_then(|load| load.parse().ok()).unwrap_or(0.0)
}

/// Durations of repeated runs.
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    /// Starts an empty series.
    pub(crate) fn new() -> Samples {
        Samples(Vec::new())
    }

    /// Adds the time since `started`.
    pub(crate) fn add(&mut self, started: Instant) {
        self.0.push(started.elapsed());
    }

    /// Adds a duration measured elsewhere.
    pub(crate) fn push(&mut self, duration: Duration) {
        self.0.push(duration);
    }

    /// Returns the given quantile, 0 to 1.
    pub(crate) fn quantile(&self, q: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let index = ((sorted.len() - 1) as f64 * q).round() as usize;
        sorted[index]
    }

    /// Returns the mean.
    pub(crate) fn mean(&self) -> Duration {
        self.0.iter().sum::<Duration>() / u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }
}

/// Renders a duration with three significant digits.
pub(crate) fn show(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds >= 1.0 {
        format!("{seconds:.2} s")
    } else if seconds >= 1e-3 {
        format!("{:.2} ms", seconds * 1e3)
    } else {
        format!("{:.1} µs", seconds * 1e6)
    }
}
