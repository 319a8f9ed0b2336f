//! From settings, namespace, service account and pod to a decision.

use std::fmt;

use serde_json::{Value, json};

use super::expiration::{self, Expiration, ExpirationSource};
use super::mount::{self, FILE, Place, VOLUME, Volume};
use super::patch::Patch;
use super::pod::Placed;
use super::variables::Variables;
use super::warnings::{Quoted, Warnings};
use super::{
    Level, Namespace, PatchOperation, Pod, ServiceAccount, Settings, StsVariables, role, selection, switches,
};

/// Mode of the file with the token, in decimal: 0644.
const DEFAULT_MODE: u32 = 420;

/// Lifetime of a projected token that has none written (Kubernetes API reference, ServiceAccountTokenProjection).
const KUBERNETES_DEFAULT_SECONDS: u32 = 3600;

/// What becomes of a pod.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What it gets, or why nothing.
    pub outcome: Outcome,
    /// What whoever made the pod should know: one line each, without control characters, at most 256 bytes.
    pub warnings: Vec<String>,
}

/// What a pod gets, or why nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is (or already was) injected.
    Injected(Injection),
    /// It stays as it is.
    NotInjected(Reason),
}

/// What a pod gets.
#[derive(Clone, Debug, PartialEq)]
pub struct Injection {
    /// The role.
    pub role_arn: String,
    /// Lifetime of its token in seconds.
    pub expiration_seconds: u32,
    /// Who decided that lifetime.
    pub expiration_from: ExpirationSource,
    /// Which variables about STS are among those that it gets.
    pub sts_variables: Option<StsVariables>,
    /// Who says that variables of the containers' own are replaced (`override-env`): the pod or its namespace.
    pub override_env: Option<Level>,
    /// Names of the containers that have it.
    pub containers: Vec<String>,
    /// Empty where the pod has all of it already.
    pub patch: Vec<PatchOperation>,
}

/// Why a pod gets nothing: a closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A mirror pod.
    MirrorPod,
    /// Neither the namespace's label nor the pod's is `on`.
    NamespaceNotOn,
    /// The service account names no role.
    NoRole,
    /// It names something that is no role.
    InvalidRole,
    /// A volume of the pod's own has the name.
    VolumeNameTaken,
    /// Something else is mounted at the path, in every container that was to be injected.
    MountPathTaken,
    /// No container is to be injected, by the pod's annotations.
    NoContainer,
}

impl Reason {
    /// All of them.
    pub const ALL: [Reason; 7] = [
        Reason::MirrorPod,
        Reason::NamespaceNotOn,
        Reason::NoRole,
        Reason::InvalidRole,
        Reason::VolumeNameTaken,
        Reason::MountPathTaken,
        Reason::NoContainer,
    ];

