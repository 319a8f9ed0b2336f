//! The way to a cluster that is not ACK's: kubectl, which knows every kubeconfig, plugin and proxy.

use std::io;

use openapi::credentials::Program;
use serde_json::Value;
use signature::Secret;

use super::KubectlFlags;
use crate::visible::visible;
use crate::world::World;

const PROGRAM: &str = "kubectl";
/// Answers of an API server that this program reads are of some kilobytes; a list of pods can be long.
const MAX_OUTPUT_BYTES: usize = 16 * 1024 * 1024;
/// For one request; a plugin of the kubeconfig may ask the person to log in meanwhile.
const REQUEST_TIMEOUT: &str = "180s";
/// Characters of kubectl's own words in an error.
const MAX_SAID: usize = 300;

/// kubectl, with the flags that lead to the cluster.
pub(crate) struct Kubectl<'a> {
    flags: Vec<String>,
    world: &'a World<'a>,
}

/// Why kubectl gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KubectlError {
    /// It is not there.
    #[error("kubectl is not in the PATH: install it, this program reaches the cluster through it")]
    Missing,
    /// It cannot be run.
    #[error("cannot run kubectl: {detail}")]
    Run {
        /// The operating system's words.
        detail: String,
    },
    /// The cluster says no.
    #[error("kubectl may not {what}: {said}; {advice}")]
    Forbidden {
        /// What was asked for, as the rest of "may not".
        what: String,
        /// Its last words, cut.
        said: String,
        /// Which right is missing.
        advice: String,
    },
    /// The API server has no such thing.
    #[error("kubectl cannot {what}: the API server has no such thing: {said}")]
    NotFound {
        /// What was asked for.
        what: String,
        /// Its last words, cut.
        said: String,
    },
    /// The API server is not reached, or does not know the caller, or something else failed.
    #[error(
        "kubectl cannot {what}: {said}; check --kubeconfig and --context, and that kubectl itself reaches the cluster"
    )]
    Failed {
        /// What was asked for.
        what: String,
        /// Its last words, cut.
        said: String,
    },
    /// What it printed is not what was asked for.
    #[error("what kubectl prints, asked to {what}, {detail}")]
    Answer {
        /// What was asked for.
        what: String,
        /// What is wrong with it.
        detail: &'static str,
    },
}

impl KubectlError {
    /// Whether a right is missing, so that nothing is known about the thing itself.
    pub(crate) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Forbidden { .. })
    }

    /// Whether the thing is not there.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }
}

impl<'a> Kubectl<'a> {
    /// Runs nothing yet.
    pub(crate) fn new(flags: &KubectlFlags, world: &'a World<'a>) -> Self {
        let kubeconfig = flags.kubeconfig.as_ref().map(|path| format!("--kubeconfig={}", path.display()));
        let context = flags.context.as_ref().map(|name| format!("--context={name}"));
        let timeout = format!("--request-timeout={REQUEST_TIMEOUT}");
        Self { flags: kubeconfig.into_iter().chain(context).chain([timeout]).collect(), world }
    }

    /// The text that the API server answers at a path.
    pub(crate) fn get_raw(&self, path: &str) -> Result<String, KubectlError> {
        let what = format!("read {path}");
        let text = self.run(&what, &["get".to_owned(), format!("--raw={path}")])?;
        String::from_utf8(text).map_err(|_| KubectlError::Answer { what, detail: "is no text" })
    }

    /// `kubectl get` of these words, as JSON. A name that is not there is [`KubectlError::NotFound`].
    pub(crate) fn get_json(&self, words: &[&str]) -> Result<Value, KubectlError> {
        let what = format!("get {}", words.join(" "));
        let mut arguments = vec!["get".to_owned(), "--output=json".to_owned()];
        arguments.extend(words.iter().map(|word| (*word).to_owned()));
        let text = self.run(&what, &arguments)?;
        serde_json::from_slice(&text).map_err(|_| KubectlError::Answer { what, detail: "is no JSON" })
    }

    /// A new token of a service account, by the TokenRequest API: for this audience, else for the API server's own; good for
    /// so many seconds, else for as long as the API server likes.
    pub(crate) fn create_token(
        &self,
        namespace: &str,
        service_account: &str,
        audience: Option<&str>,
        duration_seconds: Option<u64>,
    ) -> Result<Secret, KubectlError> {
        let what = format!("create a token of the service account {namespace}/{service_account}");
        // kubectl takes no name behind `--`.
        if service_account.starts_with('-') {
            return Err(KubectlError::Failed { what, said: "that is no name".to_owned() });
        }
        let mut arguments = vec!["create".to_owned(), "token".to_owned(), service_account.to_owned()];
        arguments.push(format!("--namespace={namespace}"));
        arguments.extend(audience.map(|audience| format!("--audience={audience}")));
        arguments.extend(duration_seconds.map(|seconds| format!("--duration={seconds}s")));
        let text = self.run(&what, &arguments)?;
        match String::from_utf8(text) {
            Ok(token) if token.trim().split('.').count() == 3 => Ok(Secret::new(token.trim())),
            _ => Err(KubectlError::Answer { what, detail: "is no token" }),
        }
    }

