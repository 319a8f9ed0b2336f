//! From token to decision: decode, ask STS, look up the mapping.

use std::sync::Arc;

use identity::{KubernetesUser, Principal, PrincipalKind, Source};
use jiff::Timestamp;
use openapi::sts::{Client, PresignedRequest, StsError};
use signature::Secret;
use token::{Rules, Token};

use crate::mappings::{BackendMode, Lookup, Mappings};
use crate::metrics::{Metrics, ResultLabel};

/// What is to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Let in as this user.
    Authenticated(KubernetesUser),
    /// Refuse; the text is for the administrator.
    Denied(String),
    /// Ask again in a moment; the text is for the administrator.
    Unavailable(String),
}

/// An outcome, and what the log and the metrics say about it.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What to answer.
    pub outcome: Outcome,
    /// The metric's result.
    pub result: ResultLabel,
    /// Why, as a word of a closed set.
    pub reason: &'static str,
    /// The first half of the token's hash; empty without a token.
    pub fingerprint: String,
    /// The access key that the token names, true or not.
    pub access_key_id: Option<String>,
    /// Who STS says it is.
    pub principal: Option<Principal>,
    /// STS's request ID.
    pub request_id: Option<String>,
    /// The mapping that won.
    pub mapping: Option<Source>,
}

/// Decides reviews. Clones share everything.
#[derive(Clone, Debug)]
pub struct Authenticator {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    rules: Rules,
    sts: Client,
    mappings: Mappings,
    backends: Vec<BackendMode>,
    metrics: Metrics,
}

impl Authenticator {
    /// Puts the parts together. `backends` are named in the advice to administrators.
    pub fn new(
        rules: Rules,
        sts: Client,
        mappings: Mappings,
        backends: Vec<BackendMode>,
        metrics: Metrics,
    ) -> Authenticator {
        Authenticator { shared: Arc::new(Shared { rules, sts, mappings, backends, metrics }) }
    }

    /// Decides about one token at the time `now`.
    pub async fn decide(&self, token_text: &Secret, now: Timestamp) -> Decision {
        let mut decision = Decision {
            outcome: Outcome::Denied(String::new()),
            result: ResultLabel::InvalidToken,
            reason: "token_missing",
            fingerprint: String::new(),
            access_key_id: None,
            principal: None,
            request_id: None,
            mapping: None,
        };
        if token_text.is_empty() {
            decision.outcome = Outcome::Denied("the TokenReview holds no token".to_owned());
            return decision;
        }
        decision.fingerprint = token::fingerprint(token_text.expose());
        let token = match token::decode(token_text.expose(), &self.shared.rules, now) {
            Ok(token) => token,
            Err(error) => {
                decision.reason = error.reason();
                decision.outcome = Outcome::Denied(error.to_string());
                return decision;
            }
        };
        decision.access_key_id = Some(token.access_key_id().to_owned());
        match self.ask_sts(&token).await {
            Err(error) => refuse_by_sts(&mut decision, &error),
            Ok((principal, request_id)) => {
                decision.request_id = Some(request_id);
                self.look_up(&mut decision, &principal);
                decision.principal = Some(principal);
            }
        }
        decision
    }

    async fn ask_sts(&self, token: &Token) -> Result<(Principal, String), StsError> {
        let request = token.request();
        let presigned = PresignedRequest {
            method: request.method.to_owned(),
            query: request.query,
            headers: request.headers,
        };
        let answer = self.shared.sts.get_caller_identity_presigned(&presigned).await;
        match &answer {
            Ok(_) | Err(StsError::Principal { .. }) => self.shared.metrics.sts_response(200),
            Err(StsError::Refused { refusal, .. } | StsError::Unavailable { refusal, .. }) => {
                self.shared.metrics.sts_response(refusal.status);
            }
            Err(StsError::Network { .. }) => self.shared.metrics.sts_connection_failure(),
            Err(_) => {}
        }
        answer
    }

    fn look_up(&self, decision: &mut Decision, principal: &Principal) {
        match self.shared.mappings.lookup(principal) {
            Lookup::Mapped { user, source } => {
                decision.result = ResultLabel::Success;
                decision.reason = "mapped";
                decision.mapping = Some(source);
                decision.outcome = Outcome::Authenticated(user);
            }
            Lookup::Unusable { source, error } => {
                decision.result = ResultLabel::UnknownUser;
                decision.reason = "mapping_unusable";
                decision.outcome = Outcome::Denied(format!(
                    "mapping {source} makes no usable name of {}: {error}",
                    shown(principal)
                ));
                decision.mapping = Some(source);
            }
            Lookup::NotMapped => {
                decision.result = ResultLabel::UnknownUser;
                decision.reason = "not_mapped";
                decision.outcome = Outcome::Denied(self.not_mapped(principal));
            }
            Lookup::NotReady { backend } => {
                decision.result = ResultLabel::NotReady;
                decision.reason = "backend_not_synced";
                decision.outcome = Outcome::Unavailable(format!(
                    "the mappings of backend {backend} are not known yet; the log says why if this lasts"
                ));
            }
        }
    }

    fn not_mapped(&self, principal: &Principal) -> String {
        let places: Vec<&str> =
            self.shared.backends.iter().map(|backend| place(*backend, principal)).collect();
        format!(
            "{} is mapped to no Kubernetes user: map {:?} in {}",
            shown(principal),
            principal.canonical_arn(),
            places.join(" or ")
        )
    }
}

fn shown(principal: &Principal) -> String {
    // Quoted, because a session name is the client's own text.
    format!("{:?}", principal.arn())
}

fn place(backend: BackendMode, principal: &Principal) -> &'static str {
    match backend {
        BackendMode::MountedFile if matches!(principal.kind(), PrincipalKind::AssumedRole { .. }) => {
            "server.mapRoles of the configuration file (and restart)"
        }
        BackendMode::MountedFile => "server.mapUsers of the configuration file (and restart)",
        BackendMode::DynamicFile => "the file of server.dynamicfilepath",
        BackendMode::AckConfigMap => "ConfigMap kube-system/alibabacloud-auth",
        BackendMode::Crd => "spec.arn of a RAMIdentityMapping",
    }
}

fn refuse_by_sts(decision: &mut Decision, error: &StsError) {
    decision.result = ResultLabel::StsError;
    decision.reason = error.reason();
    decision.request_id = error.request_id().map(str::to_owned);
    let text = error.to_string();
    decision.outcome = if error.is_passing() { Outcome::Unavailable(text) } else { Outcome::Denied(text) };
}
