//! From a signal to a graceful end.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Why a program was not ended by its own work.
#[derive(Debug, thiserror::Error)]
pub enum SignalError {
    /// The system refuses to tell of signals.
    #[error("cannot watch for signals: {0}")]
    Watch(io::Error),
    /// A second signal during the drain.
    #[error("stopped by a second signal before requests under way were answered")]
    Impatient,
}

/// Runs `program` until it ends, or until SIGTERM or SIGINT: then the token it was given is cancelled, and it is waited
/// for. A second signal ends it at once.
///
/// # Errors
/// The program's own, or [`SignalError`].
pub async fn run_until_signal<F, E>(program: impl FnOnce(CancellationToken) -> F) -> Result<(), E>
where
    F: Future<Output = Result<(), E>>,
    E: From<SignalError>,
{
    let mut terminate = signal(SignalKind::terminate()).map_err(SignalError::Watch)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(SignalError::Watch)?;
    let shutdown = CancellationToken::new();
    let running = program(shutdown.clone());
    tokio::pin!(running);
    tokio::select! {
        ended = &mut running => return ended,
        name = either(&mut terminate, &mut interrupt) => tracing::info!(signal = name, "stopping"),
    }
    shutdown.cancel();
    tokio::select! {
        ended = &mut running => ended,
        _ = either(&mut terminate, &mut interrupt) => Err(SignalError::Impatient.into()),
    }
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
