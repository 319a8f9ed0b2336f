//! What the reviews under way may fill together. Whoever reaches the port can send one, so each stage has a bound: bodies
//! that are read, and pods that are looked at.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Largest body, in bytes. An API server takes requests of 3 MiB (kube-apiserver's limit of request bodies), and etcd's
/// values are 1.5 MiB (etcd documentation, "System limits"); the rest is for what JSON and the review add.
pub(super) const BODY_LIMIT: usize = 4 * 1024 * 1024;
/// Bodies up to this size are read without a reservation: the listener bounds their number.
const SMALL: usize = 64 * 1024;
/// Larger ones, all together, in KiB.
const READING_KIB: usize = 48 * 1024;
/// What may be made of a body that is as large as bodies are: a pod with everything has a tenth of that.
const ORDINARY: usize = 512 * 1024;
/// Ordinary pods that are looked at, all together, in KiB.
const LOOKING_KIB: usize = 64 * 1024;
/// The same of larger ones. They are looked at while their service account is read, and one of them alone may take all of
/// it: nobody who sends such things may keep an ordinary pod waiting.
const LOOKING_LARGE_KIB: usize = 64 * 1024;
/// What an object of a pod's JSON becomes at most while it is looked at, in bytes; there is one brace for each.
const PER_OBJECT: usize = 256;
/// How long a review waits for others to be answered: with the reads of namespace and service account it stays below the
/// time that an API server gives it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shares memory out; clones share the same.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    reading: Arc<Semaphore>,
    looking: Arc<Semaphore>,
    looking_large: Arc<Semaphore>,
}

impl Default for Memory {
    fn default() -> Self {
        Memory {
            reading: Arc::new(Semaphore::new(READING_KIB)),
            looking: Arc::new(Semaphore::new(LOOKING_KIB)),
            looking_large: Arc::new(Semaphore::new(LOOKING_LARGE_KIB)),
        }
    }
}

/// What one review may fill, until it is dropped.
#[derive(Debug)]
pub(super) struct Share(#[allow(dead_code, reason = "held")] Option<OwnedSemaphorePermit>);

impl Memory {
    /// Room for a body as it announces itself, or for the largest one. `None` where there is none in time. Who announces
    /// much and sends it slowly keeps other large ones waiting, and no small one.
    pub(super) async fn to_read<B: Body>(&self, body: &B) -> Option<Share> {
        let announced = body.size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok());
        match announced.unwrap_or(BODY_LIMIT).min(BODY_LIMIT) {
            bytes if bytes <= SMALL => Some(Share(None)),
            bytes => share(&self.reading, bytes, READING_KIB).await,
        }
    }

    /// Room for what is made of a body.
    pub(super) async fn to_look_at(&self, body: &[u8]) -> Option<Share> {
        let objects = body.iter().filter(|byte| **byte == b'{').count();
        let bytes = objects.saturating_mul(PER_OBJECT).saturating_add(body.len().saturating_mul(2));
        match bytes {
            0..=ORDINARY => share(&self.looking, bytes, LOOKING_KIB).await,
            _ => share(&self.looking_large, bytes, LOOKING_LARGE_KIB).await,
        }
    }
}

async fn share(semaphore: &Arc<Semaphore>, bytes: usize, all_kib: usize) -> Option<Share> {
    let permits = u32::try_from(bytes.div_ceil(1024).clamp(1, all_kib)).unwrap_or(u32::MAX);
    let acquired = tokio::time::timeout(PATIENCE, Arc::clone(semaphore).acquire_many_owned(permits)).await;
    acquired.ok()?.ok().map(|permit| Share(Some(permit)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytes::Bytes;
    use http_body_util::Full;

    use super::*;

    fn body(bytes: usize) -> Full<Bytes> {
        Full::new(Bytes::from(vec![b' '; bytes]))
    }

    #[tokio::test(start_paused = true)]
    async fn large_bodies_that_come_slowly_keep_no_small_one_waiting() {
        let memory = Memory::default();
        let mut held = Vec::new();
        for _ in 0..12 {
            held.push(memory.to_read(&body(BODY_LIMIT)).await.unwrap());
        }
        assert!(memory.to_read(&body(BODY_LIMIT)).await.is_none());
        assert!(memory.to_read(&body(SMALL)).await.is_some());
        assert!(memory.to_read(&body(SMALL + 1)).await.is_none());
        drop(held);
        assert!(memory.to_read(&body(BODY_LIMIT * 2)).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_of_nothing_but_objects_are_looked_at_one_by_one_and_keep_no_ordinary_pod_waiting() {
        let memory = Memory::default();
        let worst = "{},".repeat(BODY_LIMIT / 3);
        let ordinary = format!("{}{}", "{".repeat(300), "x".repeat(10 * 1024));
        let largest = memory.to_look_at(worst.as_bytes()).await.unwrap();
        assert!(memory.to_look_at(worst.as_bytes()).await.is_none());
        let mut held = Vec::new();
        for _ in 0..600 {
            held.push(memory.to_look_at(ordinary.as_bytes()).await.unwrap());
        }
        drop(largest);
        assert!(memory.to_look_at(worst.as_bytes()).await.is_some());
        // Ordinary ones have a bound too.
        let most = "{".repeat(ORDINARY / (PER_OBJECT + 2));
        let mut has_end = false;
        while held.len() < 1000 && !has_end {
            let share = memory.to_look_at(most.as_bytes()).await;
            has_end = share.is_none();
            held.extend(share);
        }
        assert!(has_end);
    }
}
