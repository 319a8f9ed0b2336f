//! `--sync-crd`: the CustomResourceDefinition is created where it is missing. One that is there is never
//! written: another program, another version or an administrator may have changed it on purpose.

use std::time::Duration;

use cluster::describe;
use cluster::watch::Retry;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, PostParams};
use resource::CRD_NAME;
use tokio_util::sync::CancellationToken;

/// How often the API server is asked whether it serves a new definition, and how many times.
const ESTABLISHED_POLL: Duration = Duration::from_millis(250);
const ESTABLISHED_POLLS: u32 = 120;

type Definitions = Api<CustomResourceDefinition>;

/// Creates the definition where it is missing, and waits up to 30 seconds until the API server serves it.
///
/// An API server that cannot be reached is waited for until `shutdown`. Where the API server refuses, for
/// want of rights say, that is logged and left at that: the definition may be there all the same.
pub(super) async fn install(client: &kube::Client, retry: Retry, shutdown: &CancellationToken) {
    let definitions: Definitions = Api::all(client.clone());
    let mut failures = 0u32;
    loop {
        match create_if_missing(&definitions).await {
            Ok(()) => break,
            Err(error @ kube::Error::Api(_)) if !is_passing(&error) => {
                tracing::error!(
                    "cannot install CustomResourceDefinition {CRD_NAME}: {}: apply the file under crds/, or \
                     give the rights to get and create it; going on in case it is there",
                    describe(&error)
                );
                return;
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                tracing::warn!(
                    failures,
                    "cannot ask for CustomResourceDefinition {CRD_NAME}: {}: trying again",
                    describe(&error)
                );
            }
        }
        if wait(retry.delay(failures), shutdown).await.is_none() {
            return;
        }
    }
    for _ in 0..ESTABLISHED_POLLS {
        match definitions.get_opt(CRD_NAME).await {
            Ok(Some(crd)) if is_established(&crd) => return,
            Ok(_) => {}
            Err(error) => tracing::debug!("cannot read the definition: {}", describe(&error)),
        }
        if wait(ESTABLISHED_POLL, shutdown).await.is_none() {
            return;
        }
    }
    tracing::error!(
        "CustomResourceDefinition {CRD_NAME} is there, but the API server does not serve it after 30 s: see \
         its status with kubectl get crd {CRD_NAME} -o yaml"
    );
}

async fn create_if_missing(definitions: &Definitions) -> Result<(), kube::Error> {
    if definitions.get_opt(CRD_NAME).await?.is_some() {
        return Ok(());
    }
    match definitions.create(&PostParams::default(), &resource::crd()).await {
        Ok(_) => {
            tracing::info!("CustomResourceDefinition {CRD_NAME} was missing and is created");
            Ok(())
        }
        // Another replica was faster.
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        Err(error) => Err(error),
    }
}

fn is_passing(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code >= 500 || status.code == 429)
}

fn is_established(crd: &CustomResourceDefinition) -> bool {
    crd.status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten())
        .any(|condition| condition.type_ == "Established" && condition.status == "True")
}

/// `None` where `shutdown` came first.
async fn wait(time: Duration, shutdown: &CancellationToken) -> Option<()> {
    shutdown.run_until_cancelled(tokio::time::sleep(time)).await
}