    fn run(&self, what: &str, arguments: &[String]) -> Result<Vec<u8>, KubectlError> {
        let arguments = self.flags.iter().chain(arguments).cloned().collect();
        let program = Program { name: PROGRAM.to_owned(), arguments, max_output_bytes: MAX_OUTPUT_BYTES };
        let answer = (self.world.ask_program)(&program).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => KubectlError::Missing,
            io::ErrorKind::FileTooLarge => {
                KubectlError::Answer { what: what.to_owned(), detail: "is larger than this program reads" }
            }
            _ => KubectlError::Run { detail: error.to_string() },
        })?;
        match answer.code {
            Some(0) => Ok(answer.stdout),
            code => Err(failure(what, code, &String::from_utf8_lossy(&answer.stderr))),
        }
    }
}

/// What kubectl's words on stderr mean. They stand in the error on one line.
fn failure(what: &str, code: Option<i32>, stderr: &str) -> KubectlError {
    let what = what.to_owned();
    let said = last_words(code, stderr);
    // `create token` puts its own words before those of the API server.
    if stderr.contains("(Forbidden)") || said.contains(" is forbidden: ") {
        return KubectlError::Forbidden { advice: missing_right(&what).to_owned(), what, said };
    }
    match stderr.contains("(NotFound)") || said.ends_with("\" not found") {
        true => KubectlError::NotFound { what, said },
        false => KubectlError::Failed { what, said },
    }
}

/// The last line that is no warning, and no log line of the tries before it.
fn last_words(code: Option<i32>, stderr: &str) -> String {
    let lines = || stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    let told = lines()
        .rfind(|line| !line.starts_with("Warning:") && !line.starts_with("See '") && !is_log_line(line));
    match told.or_else(|| lines().next_back()) {
        Some(line) => visible(line).chars().take(MAX_SAID).collect(),
        None => match code {
            Some(code) => format!("it ended with exit status {code} and without a word"),
            None => "a signal ended it".to_owned(),
        },
    }
}

/// `E1123 22:14:48.000000   12345 memcache.go:265] …`.
fn is_log_line(line: &str) -> bool {
    let mut characters = line.chars();
    matches!(characters.next(), Some('E' | 'W' | 'I' | 'F'))
        && characters.by_ref().take(4).filter(char::is_ascii_digit).count() == 4
        && characters.next() == Some(' ')
}

