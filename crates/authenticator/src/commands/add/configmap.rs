//! Reading and writing the ConfigMap: never over somebody else's change.

use cluster::describe;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DynamicObject, PostParams};
use kube::core::ApiResource;
use serde_json::{Map, Value, json};

use super::edit::{self, EditError};
use super::entry::{Entry, Kind};

const NAMESPACE: &str = "kube-system";
const NAME: &str = "alibabacloud-auth";

/// How often somebody else may be faster before the user is told.
const ATTEMPTS: u32 = 5;

/// Why the ConfigMap stays as it is. One line each.
#[derive(Debug, thiserror::Error)]
pub enum ConfigMapError {
    /// It cannot be read.
    #[error("cannot read ConfigMap {NAMESPACE}/{NAME}: {0}")]
    Read(String),
    /// It holds something else than the server reads.
    #[error("ConfigMap {NAMESPACE}/{NAME}: {0}")]
    Edit(#[from] EditError),
    /// `data.mapUsers` is no text.
    #[error("ConfigMap {NAMESPACE}/{NAME}: its data is not a map of texts; mend it first")]
    NotText,
    /// It cannot be written.
    #[error("cannot write ConfigMap {NAMESPACE}/{NAME}: {0}; nothing was changed")]
    Write(String),
    /// Somebody writes it all the time.
    #[error(
        "ConfigMap {NAMESPACE}/{NAME} was changed by somebody else at each of {ATTEMPTS} attempts; nothing was changed: try again"
    )]
    Contended,
}

/// The ConfigMap with the entry in it, not yet written.
pub(super) struct Prepared {
    api: Api<DynamicObject>,
    edited: Change,
}

enum Change {
    Create(DynamicObject),
    Replace(DynamicObject),
}

impl Prepared {
    /// Reads the ConfigMap and puts the entry into the copy.
    ///
    /// # Errors
    /// [`ConfigMapError`], for an ARN that is mapped already too.
    pub(super) async fn read(client: kube::Client, entry: &Entry) -> Result<Self, ConfigMapError> {
        let api = Api::namespaced_with(client, NAMESPACE, &ApiResource::erase::<ConfigMap>(&()));
        let edited = changed(&api, entry).await?;
        Ok(Self { api, edited })
    }

    /// Writes it, and gives it as YAML. What somebody else has written meanwhile is read and edited anew.
    ///
    /// # Errors
    /// [`ConfigMapError`].
    pub(super) async fn write(self, entry: &Entry) -> Result<String, ConfigMapError> {
        let Self { api, mut edited } = self;
        let parameters =
            PostParams { field_manager: Some("ack-ram-authenticator".to_owned()), ..Default::default() };
        for _ in 0..ATTEMPTS {
            let written = match &edited {
                Change::Create(object) => api.create(&parameters, object).await,
                // With the resourceVersion that was read: the API server refuses it after any other change.
                Change::Replace(object) => api.replace(NAME, &parameters, object).await,
            };
            match written {
                Ok(object) => {
                    if matches!(edited, Change::Create(_)) {
                        tracing::info!("ConfigMap {NAMESPACE}/{NAME} did not exist and is created");
                    }
                    return shown(object);
                }
                Err(kube::Error::Api(status)) if status.code == 409 => {
                    tracing::info!("ConfigMap {NAMESPACE}/{NAME} was changed meanwhile: reading it again");
                    edited = changed(&api, entry).await?;
                }
                Err(error) => return Err(ConfigMapError::Write(describe(&error))),
            }
        }
        Err(ConfigMapError::Contended)
    }
}

async fn changed(api: &Api<DynamicObject>, entry: &Entry) -> Result<Change, ConfigMapError> {
    let read = api.get_opt(NAME).await;
    match read.map_err(|error| ConfigMapError::Read(describe(&error)))? {
        Some(mut object) => {
            add(&mut object.data, entry)?;
            Ok(Change::Replace(object))
        }
        None => {
            let mut object = DynamicObject::new(NAME, &ApiResource::erase::<ConfigMap>(&()));
            object.metadata.namespace = Some(NAMESPACE.to_owned());
            object.data = json!({});
            add(&mut object.data, entry)?;
            Ok(Change::Create(object))
        }
    }
}

