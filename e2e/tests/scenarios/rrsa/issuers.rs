//! What the real API server does with issuers, audiences, lifetimes and keys: `rrsa enable --self-managed` and its page
//! build on it.

use e2e::control_plane::{ApiServer, ISSUER, TokenKey};
use serde_json::json;

use super::stand::{claims, key_id, key_ids, lifetime, raw, service_accounts, token};
use libtest_mimic::Failed;

use super::*;

/// Where nobody listens: no scenario here fetches anything.
const NEW: &str = "https://issuer.example/c1";
const DOCUMENT: &str = "/.well-known/openid-configuration";
const KEYS: &str = "/openid/v1/jwks";

fn server(rig: &Rig, name: &str, flags: &[&str]) -> e2e::Result<ApiServer> {
    let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
    rig.api_server_with(&format!("issuers-{name}"), &flags)
}

fn issuer(url: &str) -> String {
    format!("--service-account-issuer={url}")
}

/// Whether an API server lets the holder of a token in.
fn lets_in(rig: &Rig, server: &ApiServer, token: &str) -> Result<bool, Failed> {
    let output = rig.nobody(server)?.arg(format!("--token={token}")).run(&["auth", "whoami"])?;
    assert!(output.status == 0 || output.stderr.contains("Unauthorized"), "{output:?}");
    Ok(output.status == 0)
}

/// The change of a cluster's issuer, API server by API server: at no step is a token refused that is good elsewhere, if the
/// new issuer is accepted everywhere before it signs anywhere.
pub(super) fn the_first_issuer_signs_and_tokens_of_every_issuer_are_good(rig: &Rig) -> Outcome {
    let _account = service_accounts(rig, &["app"])?;
    let old = token(&rig.admin(), &[])?;
    assert_eq!((&claims(&old)["iss"], &claims(&old)["aud"]), (&json!(ISSUER), &json!([ISSUER])));

    let accepting = server(rig, "old-new", &[&issuer(ISSUER), &issuer(NEW)])?;
    let kubectl = rig.admin_of(&accepting);
    assert_eq!(raw(&kubectl, DOCUMENT)?["issuer"], ISSUER);
    let from_accepting = token(&kubectl, &[])?;
    assert_eq!(claims(&from_accepting)["iss"], ISSUER);
    assert_eq!(claims(&from_accepting)["aud"], json!([ISSUER, NEW]));

    let signing = server(rig, "new-old", &[&issuer(NEW), &issuer(ISSUER)])?;
    let kubectl = rig.admin_of(&signing);
    let document = raw(&kubectl, DOCUMENT)?;
    assert_eq!(document["issuer"], NEW, "one of them: the first");
    let jwks_uri = document["jwks_uri"].as_str().unwrap_or_default();
    assert!(jwks_uri.starts_with("https://") && jwks_uri.ends_with(KEYS), "{jwks_uri}");
    assert!(!jwks_uri.starts_with(NEW), "the API server's own address, not the issuer's: {jwks_uri}");
    assert_eq!(document["id_token_signing_alg_values_supported"], json!(["RS256"]));
    let new = token(&kubectl, &[])?;
    assert_eq!(claims(&new)["iss"], NEW);
    assert_eq!(claims(&new)["aud"], json!([NEW, ISSUER]));
    let for_sts = token(&kubectl, &["--audience", "sts.aliyuncs.com"])?;
    assert_eq!(claims(&for_sts)["aud"], json!(["sts.aliyuncs.com"]));

    let only_new = server(rig, "new", &[&issuer(NEW)])?;
    for (at, token, is_good) in [
        (rig.api_server(), &from_accepting, true),
        (rig.api_server(), &new, false),
        (&accepting, &old, true),
        (&accepting, &new, true),
        (&signing, &old, true),
        (&signing, &from_accepting, true),
        (&signing, &new, true),
        (&signing, &for_sts, false),
        (&only_new, &old, false),
        (&only_new, &from_accepting, false),
        (&only_new, &new, true),
    ] {
        assert_eq!(lets_in(rig, at, token)?, is_good, "{} {}", at.url(), claims(token));
    }

    // The document can name keys elsewhere, and without it the API server itself.
    let jwks_uri = format!("--service-account-jwks-uri={NEW}{KEYS}");
    let published = server(rig, "jwks-uri", &[&issuer(NEW), &issuer(ISSUER), &jwks_uri])?;
    assert_eq!(raw(&rig.admin_of(&published), DOCUMENT)?["jwks_uri"], format!("{NEW}{KEYS}"));
    Ok(())
}

