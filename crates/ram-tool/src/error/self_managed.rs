//! Why a cluster that is not ACK's could not be registered, or taken away.

use std::path::PathBuf;

use openapi::api::ApiError;

/// Why a cluster that is not ACK's could not be registered, or taken away. One line each.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SelfManagedError {
    /// `--issuer` cannot be an issuer for RAM.
    #[error("the issuer {issuer:?} of --issuer {detail}")]
    Issuer {
        /// What it was given, cut.
        issuer: String,
        /// What is wrong with it.
        detail: String,
    },
    /// RAM takes no identity provider of that name.
    #[error(
        "the cluster id {cluster} makes no name that RAM takes for an identity provider: ack-rrsa-{cluster} {detail}; choose another --cluster-id (-c), it is a name of your own for the cluster"
    )]
    ProviderName {
        /// The cluster's id.
        cluster: String,
        /// What is wrong with the name.
        detail: &'static str,
    },
    /// One token is made for one service account.
    #[error(
        "--namespace (-n) and --service-account (-s) name the one service account whose token is checked: * stands for several"
    )]
    Pattern,
    /// The API server, or the way to it.
    #[error("{detail}")]
    ApiServer {
        /// What happened and what to do.
        detail: String,
    },
    /// It has no key that RAM can use.
    #[error(
        "the API server has no key whose tokens STS takes (it takes RS256 alone; the API server has {algorithms}): give kube-apiserver an RSA key as --service-account-signing-key-file, keep the old one as a second --service-account-key-file, and run this again"
    )]
    NoKeys {
        /// What its keys are for.
        algorithms: String,
    },
    /// Old and new together.
    #[error(
        "there would be {number} keys to publish, the API server's and the old ones, and {most} are the most: leave the old ones out with --drop-old-keys, and look at why the API server has new ones so often"
    )]
    TooManyKeys {
        /// How many there would be.
        number: usize,
        /// The limit.
        most: usize,
    },
    /// What stands in the folder must not be overwritten.
    #[error("{} {detail}; nothing was written", path.display())]
    Folder {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        detail: String,
    },
    /// A file could not be written.
    #[error("cannot write {}: {source}; run the same command again when that is mended", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// RAM could not read the issuer.
    #[error("nothing is registered with RAM yet: {detail}; {mend}, and run the same command again")]
    NotPublished {
        /// What is wrong at the issuer's URL.
        detail: String,
        /// What to do.
        mend: String,
    },
    /// The fingerprint cannot be computed.
    #[error(
        "nothing is registered with RAM yet: the certificate authority of {issuer} is not known here, so that RAM's fingerprint of it cannot be computed; give the SHA-1 of its certificate with --fingerprint (openssl x509 -in CA.pem -noout -fingerprint -sha1)"
    )]
    NoFingerprint {
        /// The issuer.
        issuer: String,
    },
    /// The provider is there for another issuer.
    #[error(
        "RAM has the identity provider {name} already, for the issuer {theirs} and not for {ours}; nothing was changed at RAM. Give that issuer, or another --cluster-id (-c); or, where nothing uses it any more, delete it with ack-ram-tool rrsa disable --self-managed -c {cluster}: an issuer cannot be changed"
    )]
    OtherIssuer {
        /// The provider.
        name: String,
        /// Its issuer.
        theirs: String,
        /// The one that was asked for.
        ours: String,
        /// The cluster's id.
        cluster: String,
    },
    /// Another provider has the issuer.
    #[error(
        "RAM has the issuer {issuer} already under another name, as the identity provider {other}, and takes it once in an account: {name} cannot be made, and nothing was changed at RAM. Use the cluster id of {other} with -c where it is ack-rrsa-ID, or delete {other} where no trust policy names it any more"
    )]
    IssuerTaken {
        /// The issuer.
        issuer: String,
        /// The provider that has it.
        other: String,
        /// The one that was asked for.
        name: String,
    },
    /// RAM takes five.
    #[error(
        "the identity provider {name} has {have} fingerprints and lacks {lacking}, and RAM takes {most}; nothing was changed at RAM. Remove those that are not needed any more in the RAM console, or give fewer, and run the same command again"
    )]
    TooManyFingerprints {
        /// The provider.
        name: String,
        /// How many it has.
        have: usize,
        /// Those that are to be added.
        lacking: String,
        /// RAM's limit.
        most: usize,
    },
    /// A change of several failed.
    #[error("{done}, and then: {source}; run the same command again, which goes on from there")]
    HalfDone {
        /// What is done.
        done: String,
        /// Why it did not go on.
        source: Box<ApiError>,
    },
    /// The API server or somebody else has to do something yet.
    #[error("{number} {} left to do before pods of cluster {cluster} get credentials, see above; run the same command again after that", if *number == 1 { "thing is" } else { "things are" })]
    Left {
        /// How many.
        number: usize,
        /// The cluster's id.
        cluster: String,
    },
}
