//! From token to decision: decode, ask STS, look up the mapping.

use std::sync::Arc;

use identity::{IdentityCheck, KubernetesUser, Principal, PrincipalKind, Source};
use jiff::Timestamp;
use signature::Secret;
use token::{DecodeError, Rules};

use crate::gate::{Gate, GateError, Identified, Remembered, TokenHash};
use crate::mappings::{BREAK_GLASS, BackendMode, Lookup, Mappings};
use crate::metrics::{Metrics, ResultLabel};
use crate::operator::LoginObserver;

/// In `extra`, and so in the audit log, beside what [`KubernetesUser`] has: the key that signed.
const ACCESS_KEY_ID: &str = "accessKeyId";

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
    pub access_key_id: Option<Arc<str>>,
    /// Who STS says it is.
    pub principal: Option<Arc<Principal>>,
    /// STS's request ID.
    pub request_id: Option<Arc<str>>,
    /// Whether STS's answer was remembered; none where STS's answer did not matter.
    pub cached: Option<bool>,
    /// The mapping that won.
    pub mapping: Option<Source>,
}

/// Decides reviews. Clones share everything.
#[derive(Clone, Debug)]
pub struct Authenticator {
    shared: Arc<Shared>,
    observer: LoginObserver,
}

#[derive(Debug)]
struct Shared {
    rules: Rules,
    gate: Gate,
    mappings: Mappings,
    backends: Vec<BackendMode>,
    metrics: Metrics,
}

impl Authenticator {
    /// Puts the parts together. `backends` are named in the advice to administrators.
    pub fn new(
        rules: Rules,
        gate: Gate,
        mappings: Mappings,
        backends: Vec<BackendMode>,
        metrics: Metrics,
    ) -> Authenticator {
        Authenticator {
            shared: Arc::new(Shared { rules, gate, mappings, backends, metrics }),
            observer: LoginObserver::default(),
        }
    }

    /// The same, telling `observer` of the ids of those who log in.
    #[must_use]
    pub fn with_observer(self, observer: LoginObserver) -> Authenticator {
        Authenticator { observer, ..self }
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
            cached: None,
            mapping: None,
        };
        if token_text.is_empty() {
            decision.outcome = Outcome::Denied("the TokenReview holds no token".to_owned());
            return decision;
        }
        let hash = TokenHash::of(token_text.expose());
        decision.fingerprint = hash.fingerprint();
        let (access_key_id, answer) = match self.ask(token_text, hash, now).await {
            Ok(asked) => asked,
            Err(error) => {
                decision.reason = error.reason();
                decision.outcome = Outcome::Denied(error.to_string());
                return decision;
            }
        };
        decision.access_key_id = Some(Arc::clone(&access_key_id));
        match answer {
            Err(error) => refuse_by_gate(&mut decision, &error),
            Ok(identified) => {
                self.look_up(&mut decision, &identified.principal);
                if let Outcome::Authenticated(user) = &mut decision.outcome {
                    // STS has checked a signature of this very key.
                    user.extra.insert(ACCESS_KEY_ID.to_owned(), vec![access_key_id.to_string()]);
                }
                match decision.result {
                    ResultLabel::Success => self.shared.gate.mapped(&access_key_id, now),
                    ResultLabel::UnknownUser if !identified.cached => {
                        self.shared.gate.not_mapped(&access_key_id, now);
                    }
                    _ => {}
                }
                decision.request_id = Some(identified.request_id);
                decision.principal = Some(identified.principal);
                decision.cached = Some(identified.cached);
            }
        }
        decision
    }

    /// The access key that the token names, and who the gate says has signed it. A token that the gate remembers is not
    /// decoded again: it is the same text, and of its checks only the date's can end otherwise than before.
    ///
    /// # Errors
    /// The token is refused without asking anybody.
    async fn ask(
        &self,
        token_text: &Secret,
        hash: TokenHash,
        now: Timestamp,
    ) -> Result<(Arc<str>, Result<Identified, GateError>), DecodeError> {
        let Shared { rules, gate, .. } = &*self.shared;
        if let Some(Remembered { claims, answer }) = gate.remembered(&hash, rules, now) {
            return Ok((claims.access_key_id, answer));
        }
        let token = token::decode(token_text.expose(), rules, now)?;
        let answer = gate.identify(&token, hash, now).await;
        Ok((token.access_key_id().into(), answer))
    }

    /// Puts the sizes of tables into the metrics.
    pub fn measure(&self) {
        self.shared.gate.measure();
    }

    fn look_up(&self, decision: &mut Decision, principal: &Principal) {
        match self.shared.mappings.lookup(principal) {
            Lookup::Mapped { user, source, identity } => {
                self.note_identity(principal, &source, &identity);
                self.note_break_glass(principal, &source);
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
            Lookup::PrincipalMismatch { source, identity } => {
                self.note_identity(principal, &source, &identity);
                decision.result = ResultLabel::UnknownUser;
                decision.reason = "principal_mismatch";
                decision.outcome = Outcome::Denied(mismatch(principal, &source, &identity));
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

    fn note_identity(&self, principal: &Principal, source: &Source, identity: &IdentityCheck) {
        self.observer.saw_login(source, principal, identity);
        match identity {
            IdentityCheck::PinMismatch { .. } => self.shared.metrics.principal_mismatch(true),
            IdentityCheck::Changed { .. } => {
                self.shared.metrics.principal_mismatch(false);
                tracing::warn!("{}", mismatch(principal, source, identity));
            }
            IdentityCheck::NotApplicable | IdentityCheck::First | IdentityCheck::Same => {}
        }
    }

    fn note_break_glass(&self, principal: &Principal, source: &Source) {
        if &*source.backend == BREAK_GLASS {
            self.shared.metrics.break_glass_login();
            tracing::warn!(
                "{} logs in through the break-glass mapping {}: see that it is meant to, and remove the mapping \
                 when it is no longer needed",
                shown(principal),
                source.object
            );
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

fn mismatch(principal: &Principal, source: &Source, identity: &IdentityCheck) -> String {
    let (principal, id) = (shown(principal), principal.user_id());
    match identity {
        IdentityCheck::PinMismatch { expected } => format!(
            "{principal} has the RAM id {id}, and mapping {source} is pinned to {expected:?}: somebody else of this \
             name; where that is meant, change its spec.principalID"
        ),
        IdentityCheck::Changed { expected } => format!(
            "{principal} has the RAM id {id}, and the first login of mapping {source} had {expected:?}: made again \
             under an old name? Where that is meant, clear its status.userID or write spec.principalID"
        ),
        IdentityCheck::NotApplicable | IdentityCheck::First | IdentityCheck::Same => String::new(),
    }
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

fn refuse_by_gate(decision: &mut Decision, error: &GateError) {
    decision.result = ResultLabel::StsError;
    decision.reason = error.reason();
    decision.request_id = error.request_id().map(Arc::from);
    let text = error.to_string();
    decision.outcome = if error.is_passing() { Outcome::Unavailable(text) } else { Outcome::Denied(text) };
}
