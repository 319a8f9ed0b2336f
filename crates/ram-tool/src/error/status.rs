//! What `rrsa status` found, where it is not all well.

/// What `rrsa status` found, where it is not all well, or cannot look for. One line each.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatusError {
    /// Each of them was told on stdout.
    #[error("not all is well: {broken} broken above, with a line each on how to mend it")]
    Broken {
        /// How many.
        broken: usize,
    },
    /// A flag that says how to look, and nothing to look at.
    #[error(
        "{flag} is of use only where the cluster itself is looked at: give one of --role-name (-r), --namespace (-n), --service-account (-s) and --pod too, or --self-managed where the cluster is not ACK's, or leave it out"
    )]
    InVain {
        /// The flag.
        flag: &'static str,
    },
    /// Several service accounts at once.
    #[error(
        "a status is about one service account: give --namespace (-n) and --service-account (-s) without '*'"
    )]
    Pattern,
    /// What is no name of a role.
    #[error(
        "--role-name (-r) {name:?} is no name of a RAM role: it has 1 to 64 letters, digits, '.' and '-'"
    )]
    RoleName {
        /// As it was given, cut.
        name: String,
    },
    /// What is no name of a pod.
    #[error("--pod {name:?} is no name of a pod: it has lower case letters, digits, '-' and '.'")]
    PodName {
        /// As it was given, cut.
        name: String,
    },
}
