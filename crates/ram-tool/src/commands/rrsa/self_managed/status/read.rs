//! Reads what is judged: of the cluster through kubectl, of RAM and STS through their APIs, of the issuer's site over TLS.
//! Changes nothing.

use openapi::Credentials;
use openapi::api::ApiError;
use openapi::sts::{AssumeRoleWithOidc, SessionName};
use serde_json::Value;
use signature::Secret;

use super::super::SelfManagedFlags;
use super::super::issuer::{
    ApiServerIssuer, ApiServerIssuerError, PublishedIssuer, Site, TokenFacts, Unpublished, is_in_cluster,
};
use super::super::kubectl::{Kubectl, KubectlError};
use super::super::server_flags::ServerFlags;
use super::facts::{
    AUDIENCE, Asked, Deployment, Exchange, Facts, Namespace, Pod, Provider, Read, Role, ServiceAccount,
    Settings as WebhookSettings, Token, Unread, Webhook,
};
use super::objects;
use crate::commands::rrsa::session::Session;
use crate::error::Error;
use crate::log::Log;
use crate::network;
use crate::settings::Settings;
use crate::world::World;

/// Name of the webhook's configuration, as the add-on and the manifests have it.
const WEBHOOK: &str = "ack-pod-identity-webhook";
/// Of a token that shows what the API server bounds lifetimes to; nobody uses it.
const LONG: u64 = 86_400;

/// Who is asked.
pub(super) struct Reader<'a> {
    pub(super) kubectl: Kubectl<'a>,
    pub(super) self_managed: &'a SelfManagedFlags,
    pub(super) settings: &'a Settings,
    pub(super) world: &'a World<'a>,
    pub(super) log: &'a Log<'a>,
}

/// What RAM says.
struct Cloud {
    provider: Read<Option<Provider>>,
    others: Read<Vec<Provider>>,
    role: Option<Read<Option<Role>>>,
}