    /// As in metrics: lower case with underscores.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::MirrorPod => "mirror_pod",
            Reason::NamespaceNotOn => "namespace_not_on",
            Reason::NoRole => "no_role",
            Reason::InvalidRole => "invalid_role",
            Reason::VolumeNameTaken => "volume_name_taken",
            Reason::MountPathTaken => "mount_path_taken",
            Reason::NoContainer => "no_container",
        }
    }

    /// Whether somebody wanted the role and does not get it: the others are as they should be.
    pub fn is_fault(self) -> bool {
        matches!(self, Reason::InvalidRole | Reason::VolumeNameTaken | Reason::MountPathTaken)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Decides about one pod.
///
/// Deciding again about the pod with the patch in it gives the same with an empty patch, so it can be asked as often as
/// other webhooks change the pod. What else a pod says makes no difference: `automountServiceAccountToken: false` is
/// about the token for the API server, `hostNetwork` leaves volumes alone, and in Windows containers the same paths lie
/// on drive C:.
pub fn decide(
    settings: &Settings,
    namespace: &Namespace,
    account: &ServiceAccount,
    pod: &Pod<'_>,
) -> Decision {
    let mut warnings = Warnings::default();
    let outcome = match plan(settings, namespace, account, pod, &mut warnings) {
        Ok(injection) => Outcome::Injected(injection),
        Err(reason) => Outcome::NotInjected(reason),
    };
    Decision { outcome, warnings: warnings.into_lines() }
}

fn plan(
    settings: &Settings,
    namespace: &Namespace,
    account: &ServiceAccount,
    pod: &Pod<'_>,
    warnings: &mut Warnings,
) -> Result<Injection, Reason> {
    // The API server takes no mirror pod with a service account token in it (Kubernetes, admission plugin
    // ServiceAccount), and a kubelet would not heed one.
    if pod.is_mirror() {
        return Err(Reason::MirrorPod);
    }
    if !namespace.is_on() && !pod.is_on() {
        return Err(Reason::NamespaceNotOn);
    }
    let role_arn = role::of_service_account(settings, account, pod.service_account(), warnings)?;
    let selected = selection::of_containers(pod, warnings);
    if selected.is_empty() {
        return Err(Reason::NoContainer);
    }
    let volume = mount::find_volume(settings, pod).inspect_err(|_| warn_of_volume(settings, warnings))?;
    let places = free_places(settings, selected, warnings);
    if places.is_empty() {
        return Err(Reason::MountPathTaken);
    }
    let expiration = expiration::of_token(settings, namespace, account, pod, warnings);
    let Expiration { seconds: expiration_seconds, source: expiration_from } =
        kept_expiration(&volume, expiration, warnings);
    let override_env = switches::override_env(namespace, pod);
    let sts = settings.sts(account);
    switches::warn(settings, namespace, account, pod, warnings);
    let variables = Variables::new(settings, &role_arn, sts, override_env);
    for (placed, _) in &places {
        variables.warn(placed.container, warnings);
    }

    let mut patch = Patch::default();
    if matches!(volume, Volume::Missing) {
        patch.append("/spec/volumes", pod.volumes().is_some(), [volume_value(settings, expiration_seconds)]);
    }
    for (placed, place) in &places {
        inject(settings, &variables, *placed, place, &mut patch);
    }
    let containers = places.iter().map(|(placed, _)| placed.container.name.to_string()).collect();
    Ok(Injection {
        role_arn,
        expiration_seconds,
        expiration_from,
        sts_variables: sts.map(|(which, _)| which),
        override_env,
        containers,
        patch: patch.into_operations(),
    })
}

fn warn_of_volume(settings: &Settings, warnings: &mut Warnings) {
    warnings.push(format_args!(
        "no RAM role for this pod: it has a volume {VOLUME} that is no projected service account token of audience {} \
         at path {FILE}; give it another name",
        Quoted(&settings.audience),
    ));
}

/// The containers that the token can be mounted in, or is.
fn free_places<'p, 'a>(
    settings: &Settings,
    selected: Vec<Placed<'p, 'a>>,
    warnings: &mut Warnings,
) -> Vec<(Placed<'p, 'a>, Place)> {
    let with_place = |placed: Placed<'p, 'a>| (placed, mount::find_place(settings, placed.container));
    let mut places: Vec<_> = selected.into_iter().map(with_place).collect();
    places.retain(|(placed, place)| {
        if *place == Place::Taken {
            warnings.push(format_args!(
                "no RAM role for container {}: it has something else mounted at or below {}; move that mount",
                Quoted(&placed.container.name),
                Quoted(&settings.mount_path),
            ));
        }
        *place != Place::Taken
    });
    places
}

/// The lifetime that the token will have: that of the pod's own volume stays.
fn kept_expiration(volume: &Volume, expiration: Expiration, warnings: &mut Warnings) -> Expiration {
    let Volume::Present(own) = volume else { return expiration };
    // What is no lifetime at all the API server refuses by itself.
    let own = own.map_or(KUBERNETES_DEFAULT_SECONDS, |own| u32::try_from(own).unwrap_or_default());
    if own == expiration.seconds {
        return expiration;
    }
    if matches!(expiration.source, ExpirationSource::Annotation(_)) {
        warnings.push(format_args!(
            "the pod keeps its own volume {VOLUME}, whose token lives {own} s instead of the {} s of the annotation \
             service-account-token-expiration",
            expiration.seconds,
        ));
    }
    Expiration { seconds: own, source: ExpirationSource::OwnVolume }
}

fn inject(
    settings: &Settings,
    variables: &Variables,
    placed: Placed<'_, '_>,
    place: &Place,
    patch: &mut Patch,
) {
    let Placed { list, index, container } = placed;
    let at = |field| format!("/spec/{list}/{index}/{field}");
    variables.add_to(container, &at("env"), patch);
    if *place == Place::Free {
        patch.append(&at("volumeMounts"), container.volume_mounts.is_some(), [mount_value(settings)]);
    }
}

fn volume_value(settings: &Settings, expiration_seconds: u32) -> Value {
    let token = json!({
        "audience": settings.audience,
        "expirationSeconds": expiration_seconds,
        "path": FILE,
    });
    json!({
        "name": VOLUME,
        "projected": { "defaultMode": DEFAULT_MODE, "sources": [{ "serviceAccountToken": token }] },
    })
}

fn mount_value(settings: &Settings) -> Value {
    json!({ "name": VOLUME, "mountPath": settings.mount_path, "readOnly": true })
}
