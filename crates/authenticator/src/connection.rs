//! The connection to the API server, which may come only after the start.

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};

/// The connection to the API server, perhaps only later.
pub type Cluster = Shared<BoxFuture<'static, kube::Client>>;

/// A connection that is there.
pub fn connected(client: kube::Client) -> Cluster {
    std::future::ready(client).boxed().shared()
}