impl Reader<'_> {
    /// Reads all that was asked about.
    pub(super) fn facts(&self, mut asked: Asked) -> Result<Facts, Error> {
        let wanted = "https://…";
        let (api_server, unreached) = match asked.self_managed {
            true => {
                let read = ApiServerIssuer::read(&self.kubectl, wanted);
                let lost = read.as_ref().err().and_then(|error| match error {
                    ApiServerIssuerError::Kubectl(error) => lost(error),
                    _ => None,
                });
                (Some(read.map_err(|error| discovery_unread(&error))), lost)
            }
            false => (None, self.kubectl.get_raw("/version").err().and_then(|error| lost(&error))),
        };
        let reached = unreached.is_none();
        let pod = asked.pod.clone().filter(|_| reached).map(|name| self.pod(&asked.namespace, &name));
        if let (false, Some(Ok(Some(pod)))) = (asked.names_account, &pod) {
            asked.service_account.clone_from(&pod.service_account);
        }
        let cloud = self.cloud(&asked);
        let published = self.published(&cloud, api_server.as_ref())?;
        let token = reached.then(|| self.token(&asked));
        let exchange = self.exchange(&asked, &cloud, token.as_ref())?;
        let (issuers, issuers_are_deduced) = self.issuers(&asked, api_server.as_ref());
        let about_account = asked.looks_at_account && reached;
        Ok(Facts {
            now: (self.world.now)(),
            unreached,
            api_server,
            issuers,
            issuers_are_deduced,
            published,
            provider: cloud.provider,
            others: cloud.others,
            token: token.map(|token| token.map(|(token, _)| token)),
            role: cloud.role,
            webhook: reached.then(|| self.webhook()),
            namespace: about_account.then(|| self.namespace(&asked.namespace)),
            service_account: about_account.then(|| self.service_account(&asked)),
            pod,
            exchange,
            asked,
        })
    }

    /// All issuers whose tokens the API server takes, and whether that is deduced: its flags, where they are seen, else the
    /// audiences of its own tokens, which are all its issuers unless `--api-audiences` is set. Where neither tells, that is
    /// no finding.
    fn issuers(&self, asked: &Asked, api_server: Option<&Read<ApiServerIssuer>>) -> (Vec<String>, bool) {
        let words = ["pods", "--namespace=kube-system", "--selector=component=kube-apiserver"];
        let Some(Ok(api_server)) = api_server else { return Default::default() };
        let seen = self.kubectl.get_json(&words).map(|pods| ServerFlags::of_pods(&pods)).unwrap_or_default();
        if let Some(flags) = seen.into_iter().next() {
            return (flags.issuers, false);
        }
        let token = self.kubectl.create_token(&asked.namespace, &asked.service_account, None, None);
        let says = token.ok().and_then(|token| TokenFacts::read(token.expose()).ok());
        let audiences = says.map(|says| says.audiences).unwrap_or_default();
        let are_issuers = audiences.first() == Some(&api_server.issuer)
            && audiences.iter().all(|audience| audience.starts_with("https://"));
        (if are_issuers { audiences } else { Vec::new() }, true)
    }

    fn get<T>(&self, words: &[&str], read: impl FnOnce(&Value) -> T) -> Read<Option<T>> {
        match self.kubectl.get_json(words) {
            Ok(object) => Ok(Some(read(&object))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => {
                let thing = words.last().copied().unwrap_or_default();
                Err(unread(&error, &format!("to get {thing} in the cluster")))
            }
        }
    }

    fn pod(&self, namespace: &str, name: &str) -> Read<Option<Pod>> {
        self.get(&[&format!("--namespace={namespace}"), &format!("pods/{name}")], objects::pod)
    }

    fn namespace(&self, name: &str) -> Read<Option<Namespace>> {
        self.get(&[&format!("namespaces/{name}")], objects::namespace)
    }

    fn service_account(&self, asked: &Asked) -> Read<Option<ServiceAccount>> {
        let namespace = format!("--namespace={}", asked.namespace);
        let name = format!("serviceaccounts/{}", asked.service_account);
        self.get(&["--show-managed-fields", &namespace, &name], objects::service_account)
    }

    fn webhook(&self) -> Read<Option<Webhook>> {
        let name = format!("mutatingwebhookconfigurations/{WEBHOOK}");
        let Some((entries, service)) = self.get(&[&name], objects::webhook)? else { return Ok(None) };
        let deployment = service.map(|service| self.deployment(&service));
        Ok(Some(Webhook { entries, deployment }))
    }

    /// The Deployment has its Service's name, in the add-on and in the manifests.
    fn deployment(&self, service: &objects::Service) -> Read<Option<Deployment>> {
        let namespace = format!("--namespace={}", service.namespace);
        let name = format!("deployments/{}", service.name);
        let Some(object) = self.get(&[&namespace, &name], Value::clone)? else { return Ok(None) };
        let (ready, wanted) = objects::replicas(&object);
        let settings = self.webhook_settings(&namespace, &object);
        Ok(Some(Deployment {
            name: format!("{}/{}", service.namespace, service.name),
            ready,
            wanted,
            settings,
        }))
    }

    fn webhook_settings(&self, namespace: &str, deployment: &Value) -> Read<WebhookSettings> {
        let (flags, file) = objects::webhook_flags(deployment);
        let Some(file) = file else { return Ok(flags) };
        let name = format!("configmaps/{}", file.config_map);
        let failed = |detail: &str| Unread::Failed(format!("{name} {detail}"));
        let text = self.get(&[namespace, &name], |object| {
            object.get("data").and_then(|data| data.get(&file.key)).and_then(Value::as_str).map(str::to_owned)
        })?;
        let text = text.ok_or_else(|| failed("is not there"))?;
        let text = text.ok_or_else(|| failed(&format!("has no {}", file.key)))?;
        objects::webhook_file(flags, &text).map_err(failed)
    }

    fn token(&self, asked: &Asked) -> Read<(Token, Secret)> {
        let (namespace, name) = (&asked.namespace, &asked.service_account);
        let create = |seconds| self.kubectl.create_token(namespace, name, Some(AUDIENCE), seconds);
        let right = format!("to create serviceaccounts/token of {namespace}/{name} in the cluster");
        let token = create(None).map_err(|error| unread(&error, &right))?;
        let says = TokenFacts::read(token.expose())
            .map_err(|detail| Unread::Failed(format!("what the API server made {detail}")))?;
        let longest = || TokenFacts::read(create(Some(LONG)).ok()?.expose()).ok().map(|says| says.lifetime());
        let longest = if asked.self_managed { longest() } else { None };
        Ok((Token { says, longest }, token))
    }

    fn cloud(&self, asked: &Asked) -> Cloud {
        let session = match Session::start(self.settings, self.world, self.log) {
            Ok(session) => session,
            Err(error) => {
                let why = Unread::Failed(error.to_string());
                return Cloud {
                    provider: Err(why.clone()),
                    // The reason is told once.
                    role: asked.role.as_ref().map(|_| Err(Unread::Failed("see provider".to_owned()))),
                    others: Err(why),
                };
            }
        };
        let provider = self.own_provider(&session, asked);
        Cloud {
            others: self.other_providers(&session, asked),
            provider,
            role: asked.role.as_ref().map(|name| self.role(&session, name)),
        }
    }

    fn own_provider(&self, session: &Session<'_>, asked: &Asked) -> Read<Option<Provider>> {
        let ims = session.ims(self.self_managed).map_err(|error| Unread::Failed(error.to_string()))?;
        let name = asked.provider_name();
        let call = ims.oidc_provider(&name, &session.credentials, session.now());
        let found = network::run("asking RAM for the provider", self.world, call);
        Ok(answer(found, "ram:GetOIDCProvider")?.map(self::provider))
    }

    fn other_providers(&self, session: &Session<'_>, asked: &Asked) -> Read<Vec<Provider>> {
        let ims = session.ims(self.self_managed).map_err(|error| Unread::Failed(error.to_string()))?;
        let call = ims.oidc_providers(&session.credentials, session.now());
        let found = network::run("asking RAM for providers", self.world, call);
        let own = asked.provider_name();
        let others = answer(found, "ram:ListOIDCProviders")?.into_iter();
        Ok(others.filter(|other| !other.name.eq_ignore_ascii_case(&own)).map(self::provider).collect())
    }

    fn role(&self, session: &Session<'_>, name: &str) -> Read<Option<Role>> {
        let call = session.ram.role(name, &session.credentials, session.now());
        let found = network::run("asking RAM for the role", self.world, call);
        Ok(answer(found, "ram:GetRole")?.map(|role| Role {
            name: role.role_name,
            arn: role.arn,
            trust_policy: role.trust_policy,
        }))
    }

    /// What is published of the provider's issuer; of the API server's, where there is no provider.
    fn published(
        &self,
        cloud: &Cloud,
        api_server: Option<&Read<ApiServerIssuer>>,
    ) -> Result<Option<Result<PublishedIssuer, Unpublished>>, Error> {
        let registered = cloud.provider.as_ref().ok().and_then(Option::as_ref).map(|p| p.issuer.as_str());
        let own = api_server.and_then(|read| read.as_ref().ok()).map(|server| server.issuer.as_str());
        // That of the API server's own Service, nobody can publish.
        let own = own.filter(|own| !is_in_cluster(own));
        let Some(issuer) = registered.or(own).filter(|issuer| issuer.starts_with("https://")) else {
            return Ok(None);
        };
        let site = Site::new(self.world)?;
        network::run("reading the published issuer", self.world, site.read(issuer)).map(Some)
    }

    /// Shows the token to STS. The credentials are dropped at once.
    fn exchange(
        &self,
        asked: &Asked,
        cloud: &Cloud,
        token: Option<&Read<(Token, Secret)>>,
    ) -> Result<Option<Exchange>, Error> {
        let (Some(_), Ok(Some(provider)), Some(Ok(Some(role))), Some(Ok((_, token)))) =
            (&asked.role, &cloud.provider, &cloud.role, token)
        else {
            return Ok(None);
        };
        let request = AssumeRoleWithOidc {
            role_arn: role.arn.clone(),
            oidc_provider_arn: provider.arn.clone(),
            oidc_token: token.clone(),
            session_name: SessionName::from_program(self.world.argument_zero),
            // The shortest that there is.
            duration_seconds: Some(900),
        };
        let sts = network::sts_for_token(self.settings, self.world, self.log)?;
        let call = sts.assume_role_with_oidc(&request, (self.world.now)());
        let answer: Result<Credentials, _> = network::run("asking STS", self.world, call)?;
        Ok(Some(match answer {
            Ok(_) => Exchange::Given,
            Err(error) if error.is_passing() => Exchange::Failed(error.to_string()),
            Err(error) => Exchange::Refused(error.to_string()),
        }))
    }
}

