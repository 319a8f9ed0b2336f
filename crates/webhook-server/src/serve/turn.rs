//! Upgrades: a new process beside an old one on the same port.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::listener::{Listen, is_taken};

/// How often it is looked whether the other process on the port is still there.
const TURN: Duration = Duration::from_millis(100);

/// Where the port is shared and another process answers on it, waits until this one could (or `shutdown`): a new version
/// that never gets ready would otherwise take connections from an old one that works. Where nobody listens it does not
/// wait: a late answer is better than a connection that is refused.
pub async fn wait_for_turn(listen: Listen, is_ready: impl Fn() -> bool, shutdown: &CancellationToken) {
    let mut told = false;
    while listen.reuse_port && !shutdown.is_cancelled() && !is_ready() && is_taken(listen.address) {
        if !std::mem::replace(&mut told, true) {
            tracing::info!(
                address = %listen.address,
                "another process answers here: listening beside it as soon as this one is ready"
            );
        }
        tokio::time::sleep(TURN).await;
    }
}
