//! What must not be in any log. Runs last, on every rig, so that all other scenarios have left their traces.

use std::path::Path;

use e2e::cloud::{DEV_ROLE, user};
use e2e::log::Log;
use e2e::rig::Rig;

use super::Outcome;
use super::canary::VERBOSE;

/// What gives a secret away: the beginning of a v2 token (base64 of `{"`), that of a v1 token
/// (base64 of `https`), that of a service account's (base64 of `{"alg":"RS256",`), any access key secret of the tests, and
/// parts of a signed URL.
const TELLTALES: [&str; 7] = [
    "k8s-ack-v2.ey",
    "k8s-ack-v1.aHR0cHM",
    "eyJhbGciOiJSUzI1NiIs",
    "secret-of-",
    "Signature=",
    "SecurityToken=",
    "SignatureNonce=",
];

pub(super) fn no_log_of_the_whole_run_holds_a_token_or_a_secret(rig: &Rig) -> Outcome {
    // A success and a refusal of each kind of token, also when this scenario runs alone.
    let alice = rig.person(user("mounted"))?.assuming(DEV_ROLE, "canary");
    for arguments in [&[][..], &["--token-version", "v1"]] {
        for person in [&alice, &rig.person(user("mounted"))?] {
            let token = person.token(rig, arguments)?;
            assert!(TELLTALES.iter().any(|telltale| token.starts_with(telltale)), "another form of token");
            let kubectl = rig.nobody(rig.api_server())?;
            kubectl.arg(format!("--token={token}")).run(&["get", "namespaces"])?;
            let wrong = person.clone().with_secret("secret-of-nobody");
            let refused = wrong.kubectl(rig, rig.api_server())?.run(&["get", "namespaces"])?;
            assert_no_telltale(Path::new("what kubectl prints"), &refused.stderr);
        }
    }

    let mut read = String::new();
    for file in std::fs::read_dir(rig.run().logs())? {
        let path = file?.path();
        // That API server writes down tokens, as they all do at that verbosity; its scenario looks for the rest.
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(VERBOSE)) {
            continue;
        }
        let text = Log::at(&path).all();
        assert_no_telltale(&path, &text);
        read.push_str(&text);
    }
    // Log, audit log and the authenticator's own: they do tell of these logins.
    for trace in ["Unable to authenticate the request", "audit.k8s.io", "SignatureDoesNotMatch"] {
        assert!(read.contains(trace), "no log tells of {trace}");
    }
    Ok(())
}

fn assert_no_telltale(path: &Path, text: &str) {
    for telltale in TELLTALES {
        let line = text.lines().position(|line| line.contains(telltale));
        // Its number only: what is in a log that it should not be in has no place in another.
        assert_eq!(line, None, "{telltale} is in {}, after so many lines", path.display());
    }
}
