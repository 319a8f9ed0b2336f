//! A pod, as far as it has to be read. What is not read is neither lost nor changed: patches say what to add.
//!
//! The API server hands a pod over after it has read it, so `null`s do not come from there; `explain` reads what
//! people write. A `null` means the same as nothing, as it does to the API server. Field names are those of the
//! Kubernetes API reference, "Pod v1 core".

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::levels::{ON, TRUE};

/// A view of a pod's JSON.
///
/// Ephemeral containers are not in it: they can only be added to a pod that runs, and cannot mount a volume that the
/// pod did not have. Neither is `envFrom`: what its ConfigMaps and Secrets hold can be known only when the container
/// starts.
#[derive(Debug, Deserialize)]
pub struct Pod<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    metadata: Object<Metadata<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    spec: Object<Spec<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    generate_name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    labels: Object<Labels<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    annotations: Object<Annotations<'a>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    owner_references: Vec<Object<Owner<'a>>>,
}

/// What a pod can say by label. The others are skipped, as with annotations.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Labels<'a> {
    #[serde(borrow, default, rename = "pod-identity.alibabacloud.com/injection")]
    pub(super) injection: Option<Text<'a>>,
}

/// What a pod can say by annotation. The others are skipped, and so is whatever is wrong with them.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Annotations<'a> {
    #[serde(borrow, default, rename = "pod-identity.alibabacloud.com/service-account-token-expiration")]
    pub(super) expiration: Option<Text<'a>>,
    #[serde(borrow, default, rename = "pod-identity.alibabacloud.com/only-containers")]
    pub(super) only_containers: Option<Text<'a>>,
    #[serde(borrow, default, rename = "pod-identity.alibabacloud.com/skip-containers")]
    pub(super) skip_containers: Option<Text<'a>>,
    #[serde(borrow, default, rename = "pod-identity.alibabacloud.com/override-env")]
    pub(super) override_env: Option<Text<'a>>,
    #[serde(default, rename = "kubernetes.io/config.mirror")]
    mirror: Option<IgnoredAny>,
}

/// Who made the pod, such as a ReplicaSet or a Job.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    api_version: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    kind: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    uid: Text<'a>,
    #[serde(default, deserialize_with = "nullable")]
    controller: bool,
}

impl Owner<'_> {
    /// As in `apps/v1`.
    pub fn api_version(&self) -> &str {
        &self.api_version
    }

    /// As in `ReplicaSet`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The name of the object.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of the object.
    pub fn uid(&self) -> &str {
        &self.uid
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    service_account_name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    service_account: Text<'a>,
    #[serde(borrow, default)]
    volumes: Option<Vec<Object<Volume<'a>>>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    init_containers: Vec<Object<Container<'a>>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    containers: Vec<Object<Container<'a>>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Volume<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub(super) name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    projected: Object<Projected<'a>>,
}

impl Volume<'_> {
    /// The service account tokens that are projected into it.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &TokenProjection<'_>> {
        self.projected.sources.iter().filter_map(|source| source.service_account_token.as_deref())
    }
}

#[derive(Debug, Default, Deserialize)]
struct Projected<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    sources: Vec<Object<Source<'a>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Source<'a> {
    #[serde(borrow, default)]
    service_account_token: Option<Object<TokenProjection<'a>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokenProjection<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub(super) audience: Text<'a>,
    #[serde(default)]
    pub(super) expiration_seconds: Option<i64>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub(super) path: Text<'a>,
}

/// A container, an init container or a native sidecar.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Container<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub(super) name: Text<'a>,
    /// `None` where there is no array that something could be appended to.
    #[serde(borrow, default)]
    pub(super) env: Option<Vec<Object<Variable<'a>>>>,
    /// `None` as with `env`.
    #[serde(borrow, default)]
    pub(super) volume_mounts: Option<Vec<Object<VolumeMount<'a>>>>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub(super) volume_devices: Vec<Object<VolumeDevice<'a>>>,
}

impl<'a> Container<'a> {
    /// The variable of this name that counts: of several it is the last.
    pub(super) fn variable(&self, name: &str) -> Option<&Variable<'a>> {
        self.place_of(name).map(|(_, variable)| variable)
    }

    /// The same, and which element of `env` it is.
    pub(super) fn place_of(&self, name: &str) -> Option<(usize, &Variable<'a>)> {
        let variables = self.env.as_deref().unwrap_or_default().iter().map(Object::get).enumerate();
        variables.rev().find(|(_, variable)| &*variable.name == name)
    }
}

/// A variable of a container. Its value can be a secret: it is shown nowhere.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Variable<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    value: Text<'a>,
    #[serde(default)]
    value_from: Option<IgnoredAny>,
}

impl Variable<'_> {
    /// Its value where that is written in the pod; a variable without any has the empty one.
    pub(super) fn literal(&self) -> Option<&str> {
        if self.value_from.is_some() { None } else { Some(&self.value) }
    }
}

impl fmt::Debug for Variable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Variable").field("name", &self.name).finish_non_exhaustive()
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VolumeMount<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub(super) name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub(super) mount_path: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub(super) sub_path: Text<'a>,
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub(super) sub_path_expr: Text<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VolumeDevice<'a> {
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub(super) device_path: Text<'a>,
}