pub(super) fn api_audiences_are_the_issuers_unless_they_are_set(rig: &Rig) -> Outcome {
    let _account = service_accounts(rig, &["app"])?;
    let old = token(&rig.admin(), &[])?;
    let both = format!("{NEW},{ISSUER}");
    // What is set, the audiences of tokens for the API server, and whether those of before are good.
    for (name, audiences, expected, is_old_good) in [
        ("aud-unset", None, json!([NEW, ISSUER]), true),
        ("aud-new", Some(NEW), json!([NEW]), false),
        ("aud-old", Some(ISSUER), json!([ISSUER]), true),
        ("aud-both", Some(both.as_str()), json!([NEW, ISSUER]), true),
    ] {
        let flags = [issuer(NEW), issuer(ISSUER)];
        let set = audiences.map(|list| format!("--api-audiences={list}"));
        let flags: Vec<&str> = flags.iter().chain(&set).map(String::as_str).collect();
        let server = server(rig, name, &flags)?;
        let new = token(&rig.admin_of(&server), &[])?;
        assert_eq!(claims(&new)["aud"], expected, "{name}");
        assert!(lets_in(rig, &server, &new)?, "{name}");
        assert_eq!(lets_in(rig, &server, &old)?, is_old_good, "{name}");
    }
    Ok(())
}

pub(super) fn tokens_are_capped_where_the_flag_says_so_but_those_for_the_api_server_itself(
    rig: &Rig,
) -> Outcome {
    let _account = service_accounts(rig, &["app"])?;
    let capped = server(rig, "capped", &["--service-account-max-token-expiration=12h"])?;
    let ask = ["create", "token", stand::NAME, "--namespace", stand::SPACE, "--audience", "sts.aliyuncs.com"];
    let day = [&ask[..], &["--duration=86400s"]].concat();
    let uncapped = rig.admin().run(&day)?;
    assert_eq!((uncapped.stderr.as_str(), lifetime(uncapped.stdout.trim())), ("", 86400));
    let output = rig.admin_of(&capped).run(&day)?;
    assert_eq!(output.stderr, "Warning: requested expiration of 86400 seconds shortened to 43200 seconds\n");
    assert_eq!(lifetime(output.stdout.trim()), 43200);
    assert_eq!(lifetime(&token(&rig.admin_of(&capped), &["--duration=43200s"])?), 43200);
    assert_eq!(lifetime(&token(&rig.admin_of(&capped), &[])?), 3600);
    // Those that pods have for the API server, of 3607 s, live for a year in spite of it: what reads the file once and
    // never again goes on. They are what keeps an old issuer in use.
    let kept = e2e::pod_identity::pod(stand::SPACE, "kept", stand::NAME, &[]);
    let file = rig.run().file("kept.json", &kept.to_string())?;
    rig.admin().ok(&["create", "-f", &file.to_string_lossy()])?;
    let _pod = rig.removed_later(&format!("pod/kept --namespace={}", stand::SPACE));
    let bound = ["--bound-object-kind=Pod", "--bound-object-name=kept", "--duration=3607s"];
    let long = token(&rig.admin_of(&capped), &bound)?;
    assert_eq!(lifetime(&long), 365 * 86400);
    let for_sts = token(&rig.admin_of(&capped), &[&bound[..], &["--audience=sts.aliyuncs.com"]].concat())?;
    assert_eq!(lifetime(&for_sts), 3607);
    // Less than an hour is refused.
    let refused = server(rig, "capped-too-short", &["--service-account-max-token-expiration=30m"]);
    let refused = refused.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused.contains("must be between 1 hour"), "{refused}");
    Ok(())
}