/// Puts the entry into the object's `data`; every other key stays as it is.
fn add(object: &mut Value, entry: &Entry) -> Result<(), ConfigMapError> {
    let object = object.as_object_mut().ok_or(ConfigMapError::NotText)?;
    let data = object.entry("data").or_insert(Value::Null);
    if data.is_null() {
        *data = Value::Object(Map::new());
    }
    let data = data.as_object_mut().ok_or(ConfigMapError::NotText)?;
    // In both sections: the server takes a user's ARN under mapRoles too, and the entry there would win.
    for kind in [Kind::User, Kind::Role] {
        edit::refuse_known(kind, text(data, kind)?, entry)?;
    }
    let edited = edit::append(text(data, entry.kind)?, entry)?;
    if edited.is_rewritten {
        tracing::warn!("{} is written anew: its entries stay, its comments do not", entry.kind.section());
    }
    data.insert(entry.kind.section().to_owned(), Value::String(edited.text));
    Ok(())
}

fn text(data: &Map<String, Value>, kind: Kind) -> Result<&str, ConfigMapError> {
    match data.get(kind.section()) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(ConfigMapError::NotText),
    }
}

fn shown(mut object: DynamicObject) -> Result<String, ConfigMapError> {
    object.metadata.managed_fields = None;
    let value = serde_json::to_value(&object).map_err(|error| error.to_string());
    let yaml = value.and_then(|value| serde_saphyr::to_string(&value).map_err(|error| error.to_string()));
    // It is written by now: what cannot be shown is no reason to say that it is not.
    Ok(yaml.unwrap_or_else(|reason| {
        format!("# ConfigMap {NAMESPACE}/{NAME} is changed and cannot be shown: {reason}\n")
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;
    use http::{Method, Request, Response, StatusCode};
    use http_body_util::{BodyExt as _, Full};
    use kube::client::Body;

    use super::*;

    fn entry() -> Entry {
        Entry {
            kind: Kind::User,
            arn: "acs:ram::1:user/new".into(),
            username: "new".into(),
            groups: vec!["g".into()],
        }
    }

    /// An API server with one ConfigMap, and another writer who is faster `rivals` times.
    #[derive(Clone, Default)]
    struct OneConfigMap(Arc<Mutex<State>>);

    /// What is stored, how many rivals are to come, and the methods that were called.
    type State = (Option<Value>, u32, Vec<String>);

    impl OneConfigMap {
        fn client(&self) -> kube::Client {
            let this = self.clone();
            let service = tower::service_fn(move |request: Request<Body>| {
                let this = this.clone();
                async move {
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    let (status, value) = this.answer(&parts.method, &body);
                    let answer = Full::new(Bytes::from(value.to_string()));
                    Ok::<_, std::convert::Infallible>(
                        Response::builder().status(status).body(answer).unwrap(),
                    )
                }
            });
            kube::Client::new(service, "default")
        }

        fn answer(&self, method: &Method, body: &[u8]) -> (StatusCode, Value) {
            let mut state = self.0.lock().unwrap();
            let (stored, rivals, calls) = &mut *state;
            calls.push(method.to_string());
            let failure = |code: StatusCode, reason: &str| {
                (
                    code,
                    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no",
                              "reason": reason, "code": code.as_u16()}),
                )
            };
            if *method == Method::GET {
                return match stored {
                    Some(object) => (StatusCode::OK, object.clone()),
                    None => failure(StatusCode::NOT_FOUND, "NotFound"),
                };
            }
            if *rivals > 0 {
                *rivals = rivals.saturating_sub(1);
                let version = rivals.to_string();
                let rival = format!("- userarn: acs:ram::1:user/rival-{rivals}\n  username: r\n");
                *stored = Some(configmap(&version, &rival));
            }
            let mut sent: Value = serde_json::from_slice(body).unwrap();
            let version = |object: &Value| object.pointer("/metadata/resourceVersion").cloned();
            match (stored.as_ref(), *method == Method::POST) {
                (Some(_), true) => return failure(StatusCode::CONFLICT, "AlreadyExists"),
                (Some(stored), false) if version(stored) != version(&sent) => {
                    return failure(StatusCode::CONFLICT, "Conflict");
                }
                _ => {}
            }
            sent.as_object_mut().unwrap().insert("written".into(), true.into());
            *stored = Some(sent.clone());
            (StatusCode::OK, sent)
        }

        fn stored(&self) -> Value {
            self.0.lock().unwrap().0.clone().unwrap()
        }
    }

    fn configmap(version: &str, users: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap",
               "metadata": {"name": NAME, "namespace": NAMESPACE, "resourceVersion": version,
                            "labels": {"keep": "me"}, "managedFields": [{"manager": "x"}]},
               "data": {"mapUsers": users, "mapAccounts": "[\"12\"]", "other": "stays"}})
    }

    #[tokio::test]
    async fn one_key_changes_and_all_others_stay() {
        let api = OneConfigMap::default();
        api.0.lock().unwrap().0 = Some(configmap("7", "# ours\n- userarn: acs:ram::1:user/a\n"));
        let shown = Prepared::read(api.client(), &entry()).await.unwrap().write(&entry()).await.unwrap();
        let stored = api.stored();
        assert_eq!(stored["data"]["other"], "stays");
        assert_eq!(stored["data"]["mapAccounts"], "[\"12\"]");
        assert_eq!(stored["metadata"]["labels"]["keep"], "me");
        let users = stored["data"]["mapUsers"].as_str().unwrap();
        assert!(
            users.starts_with("# ours\n- userarn: acs:ram::1:user/a\n- userarn: \"acs:ram::1:user/new\"\n"),
            "{users}"
        );
        let read: Value = serde_saphyr::from_str(&shown).unwrap();
        assert_eq!(read["data"], stored["data"]);
        assert_eq!(read["metadata"].get("managedFields"), None);
    }

    #[tokio::test]
    async fn somebody_elses_change_is_never_overwritten() {
        let api = OneConfigMap::default();
        *api.0.lock().unwrap() = (Some(configmap("7", "")), 2, Vec::new());
        Prepared::read(api.client(), &entry()).await.unwrap().write(&entry()).await.unwrap();
        let users = api.stored()["data"]["mapUsers"].as_str().unwrap().to_owned();
        assert!(users.contains("user/rival-0") && users.contains("user/new"), "{users}");
        assert_eq!(api.0.lock().unwrap().2, ["GET", "PUT", "GET", "PUT", "GET", "PUT"]);
    }

    #[tokio::test]
    async fn a_rival_without_end_ends_the_attempts() {
        let api = OneConfigMap::default();
        *api.0.lock().unwrap() = (Some(configmap("7", "")), 1000, Vec::new());
        let error = Prepared::read(api.client(), &entry()).await.unwrap().write(&entry()).await.unwrap_err();
        assert!(matches!(error, ConfigMapError::Contended), "{error}");
        assert!(!api.stored()["data"]["mapUsers"].as_str().unwrap().contains("user/new"));
    }

    #[tokio::test]
    async fn a_missing_configmap_is_made_unless_somebody_was_faster() {
        for rivals in [0, 1] {
            let api = OneConfigMap::default();
            api.0.lock().unwrap().1 = rivals;
            Prepared::read(api.client(), &entry()).await.unwrap().write(&entry()).await.unwrap();
            let users = api.stored()["data"]["mapUsers"].as_str().unwrap().to_owned();
            assert!(users.contains("user/new"), "{users}");
            assert_eq!(users.contains("user/rival-0"), rivals == 1, "{users}");
        }
    }

    #[tokio::test]
    async fn an_arn_known_in_either_section_is_refused() {
        for (section, key) in [("mapUsers", "userarn"), ("mapRoles", "RoleARN")] {
            let api = OneConfigMap::default();
            let mut known = configmap("7", "");
            known["data"][section] = format!("- {key}: acs:ram::1:user/NEW\n").into();
            api.0.lock().unwrap().0 = Some(known);
            let error = Prepared::read(api.client(), &entry()).await.err();
            assert!(error.is_some_and(|error| error.to_string().contains(section)), "{section}");
        }
    }
}
