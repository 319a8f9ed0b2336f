//! What a process has used so far, as `/proc` shows it (proc(5)).

use std::path::PathBuf;

use crate::error::{Error, Result};

/// Clock ticks in a second of `/proc/PID/stat`: `USER_HZ`, which is 100 on every Linux that this project runs on.
const TICKS: f64 = 100.0;

/// A process by its number.
#[derive(Debug, Clone)]
pub struct Process(PathBuf);

/// What a process has used.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// CPU time since its start in seconds, user and system, all threads, in steps of a hundredth.
    pub cpu: f64,
    /// Resident memory in bytes (`VmRSS`).
    pub resident: u64,
    /// The most resident memory so far in bytes (`VmHWM`).
    pub peak: u64,
}

impl Process {
    /// The process `pid`.
    pub fn of(pid: u32) -> Process {
        Process(PathBuf::from(format!("/proc/{pid}")))
    }

    /// This one.
    pub fn own() -> Process {
        Process(PathBuf::from("/proc/self"))
    }

    /// What it has used by now.
    ///
    /// # Errors
    /// It has ended, or `/proc` does not look as proc(5) says.
    pub fn usage(&self) -> Result<Usage> {
        let read = |name| {
            let path = self.0.join(name);
            std::fs::read_to_string(&path).map_err(Error::file("read", path))
        };
        let (stat, status) = (read("stat")?, read("status")?);
        let odd = || Error::because(format!("reading {}", self.0.display()), "it is not as proc(5) says");
        Ok(Usage {
            cpu: cpu(&stat).ok_or_else(odd)?,
            resident: bytes(&status, "VmRSS:").ok_or_else(odd)?,
            peak: bytes(&status, "VmHWM:").ok_or_else(odd)?,
        })
    }
}

/// `utime` and `stime`, fields 14 and 15. Field 2 is the name in parentheses, which may hold spaces and parentheses.
fn cpu(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) / TICKS)
}

/// A line such as `VmRSS: 10240 kB`, with more white space.
fn bytes(status: &str, key: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(key))?;
    let kib: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_user_and_system_whatever_the_name() {
        let stat =
            "7 (a b) c) S 1 7 7 0 -1 4194560 900 0 0 0 150 25 0 0 20 0 4 0 100 200 300 18446744073709551615";
        assert_eq!(cpu(stat), Some(1.75));
        assert_eq!(cpu("7 (name) S 1 7"), None);
        assert_eq!(cpu("no name"), None);
    }

    #[test]
    fn memory_is_in_bytes() {
        let status = "Name:\tx\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\n";
        assert_eq!(bytes(status, "VmRSS:"), Some(10 * 1024 * 1024));
        assert_eq!(bytes(status, "VmHWM:"), Some(20 * 1024 * 1024));
        assert_eq!(bytes("VmRSS:\t many kB\n", "VmRSS:"), None);
        assert_eq!(bytes("Name:\tkernel thread\n", "VmRSS:"), None);
    }

    #[test]
    fn this_process_uses_memory_and_one_that_is_gone_is_an_error() {
        let usage = Process::own().usage().unwrap();
        assert!(usage.resident > 0 && usage.peak >= usage.resident, "{usage:?}");
        let error = Process(PathBuf::from("/proc/no-such-process")).usage().unwrap_err();
        assert!(error.to_string().contains("/proc/no-such-process/stat"), "{error}");
    }
}