pub(super) fn every_key_file_is_published_and_the_signing_key_only_if_it_is_among_them(rig: &Rig) -> Outcome {
    let _account = service_accounts(rig, &["app"])?;
    let old = rig.plane().token_key().clone();
    let next = TokenKey::create(rig.run(), "issuers-next")?;
    let file = |key: &TokenKey| format!("--service-account-key-file={}", key.public.display());
    let signs = format!("--service-account-signing-key-file={}", next.private.display());
    let first = token(&rig.admin(), &[])?;

    // Published before it signs.
    let ahead = server(rig, "keys-ahead", &[&file(&old), &file(&next)])?;
    let jwks = raw(&rig.admin_of(&ahead), KEYS)?;
    let [old_id, next_id] = key_ids(&jwks)[..] else { panic!("two keys, and not {jwks}") };
    assert_eq!(key_id(&first), old_id);
    assert_eq!(key_id(&token(&rig.admin_of(&ahead), &[])?), old_id);
    for key in jwks["keys"].as_array().unwrap() {
        assert_eq!((&key["alg"], &key["use"], &key["kty"]), (&json!("RS256"), &json!("sig"), &json!("RSA")));
    }

    // It signs; what the old one has signed stays good.
    let rotated = server(rig, "keys-rotated", &[&file(&next), &file(&old), &signs])?;
    assert_eq!(key_ids(&raw(&rig.admin_of(&rotated), KEYS)?), [next_id, old_id]);
    let second = token(&rig.admin_of(&rotated), &[])?;
    assert_eq!(key_id(&second), next_id);

    // A key that signs and is in no file of keys: not published, and its tokens are refused by who made them.
    let forgotten = server(rig, "keys-forgotten", &[&file(&old), &signs])?;
    assert_eq!(key_ids(&raw(&rig.admin_of(&forgotten), KEYS)?), [old_id]);
    let third = token(&rig.admin_of(&forgotten), &[])?;
    assert_eq!(key_id(&third), next_id);
    for (at, token, is_good) in [
        (rig.api_server(), &second, false),
        (&ahead, &second, true),
        (&rotated, &first, true),
        (&rotated, &second, true),
        (&forgotten, &first, true),
        (&forgotten, &third, false),
    ] {
        assert_eq!(lets_in(rig, at, token)?, is_good, "{} {}", at.url(), key_id(token));
    }
    Ok(())
}

pub(super) fn an_issuer_that_is_no_https_url_has_no_discovery_document(rig: &Rig) -> Outcome {
    for (name, url, is_there) in [
        ("slash", "https://issuer.example/c1/", true),
        ("http", "http://issuer.example/c1", false),
        ("word", "kubernetes/serviceaccount", false),
    ] {
        let server = server(rig, name, &[&issuer(url)])?;
        let kubectl = rig.admin_of(&server);
        if is_there {
            // To the letter, the slash included.
            assert_eq!(raw(&kubectl, DOCUMENT)?["issuer"], url);
            continue;
        }
        for path in [DOCUMENT, KEYS] {
            let output = kubectl.run(&["get", "--raw", path])?;
            assert!(output.status != 0 && output.stderr.contains("NotFound"), "{name}: {output:?}");
        }
    }
    let refused =
        server(rig, "jwks-http", &[&issuer(NEW), "--service-account-jwks-uri=http://issuer.example/keys"]);
    let refused = refused.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused.contains("requires https scheme"), "{refused}");
    Ok(())
}