/// A text that is borrowed from the JSON unless something in it is escaped. (Within an `Option`, serde never borrows a
/// bare `Cow`.)
#[derive(Debug, Default, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// An object of JSON. By themselves serde's structs take an array too, and a patch would not fit it.
#[derive(Debug, Default)]
pub(super) struct Object<T>(T);

impl<T> Object<T> {
    fn get(&self) -> &T {
        &self.0
    }
}

impl<T> std::ops::Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Why it cannot be read: one line that says where in the object, and holds no value of it.
#[derive(Debug, thiserror::Error)]
#[error("the object cannot be read as a Pod: {0}")]
pub struct PodError(String);

impl PodError {
    /// A value of the wrong type may be a secret, and serde quotes it: only what was expected is taken over.
    fn new(path: &str, error: &serde_json::Error) -> PodError {
        let message = error.to_string();
        let what = match message.rsplit_once(", expected ") {
            _ if !error.is_data() => format!("it is no JSON: {message}"),
            Some((_, expected)) => format!("{path}: expected {expected}"),
            None if message.starts_with("duplicate field ") => format!("{path}: {message}"),
            None => format!("{path}: not what a Pod has there"),
        };
        PodError(what)
    }
}

/// A container and where it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed<'p, 'a> {
    /// `initContainers` or `containers`.
    pub(super) list: &'static str,
    pub(super) index: usize,
    pub(super) container: &'p Container<'a>,
}

/// Most containers of a pod, init containers included. Three bytes of JSON are a container, and what is added to one is a
/// thousand times as much: whoever may create pods must not fill the webhook's memory so.
const MAX_CONTAINERS: usize = 1000;

impl<'a> Pod<'a> {
    /// Reads a pod.
    ///
    /// # Errors
    /// It is not JSON, or a field of it that counts here is of another type than a Pod's, or it has too many containers.
    pub fn from_json(json: &'a str) -> Result<Pod<'a>, PodError> {
        let pod: Result<Object<Pod<'a>>, _> = serde_json::from_str(json);
        let pod = pod.map(|pod| pod.0).map_err(|error| PodError::new(&path_of_error(json), &error))?;
        match pod.containers().count() {
            count if count > MAX_CONTAINERS => {
                Err(PodError(format!("it has {count} containers, of {MAX_CONTAINERS} that are looked at")))
            }
            _ => Ok(pod),
        }
    }

    /// `metadata.name`; one that a controller makes has none yet.
    pub fn name(&self) -> Option<&str> {
        not_empty(&self.metadata.name)
    }

    /// `metadata.generateName`: what its name will begin with.
    pub fn generate_name(&self) -> Option<&str> {
        not_empty(&self.metadata.generate_name)
    }

    /// The owner that made it, and makes it anew: the one with `controller: true`.
    pub fn controller(&self) -> Option<&Owner<'a>> {
        self.metadata.owner_references.iter().map(Object::get).find(|owner| owner.controller)
    }

    /// The service account that the pod runs as: `spec.serviceAccountName`, else `spec.serviceAccount` (its old name),
    /// else `default`.
    pub fn service_account(&self) -> &str {
        not_empty(&self.spec.service_account_name)
            .or_else(|| not_empty(&self.spec.service_account))
            .unwrap_or("default")
    }

    /// Whether it stands for a static pod (annotation `kubernetes.io/config.mirror`), which may have no service account.
    pub fn is_mirror(&self) -> bool {
        self.metadata.annotations.mirror.is_some()
    }

    /// Whether its own label (`pod-identity.alibabacloud.com/injection: on`) turns injection on, whatever its namespace
    /// says. With any other value, or none, the namespace decides.
    pub fn is_on(&self) -> bool {
        self.labels().injection.as_deref() == Some(ON)
    }

    pub(super) fn overrides(&self) -> bool {
        self.annotations().override_env.as_deref() == Some(TRUE)
    }

    pub(super) fn labels(&self) -> &Labels<'a> {
        &self.metadata.labels
    }

    pub(super) fn annotations(&self) -> &Annotations<'a> {
        &self.metadata.annotations
    }

    /// `None` where there is no array that something could be appended to.
    pub(super) fn volumes(&self) -> Option<&[Object<Volume<'a>>]> {
        self.spec.volumes.as_deref()
    }

    /// Its containers, those that start first in front.
    pub(super) fn containers(&self) -> impl Iterator<Item = Placed<'_, 'a>> {
        let init = self.spec.init_containers.iter().enumerate();
        let main = self.spec.containers.iter().enumerate();
        let init = init.map(|(index, container)| Placed { list: "initContainers", index, container });
        init.chain(main.map(|(index, container)| Placed { list: "containers", index, container }))
    }
}

fn not_empty(text: &str) -> Option<&str> {
    if text.is_empty() { None } else { Some(text) }
}

/// Where the error is: read once more, as keeping track costs, and there seldom is one.
fn path_of_error(json: &str) -> String {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    match serde_path_to_error::deserialize::<_, Object<Pod<'_>>>(&mut deserializer) {
        Ok(_) => ".".to_owned(),
        Err(error) => error.path().to_string(),
    }
}
