//! Ports that stay this run's own while nothing listens on them.
//!
//! A webhook's port is fixed when the API server starts, and tests stop and restart what listens
//! there. So ports are taken from below the range that the system hands out by itself, and each is
//! held by a locked file for as long as the run lasts.

use std::fs::{File, TryLockError};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::cache;
use crate::error::{Error, Result};

/// Below Linux's usual `net.ipv4.ip_local_port_range` (32768 on), above most services.
const RANGE: std::ops::Range<u16> = 20_000..30_000;

/// A port on 127.0.0.1 that no other run of these tests takes while this value lives.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// Takes a port that nothing listens on.
    ///
    /// # Errors
    /// The lock files cannot be written, or every port is taken.
    pub fn take() -> Result<Self> {
        let folder = cache::folder("ports")?;
        let offset = u16::try_from(std::process::id() % 9973).unwrap_or_default();
        for number in RANGE.cycle().skip(usize::from(offset)).take(RANGE.len()) {
            let path = folder.join(number.to_string());
            let lock = File::create(&path).map_err(Error::file("write", &path))?;
            match lock.try_lock() {
                Ok(()) if is_free(number) => return Ok(Self { number, _lock: lock }),
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(Error::file("lock", path)(source)),
            }
        }
        Err(Error::Answer {
            what: "looking for a free port".to_owned(),
            reason: format!("all of {}-{} are taken", RANGE.start, RANGE.end),
        })
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.number))
    }
}

fn is_free(number: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn two_ports_held_at_once_differ() {
        let first = Port::take().unwrap();
        let second = Port::take().unwrap();
        assert_ne!(first.number(), second.number());
    }

    #[test]
    fn a_port_that_somebody_listens_on_is_not_taken() {
        let port = Port::take().unwrap();
        let number = port.number();
        let listener = TcpListener::bind(port.address()).unwrap();
        drop(port);
        assert_ne!(Port::take().unwrap().number(), number);
        drop(listener);
    }
}
