//! The requests of an HTTP/2 connection, run in the connection's own task.
//!
//! Answers that are ready at one time then leave in one write: with a task for each request, each answer wakes the
//! connection by itself, and is encrypted and sent by itself. What has to wait (for STS, for the API server) waits beside
//! the others. A request is never on another core than its connection: handlers that compute for long do not belong here.

use std::future::{Future, poll_fn};
use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use hyper::rt::Executor;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// After so many requests that ended, their answers are sent before others are looked at.
const AT_A_TIME: usize = 32;

type Request = BoxFuture<'static, ()>;

/// Where the HTTP library puts requests; clones share them.
#[derive(Clone, Default)]
pub(super) struct Streams {
    begun: Arc<Mutex<Vec<Request>>>,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, request: F) {
        // A panic ends its request, as it would end a task; the library resets the stream.
        let request = AssertUnwindSafe(request).catch_unwind().map(drop).boxed();
        self.begun().push(request);
    }
}

impl Streams {
    fn begun(&self) -> std::sync::MutexGuard<'_, Vec<Request>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `connection` and its requests until it ends. Requests that are under way then are dropped: nobody is left to
    /// read their answers.
    pub(super) async fn run<C: Future>(
        &self,
        mut connection: Pin<&mut C>,
        running: &mut Running,
    ) -> C::Output {
        poll_fn(|context| {
            loop {
                if let Poll::Ready(ended) = connection.as_mut().poll(context) {
                    return Poll::Ready(ended);
                }
                running.0.extend(self.begun().drain(..));
                let mut has_ended = false;
                for _ in 0..AT_A_TIME {
                    let Poll::Ready(Some(())) = running.0.poll_next_unpin(context) else { break };
                    has_ended = true;
                }
                if !has_ended {
                    return Poll::Pending;
                }
            }
        })
        .await
    }
}

/// The requests of one connection that are under way.
#[derive(Default)]
pub(super) struct Running(FuturesUnordered<Request>);

/// A connection to which nothing is written in several pieces: TLS copies them all the same, and the HTTP library then
/// joins small answers.
pub(super) struct Whole<I>(pub(super) I);

impl<I: AsyncRead + Unpin> AsyncRead for Whole<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Whole<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
#[allow(clippy::panic, clippy::arithmetic_side_effects)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    /// A connection that begins `requests` when it is first looked at, and ends when `ended` of them have: how many had each
    /// time that it was looked at.
    async fn run(requests: Vec<Request>, ended: &AtomicUsize, to_end: usize) -> Vec<usize> {
        let streams = Streams::default();
        let mut seen = Vec::new();
        let mut requests = Some(requests);
        let mut connection = poll_fn(|_| {
            requests.take().into_iter().flatten().for_each(|request| streams.execute(request));
            seen.push(ended.load(Ordering::SeqCst));
            if ended.load(Ordering::SeqCst) == to_end { Poll::Ready(()) } else { Poll::Pending }
        });
        streams.run(Pin::new(&mut connection), &mut Running::default()).await;
        seen
    }

    fn counted(ended: &Arc<AtomicUsize>) -> impl Fn() -> Request {
        let ended = Arc::clone(ended);
        move || {
            let ended = Arc::clone(&ended);
            async move {
                ended.fetch_add(1, Ordering::SeqCst);
            }
            .boxed()
        }
    }

    #[tokio::test]
    async fn answers_that_are_ready_together_are_sent_together_and_not_too_many_at_once() {
        for (count, expected) in [(1, vec![0, 1]), (20, vec![0, 20]), (100, vec![0, 32, 64, 96, 100])] {
            let ended = Arc::default();
            let requests = std::iter::repeat_with(counted(&ended)).take(count).collect();
            assert_eq!(run(requests, &ended, count).await, expected);
        }
    }

    #[tokio::test]
    async fn requests_wait_beside_one_another_and_a_panic_ends_its_own_alone() {
        let (ended, other) = (Arc::<AtomicUsize>::default(), Arc::new(Notify::new()));
        let waiting = {
            let (other, one) = (Arc::clone(&other), counted(&ended)());
            async move {
                other.notified().await;
                one.await;
            }
        };
        let panics = async { panic!("this is a test") };
        let wakes = {
            let one = counted(&ended)();
            async move {
                one.await;
                other.notify_one();
            }
        };
        run(vec![waiting.boxed(), panics.boxed(), wakes.boxed()], &ended, 2).await;
    }

    #[test]
    fn small_answers_are_joined() {
        assert!(!Whole(tokio::io::duplex(1).0).is_write_vectored());
    }
}
