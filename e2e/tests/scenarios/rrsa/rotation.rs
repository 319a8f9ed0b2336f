//! A new key for service accounts' tokens, in the documented order: nobody is locked out on the way.

use e2e::cloud::OIDC_AUDIENCE;
use e2e::control_plane::{ApiServer, TokenKey};
use e2e::site::Site;
use libtest_mimic::Failed;
use serde_json::Value;

use super::stand::{
    Holder, KEYS, Operator, Provider, Role, key_id, key_ids, role_arn, service_accounts, subject, token,
    trust_policy,
};
use super::*;

/// What its operator calls the cluster.
const ID: &str = "rotation";
const PROVIDER: &str = "ack-rrsa-rotation";
const ROLE: &str = "rrsa-rotation";
const NOT_SIGNED: &str = "AuthenticationFail.OIDCToken.InvalidSignature";

/// A cluster whose API server is started anew with other keys, and the site of its issuer.
struct Cluster<'a> {
    rig: &'a Rig,
    site: Site,
    holder: Holder<'a>,
    operator: Operator<'a>,
    _provider: Provider<'a>,
    _role: Role<'a>,
}

impl<'a> Cluster<'a> {
    fn new(rig: &'a Rig, name: &str) -> Result<Self, Failed> {
        let site = Site::start(rig.run(), name)?;
        rig.cloud().emulator().trust_oidc_issuers(site.authority())?;
        let operator = Operator::new(rig)?.trusting(&site)?;
        let role = Role::create(rig, ROLE, &trust_policy(PROVIDER, &site.url(), &subject("app")))?;
        let provider = Provider::made_elsewhere(rig, PROVIDER);
        Ok(Self { rig, site, holder: Holder::new(rig)?, operator, _provider: provider, _role: role })
    }

    /// An API server that accepts these keys and signs with this one.
    fn api_server(&self, name: &str, keys: &[&TokenKey], signs: &TokenKey) -> e2e::Result<ApiServer> {
        let keys = keys.iter().map(|key| format!("--service-account-key-file={}", key.public.display()));
        let signs = format!("--service-account-signing-key-file={}", signs.private.display());
        let issuer = format!("--service-account-issuer={}", self.site.url());
        let jwks_uri = format!("--service-account-jwks-uri={}/{KEYS}", self.site.url());
        let flags: Vec<String> = keys.chain([signs, issuer, jwks_uri]).collect();
        self.rig.api_server_with(&format!("rotation-{name}"), &flags)
    }

    /// Has the tool publish what the API server says, and lets the time pass for which RAM keeps keys. All must be well.
    fn publish(&self, server: &ApiServer, more: &[&str]) -> Result<String, Failed> {
        let (issuer, folder) = (self.site.url(), self.site.folder().to_string_lossy().into_owned());
        let enable =
            ["rrsa", "enable", "--self-managed", "-c", ID, "--issuer", &issuer, "--output-dir", &folder];
        let account = ["-n", stand::SPACE, "-s", stand::NAME];
        let output = self.operator.tool_at(server, &[&enable[..], &account, more].concat())?;
        assert_eq!(output.status, 0, "{output:?}");
        self.rig.cloud().emulator().forget_oidc_keys();
        Ok(output.stderr)
    }

    /// How many keys are published.
    fn published(&self) -> Result<usize, Failed> {
        let text = std::fs::read_to_string(self.site.folder().join(KEYS))?;
        Ok(key_ids(&serde_json::from_str(&text)?).len())
    }

    /// What `rrsa status` says of each published key and each key of the API server.
    fn keys_are(&self, server: &ApiServer) -> Result<Vec<String>, Failed> {
        let status = ["rrsa", "status", "--self-managed", "-c", ID, "-o", "json"];
        let account = ["-n", stand::SPACE, "-s", stand::NAME];
        let output = self.operator.tool_at(server, &[&status[..], &account].concat())?;
        let report: Value = serde_json::from_str(&output.stdout).map_err(|_| format!("{output:?}"))?;
        let findings = report["findings"].as_array().cloned().unwrap_or_default();
        let of_keys = |one: &&Value| one["part"] == "publishedIssuer" && one["check"] == "keys";
        let states = findings.iter().filter(of_keys).map(|one| one["state"].as_str().unwrap_or_default());
        Ok(states.map(str::to_owned).collect())
    }

    fn token(&self, server: &ApiServer) -> e2e::Result<String> {
        token(&self.rig.admin_of(server), &["--audience", OIDC_AUDIENCE])
    }

