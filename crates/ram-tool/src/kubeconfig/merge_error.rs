//! Why a kubeconfig stays as it is.

use super::document::DocumentError;
use super::yaml::Unwritable;
/// Why a kubeconfig stays as it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MergeError {
    #[error("{0}; it was not changed")]
    Document(#[from] DocumentError),
    #[error("is no kubeconfig: {0}; it was not changed")]
    NoKubeconfig(&'static str),
    #[error("holds two {section} named {name:?}, which kubectl refuses; remove one (it was not changed)")]
    TwoOfAName { section: &'static str, name: String },
    #[error(
        "has entries of other clusters under all names that this cluster's {section} could have ({names}); rename or remove one of them, or print the kubeconfig without --merge into a file of its own (it was not changed)"
    )]
    Taken { section: &'static str, names: String },
    #[error(
        "is written in a way that cannot be edited without changing the rest of it ({0}); print the kubeconfig without --merge into a file of its own, and name both files in KUBECONFIG (it was not changed)"
    )]
    Shape(&'static str),
    #[error(transparent)]
    Write(#[from] Unwritable),
}
