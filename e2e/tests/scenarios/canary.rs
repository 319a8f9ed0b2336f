//! Secrets are in no log, audit log, Event or status of a cluster whose parts write down all they can.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::canary::Canary;
use e2e::cloud::{DEV_ROLE, user};
use e2e::mapping::Mapping;
use e2e::rig::Rig;
use emulator::Fault;

use super::operator::eventually;
use super::{Outcome, SOON};

/// The API server here, in the names of its logs.
pub(super) const VERBOSE: &str = "kube-apiserver-verbose";

pub(super) fn no_secret_is_in_what_a_cluster_at_its_highest_verbosity_writes(rig: &Rig) -> Outcome {
    // Backends MountedFile and CRD, status and Events being written, and every login told down to the last detail.
    let _verbose = rig.authenticator().stop()?.end_with(&["--log-level", "trace"])?;
    let verbose = rig.authenticator().log().mark();
    let server = rig.verbose_api_server(VERBOSE)?;
    let _mapping = rig.apply(&Mapping::new("canary", DEV_ROLE, "canary"))?;
    let _unusable = rig.apply(
        &Mapping::new("canary-unusable", &user("carol").arn, "x{{SessionName}}").group("{{SessionName}}"),
    )?;
    let mut canaries = Vec::new();
    let mut printed = String::new();
    // Everybody who can be refused, and somebody who is let in, with both kinds of credentials and of tokens.
    for name in ["mounted", "stranger", "carol"] {
        canaries.push(Canary::new(name, &user(name).access_key_secret));
        let person = rig.person(user(name))?;
        let session = person.clone().assuming(DEV_ROLE, "canary");
        for person in [person.clone(), session, person.for_cluster("c-of-somebody-else")] {
            for arguments in [&[][..], &["--token-version", "v1"]] {
                let token = person.token(rig, arguments)?;
                canaries.extend(secrets_of(&token));
                let kubectl = rig.nobody(&server)?.arg(format!("--token={token}"));
                let output = kubectl.run(&["get", "namespaces"])?;
                printed.push_str(&output.stderr);
                // kubectl too, at its highest verbosity, with the plugin's credentials.
                let output = person.kubectl(rig, &server)?.run(&["get", "namespaces", "-v=10"])?;
                printed.push_str(&output.stderr);
            }
        }
    }
    // An STS that repeats in its texts what it was sent.
    let person = rig.person(user("mounted"))?.assuming(DEV_ROLE, "canary-fault");
    for (status, code) in [(400, "SignatureDoesNotMatch"), (403, "NoPermission")] {
        let token = person.token(rig, &[])?;
        let secrets = secrets_of(&token);
        let text = decoded(&token);
        let fault = Fault::Error { status, code: code.to_owned(), message: text };
        rig.cloud().emulator().fail("GetCallerIdentity", fault.times(1));
        let output = rig.nobody(&server)?.arg(format!("--token={token}")).run(&["get", "namespaces"])?;
        printed.push_str(&output.stderr);
        canaries.extend(secrets);
        super::next_second();
    }
    rig.cloud().emulator().clear_faults();
    // Somebody whom a resource maps has been let in, so that a status is written for the login too.
    let session = rig.person(user("mounted"))?.assuming(DEV_ROLE, "canary");
    assert_eq!(session.kubectl(rig, &server)?.whoami_eventually(SOON)?.username, "canary");
    eventually(rig, "canary", "Accepted")?;
    eventually(rig, "canary-unusable", "InvalidTemplate")?;
    let log = rig.authenticator().log().since(verbose);
    let detail = |line: &str| line.contains("DEBUG") && line.contains("STS answered");
    assert!(log.lines().any(detail), "the authenticator is not at its highest verbosity");

    let admin = rig.admin();
    let places = [
        ("kubectl's output", printed),
        ("Events", admin.ok(&["get", "events", "--all-namespaces", "-o", "json"])?),
        ("mappings and their status", admin.ok(&["get", "ramidentitymappings", "-o", "json"])?),
        ("the authenticator's log", log),
        ("the API server's log", without_its_own_reviews(&server.log().all())),
        ("the audit log", server.audit().all()),
    ];
    // The logs do tell of these logins, at that verbosity.
    for (place, trace) in [
        (3, "SignatureDoesNotMatch"),
        (4, "Unable to authenticate the request"),
        (4, "/authenticate"),
        (5, "RequestResponse"),
    ] {
        assert!(places[place].1.contains(trace), "{} does not tell of {trace}", places[place].0);
    }
    // From -v=8 on the API server prints the body of each TokenReview that it sends, and no webhook can keep it from
    // that: so a token is there, as docs/security.md says, and the secret that signed it is not even there.
    let all = server.log().all();
    for name in ["mounted", "stranger", "carol"] {
        assert_eq!(
            Canary::new(name, &user(name).access_key_secret).line_in(&all),
            None,
            "the secret of {name}"
        );
    }
    for canary in &canaries {
        for (place, text) in &places {
            assert_eq!(canary.line_in(text), None, "{} is in {place}, after so many lines", canary.name());
        }
    }
    Ok(())
}

/// The log without the questions that the API server asks, which are its own to print.
fn without_its_own_reviews(log: &str) -> String {
    let is_own = |line: &&str| {
        line.contains(r#"{"kind":"TokenReview""#) && line.contains(r#""spec":{"token":"k8s-ack-v"#)
    };
    assert!(
        log.lines().any(|line| is_own(&line)),
        "the API server does not print its reviews any more: check all"
    );
    log.lines().filter(|line| !is_own(line)).fold(String::new(), |all, line| all + line + "\n")
}

/// What is in the token's base64.
fn decoded(token: &str) -> String {
    let payload = token.rsplit('.').next().unwrap();
    String::from_utf8(STANDARD.decode(payload).unwrap()).unwrap()
}

/// The security token and the signature in a token of either version.
fn secrets_of(token: &str) -> Vec<Canary> {
    let text = decoded(token);
    let between = |before: &str, ends: &[char]| {
        let (_, rest) = text.split_once(before)?;
        rest.split(ends).next().map(str::to_owned)
    };
    let mut secrets = Vec::new();
    let ends = &['"', '&', ','];
    for (name, before) in [
        ("a signature", "Signature="),
        ("a security token", "x-acs-security-token\":\""),
        ("a security token, escaped", "SecurityToken="),
    ] {
        secrets.extend(
            between(before, ends).filter(|text| text.len() > 16).map(|text| Canary::new(name, &text)),
        );
    }
    assert!(!secrets.is_empty(), "no signature in a token");
    secrets
}