    fn becomes(&self, token: &str) -> Result<String, Failed> {
        self.holder.becomes(ROLE, PROVIDER, token)
    }

    /// Every one of these tokens makes its holder the role.
    fn assert_all_pass(&self, step: &str, tokens: &[&String]) -> Outcome {
        for (number, token) in tokens.iter().enumerate() {
            assert_eq!(self.becomes(token)?, role_arn(ROLE), "{step}: token {number}");
        }
        Ok(())
    }
}

pub(super) fn in_the_documented_order_tokens_of_both_keys_pass_until_the_old_one_is_dropped(
    rig: &Rig,
) -> Outcome {
    let _accounts = service_accounts(rig, &["app"])?;
    let cluster = Cluster::new(rig, "rotation")?;
    let old = rig.plane().token_key().clone();
    let new = TokenKey::create(rig.run(), "rotation-new")?;

    // Before.
    let before = cluster.api_server("before", &[&old], &old)?;
    cluster.publish(&before, &[])?;
    assert_eq!(cluster.published()?, 1);
    let first = cluster.token(&before)?;
    cluster.assert_all_pass("before", &[&first])?;
    drop(before);

    // 1. The new key is accepted everywhere, and published, before it signs anywhere.
    let accepting = cluster.api_server("accepting", &[&old, &new], &old)?;
    assert_eq!(cluster.keys_are(&accepting)?, ["broken"], "the new one is not published yet");
    cluster.publish(&accepting, &[])?;
    assert_eq!(cluster.published()?, 2);
    let second = cluster.token(&accepting)?;
    assert_eq!(key_id(&first), key_id(&second));
    assert_eq!(cluster.keys_are(&accepting)?, ["ok"]);
    cluster.assert_all_pass("accepted", &[&first, &second])?;
    drop(accepting);

    // 2. It signs. What is published is the same.
    let signing = cluster.api_server("signing", &[&new, &old], &new)?;
    let third = cluster.token(&signing)?;
    assert_ne!(key_id(&third), key_id(&second));
    assert_eq!(cluster.keys_are(&signing)?, ["ok"]);
    cluster.assert_all_pass("signing", &[&first, &second, &third])?;
    drop(signing);

    // 3. The API servers no longer accept the old key: it stays published until somebody says that no token of it is in use.
    let after = cluster.api_server("after", &[&new], &new)?;
    assert_eq!(cluster.keys_are(&after)?, ["warning"], "STS goes on taking tokens of the old one");
    let told = cluster.publish(&after, &[])?;
    assert!(told.contains(&format!("the old key {}", key_id(&first))), "{told}");
    assert!(told.contains("--drop-old-keys"), "{told}");
    assert_eq!(cluster.published()?, 2);
    let fourth = cluster.token(&after)?;
    cluster.assert_all_pass("kept", &[&first, &second, &third, &fourth])?;

    // 4. It goes. A token of it that has not ended is no good any more.
    cluster.publish(&after, &["--drop-old-keys"])?;
    assert_eq!(cluster.keys_are(&after)?, ["ok"]);
    assert_eq!(cluster.published()?, 1);
    cluster.assert_all_pass("dropped", &[&third, &fourth])?;
    for token in [&first, &second] {
        assert_eq!(cluster.becomes(token)?, NOT_SIGNED);
    }
    Ok(())
}

pub(super) fn a_key_that_signs_before_it_is_published_locks_pods_out_until_it_is(rig: &Rig) -> Outcome {
    let _accounts = service_accounts(rig, &["app"])?;
    let cluster = Cluster::new(rig, "rotation-wrong")?;
    let old = rig.plane().token_key().clone();
    let new = TokenKey::create(rig.run(), "rotation-hasty")?;
    let before = cluster.api_server("wrong-before", &[&old], &old)?;
    cluster.publish(&before, &[])?;
    let first = cluster.token(&before)?;
    cluster.assert_all_pass("before", &[&first])?;
    drop(before);

    let hasty = cluster.api_server("wrong-hasty", &[&new], &new)?;
    let second = cluster.token(&hasty)?;
    assert_eq!(cluster.becomes(&second)?, NOT_SIGNED);
    cluster.assert_all_pass("hasty", &[&first])?;
    // The tool mends it: the new key beside the old one, which the API server has forgotten already.
    cluster.publish(&hasty, &[])?;
    assert_eq!(cluster.published()?, 2);
    cluster.assert_all_pass("published", &[&first, &second])
}