fn provider(provider: openapi::ims::OidcProvider) -> Provider {
    Provider {
        name: provider.name,
        arn: provider.arn,
        issuer: provider.issuer_url,
        client_ids: provider.client_ids,
        fingerprints: provider.fingerprints,
        issuance_limit: provider.issuance_limit_time,
    }
}

/// Why nothing of the cluster can be read, where that is so.
fn lost(error: &KubectlError) -> Option<String> {
    match error {
        KubectlError::Missing | KubectlError::Run { .. } | KubectlError::Failed { .. } => {
            Some(error.to_string())
        }
        KubectlError::Forbidden { .. } | KubectlError::NotFound { .. } | KubectlError::Answer { .. } => None,
    }
}

/// `right`: what the caller would have to be allowed to do.
fn unread(error: &KubectlError, right: &str) -> Unread {
    match error.is_forbidden() {
        true => Unread::NoRight(right.to_owned()),
        false => Unread::Failed(error.to_string()),
    }
}

fn discovery_unread(error: &ApiServerIssuerError) -> Unread {
    match error {
        ApiServerIssuerError::Kubectl(error) => {
            unread(error, "of the ClusterRole system:service-account-issuer-discovery in the cluster")
        }
        other => Unread::Failed(other.to_string()),
    }
}

/// What RAM answered; `right`: what the caller would have to be allowed to do.
fn answer<T>(answer: Result<Result<T, ApiError>, Error>, right: &str) -> Read<T> {
    match answer {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) if error.status() == Some(403) => Err(Unread::NoRight(right.to_owned())),
        Ok(Err(error)) => Err(Unread::Failed(error.to_string())),
        Err(error) => Err(Unread::Failed(error.to_string())),
    }
}
