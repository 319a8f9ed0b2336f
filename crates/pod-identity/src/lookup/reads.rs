//! Live reads: shared, so that many pods of one service account are one question, and few at a time, so that a flood of
//! pods is no flood at the API server.
//!
//! Whoever asks gets the answer of a read that began after he asked: an older one may not know yet what he did before. So
//! each object has at most one read that is still to begin, which everybody joins who asks until then, and usually one
//! under way, which nobody can join any more.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use tokio::sync::{Semaphore, oneshot};

use super::error::Failure;
use super::name::ObjectName;

/// Reads under way at once, of all objects together.
pub(super) const READS: usize = 16;
/// Objects that are read or wait for it.
const OBJECTS: usize = 1024;
/// Longest read: nobody waits longer.
const LONGEST: Duration = Duration::from_secs(2);
/// A read that has not ended by then does not keep the next one of the same object from beginning: it may hang.
const OVERLAP: Duration = Duration::from_millis(500);

/// What a read brings.
pub(super) type Answer<V> = Result<Arc<V>, Failure>;

type Read<V> = Box<dyn Fn(ObjectName) -> BoxFuture<'static, Answer<V>> + Send + Sync>;

/// Reads of one kind of object.
pub(super) struct Reads<V> {
    read: Read<V>,
    slots: Arc<Semaphore>,
    /// Each object that a task reads, and the read that is still to begin, if anybody waits for one.
    table: Mutex<HashMap<ObjectName, Option<Next<V>>>>,
}

/// A read that has not begun.
struct Next<V> {
    tell: oneshot::Sender<Answer<V>>,
    answer: Waiting<V>,
}

type Waiting<V> = Shared<oneshot::Receiver<Answer<V>>>;

impl<V> fmt::Debug for Reads<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reads")
    }
}

impl<V: Send + Sync + 'static> Reads<V> {
    /// `slots` may be those of other kinds too.
    pub(super) fn new(
        slots: Arc<Semaphore>,
        read: impl Fn(ObjectName) -> BoxFuture<'static, Answer<V>> + Send + Sync + 'static,
    ) -> Arc<Reads<V>> {
        Arc::new(Reads { read: Box::new(read), slots, table: Mutex::default() })
    }

    /// The answer of a read that begins after this call. It ends with the caller's patience: a read that waits for its
    /// turn may wait long.
    pub(super) async fn ask(self: &Arc<Self>, name: &ObjectName) -> Answer<V> {
        match self.join(name) {
            Some(answer) => answer.await.unwrap_or(Err(Failure::NoAnswer)),
            None => Err(Failure::Busy),
        }
    }

    fn join(self: &Arc<Self>, name: &ObjectName) -> Option<Waiting<V>> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = table.get_mut(name) {
            return Some(next.get_or_insert_with(Next::new).answer.clone());
        }
        if table.len() >= OBJECTS {
            return None;
        }
        let next = Next::new();
        let answer = next.answer.clone();
        table.insert(name.clone(), Some(next));
        tokio::spawn(Arc::clone(self).serve(name.clone()));
        Some(answer)
    }

    /// Reads one object as long as somebody asks for it.
    async fn serve(self: Arc<Self>, name: ObjectName) {
        while self.is_wanted(&name) {
            let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else { return };
            // From here on nobody joins this read.
            let Some(Next { tell, answer }) = self.begin(&name) else { continue };
            drop(answer);
            if tell.is_closed() {
                continue;
            }
            let read = (self.read)(name.clone());
            let reading = tokio::spawn(async move {
                let answer = tokio::time::timeout(LONGEST, read).await.unwrap_or(Err(Failure::NoAnswer));
                drop(slot);
                // Whoever does not wait any more needs no answer.
                let _ = tell.send(answer);
            });
            let _ = tokio::time::timeout(OVERLAP, reading).await;
        }
    }

    /// Whether a read is to begin; where none is, this object has no task from now on.
    fn is_wanted(&self, name: &ObjectName) -> bool {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let is_wanted = table.get(name).is_some_and(Option::is_some);
        if !is_wanted {
            table.remove(name);
        }
        is_wanted
    }

    fn begin(&self, name: &ObjectName) -> Option<Next<V>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).get_mut(name)?.take()
    }

    #[cfg(test)]
    fn objects(&self) -> usize {
        self.table.lock().unwrap().len()
    }
}

impl<V> Next<V> {
    fn new() -> Next<V> {
        let (tell, answer) = oneshot::channel();
        Next { tell, answer: answer.shared() }
    }
}

#[cfg(test)]
#[path = "reads_tests.rs"]
mod tests;