fn missing_right(what: &str) -> &'static str {
    if what.contains("/.well-known/openid-configuration") || what.contains("/openid/v1/jwks") {
        return "let an administrator bind the ClusterRole system:service-account-issuer-discovery to the caller: kubectl create clusterrolebinding NAME --clusterrole=system:service-account-issuer-discovery --user=USER";
    }
    match what.starts_with("create a token") {
        true => "let an administrator allow the caller to create serviceaccounts/token in that namespace",
        false => "let an administrator allow the caller to read it",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    use std::cell::RefCell;
    use std::path::PathBuf;

    use crate::platform::ProgramAnswer;

    fn ask<T>(
        answer: io::Result<(i32, &str, &str)>,
        use_it: impl Fn(&Kubectl<'_>) -> Result<T, KubectlError>,
    ) -> (Result<T, KubectlError>, Vec<String>) {
        let seen = RefCell::new(Vec::new());
        let answer = RefCell::new(Some(answer));
        let run = |program: &Program| {
            assert_eq!(program.name, "kubectl");
            seen.borrow_mut().clone_from(&program.arguments);
            let (code, stdout, stderr) = answer.borrow_mut().take().unwrap()?;
            Ok(ProgramAnswer { code: Some(code), stdout: stdout.into(), stderr: stderr.into() })
        };
        let world = World { ask_program: &run, ..World::of_this_process("ack-ram-tool") };
        let flags =
            KubectlFlags { kubeconfig: Some(PathBuf::from("/k/config")), context: Some("-x".to_owned()) };
        let result = use_it(&Kubectl::new(&flags, &world));
        (result, seen.into_inner())
    }

    #[test]
    fn it_is_run_with_the_flags_that_lead_to_the_cluster() {
        let way = ["--kubeconfig=/k/config", "--context=-x", "--request-timeout=180s"];
        let (text, arguments) = ask(Ok((0, "{}", "")), |kubectl| kubectl.get_raw("/openid/v1/jwks"));
        assert_eq!(text.unwrap(), "{}");
        assert_eq!(arguments, [&way[..], &["get", "--raw=/openid/v1/jwks"]].concat());
        let (value, arguments) = ask(Ok((0, "[1]", "")), |kubectl| kubectl.get_json(&["pods", "-l", "a=b"]));
        assert_eq!(value.unwrap(), serde_json::json!([1]));
        assert_eq!(arguments, [&way[..], &["get", "--output=json", "pods", "-l", "a=b"]].concat());
        let (token, arguments) = ask(Ok((0, "a.b.c\n", "")), |kubectl| {
            kubectl.create_token("ns", "sa", Some("sts.aliyuncs.com"), Some(3600))
        });
        assert_eq!(token.unwrap().expose(), "a.b.c");
        let words =
            ["create", "token", "sa", "--namespace=ns", "--audience=sts.aliyuncs.com", "--duration=3600s"];
        assert_eq!(arguments, [&way[..], &words].concat());
        let (_, arguments) =
            ask(Ok((0, "a.b.c", "")), |kubectl| kubectl.create_token("ns", "sa", None, None));
        assert_eq!(arguments, [&way[..], &words[..4]].concat());
        let (refused, arguments) =
            ask(Ok((0, "a.b.c", "")), |kubectl| kubectl.create_token("ns", "--raw=/x", None, None));
        assert!(refused.is_err() && arguments.is_empty());
    }

    #[test]
    fn its_own_words_are_told_on_one_line() {
        let failed = |stderr: &str| {
            ask(Ok((1, "", stderr)), |kubectl| kubectl.get_raw("/openid/v1/jwks")).0.unwrap_err()
        };
        let refused =
            "The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?";
        let noise = "E1123 22:14:48.000000   12345 memcache.go:265] \"Unhandled Error\"\n";
        let error = failed(&format!("{noise}{noise}{refused}\n")).to_string();
        assert!(error.contains(refused) && !error.contains("memcache"), "{error}");
        let error = failed(&format!("{refused}\n{noise}Warning: this version is old\n")).to_string();
        assert!(error.contains(refused) && !error.contains("Warning"), "{error}");
        let error = failed(
            "Error from server (Forbidden): forbidden: User \"bob\" cannot get path \"/openid/v1/jwks\"\n",
        );
        assert!(error.is_forbidden());
        assert!(error.to_string().contains("system:service-account-issuer-discovery"), "{error}");
        assert!(
            failed("Error from server (NotFound): the server could not find the requested resource")
                .is_not_found()
        );
        let token = |stderr: &str| {
            ask(Ok((1, "", stderr)), |kubectl| kubectl.create_token("a", "b", None, None)).0.err().unwrap()
        };
        let error = token(
            "error: failed to create token: serviceaccounts \"b\" is forbidden: User \"bob\" cannot create resource \"serviceaccounts/token\"\n",
        );
        assert!(error.is_forbidden() && error.to_string().contains("allow the caller to create"), "{error}");
        assert!(token("error: failed to create token: serviceaccounts \"b\" not found\n").is_not_found());
        let error =
            token("error: exactly one NAME is required, got 0\nSee 'kubectl create token -h' for help\n");
        assert!(error.to_string().contains("exactly one NAME"), "{error}");
        let error = failed(&format!("a\u{1b}[2J{}", "x".repeat(1000))).to_string();
        assert!(error.contains("a?[2Jxxx") && error.len() < 500 && error.lines().count() == 1, "{error}");
        assert!(failed("").to_string().contains("exit status 1"));
    }

    #[test]
    fn what_it_cannot_do_is_told() {
        let raw = |answer| ask(answer, |kubectl| kubectl.get_raw("/x")).0;
        assert_eq!(raw(Err(io::ErrorKind::NotFound.into())), Err(KubectlError::Missing));
        let error = raw(Err(io::ErrorKind::FileTooLarge.into())).unwrap_err().to_string();
        assert!(error.contains("larger"), "{error}");
        assert!(raw(Err(io::ErrorKind::PermissionDenied.into())).is_err());
        let error = ask(Ok((0, "<html>", "")), |kubectl| kubectl.get_json(&["pods"])).0.unwrap_err();
        assert!(error.to_string().contains("no JSON"), "{error}");
        let error = ask(Ok((0, "token canary", "")), |kubectl| kubectl.create_token("a", "b", None, None)).0;
        let error = error.err().unwrap().to_string();
        assert!(error.contains("no token") && !error.contains("canary"), "{error}");
    }
}
