//! Mode `External`: a program that prints a profile, such as `acs-sso login --profile sso`.
//!
//! It may talk to the person: its stdin is the terminal, its stderr is ours. What it prints is never shown.

use std::io;

use serde_json::{Deserializer, Map, Value};
use signature::acs3::sha256_hex;

use super::file::shown;
use super::modes::{Chain, source_of};
use super::{File, Mode, Profile};
use crate::credentials::variables::{self as names, Found, find};
use crate::credentials::{Context, CredentialError, Credentials, Program, Source};

/// The most that a program may print, in bytes.
const MAX_OUTPUT_BYTES: usize = 1024 * 1024;
const MAX_PATH_CHARS: usize = 1000;

/// A program that prints a profile.
#[derive(Clone, Debug)]
pub struct External {
    program: Program,
    /// The profile that names it.
    place: String,
    /// Printed profiles without a region have that of the profile that names the program.
    region: Option<String>,
    /// Where the profiles stand that a printed one may build on.
    file: File,
    chain: Chain,
}

impl External {
    /// The program of a profile. `chain` holds the profile already.
    pub(in crate::credentials) fn of_profile(
        profile: &Profile,
        file: &File,
        chain: &Chain,
    ) -> Result<Self, CredentialError> {
        let command = profile.required("process_command")?;
        let region = profile.text("region_id")?.map(|found| found.value);
        Self::new(&command, profile.place(), region, file, chain)
    }

    /// The program of a command, which is split at blanks: there is no shell, and quotes mean nothing.
    pub(in crate::credentials) fn new(
        command: &Found,
        place: &str,
        region: Option<String>,
        file: &File,
        chain: &Chain,
    ) -> Result<Self, CredentialError> {
        let mut words = command.value.split_whitespace().map(str::to_owned);
        let name = words.next().ok_or_else(|| CredentialError::Profile {
            place: place.to_owned(),
            detail: "process_command holds no program".to_owned(),
        })?;
        let program = Program { name, arguments: words.collect(), max_output_bytes: MAX_OUTPUT_BYTES };
        Ok(Self { program, place: place.to_owned(), region, file: file.clone(), chain: chain.clone() })
    }

    /// Runs the program, and asks whatever the printed profile describes.
    pub(in crate::credentials) async fn fetch(
        &self,
        context: &Context<'_>,
    ) -> Result<Credentials, CredentialError> {
        let by_kubectl = find(context.environment.variable, names::KUBERNETES_EXEC_INFO).is_some();
        if by_kubectl && !self.file.is_no_kubeconfig() {
            return Err(self.error(
                "is not run for kubectl: the file that names it could be the kubeconfig itself; put the profile into ~/.aliyun/config.json, or into a .json file with nothing but profiles",
            ));
        }
        tracing::debug!(program = %shown(&self.program.name), "running the program of process_command");
        let output = (context.environment.run_program)(&self.program)
            .map_err(|error| self.not_run(&error, context))?;
        match output.code {
            Some(0) => {}
            Some(code) => {
                return Err(self.error(format!("ended with status {code}; it says why on stderr, above")));
            }
            None => return Err(self.error("was ended by a signal")),
        }
        let profile = self.printed(&String::from_utf8_lossy(&output.stdout))?;
        if profile.mode()? == Mode::External {
            let again = Self::of_profile(&profile, &self.file, &self.chain)?;
            if again.program == self.program {
                return Err(self.error("printed a profile that runs the same program again"));
            }
        }
        let source = source_of(&profile, &self.file, &self.chain, &context.environment, context.now)?;
        // What a program printed stands in no file: nothing can be written back.
        let source = match source {
            Source::CloudSso(login) => Source::CloudSso(login.without_file()),
            Source::OAuth(login) => Source::OAuth(login.without_file()),
            other => other,
        };
        Box::pin(source.get(context)).await
    }

    /// What tells this program from others; arguments can be secrets.
    pub(in crate::credentials) fn fingerprint(&self) -> String {
        let words: Vec<&str> =
            std::iter::once(&self.program.name).chain(&self.program.arguments).map(String::as_str).collect();
        sha256_hex(words.join("\0").as_bytes())
    }

    /// The profile in what the program printed.
    fn printed(&self, text: &str) -> Result<Profile, CredentialError> {
        let place = format!("what {} printed for {}", shown(&self.program.name), self.place);
        let mut of_other_mode = None;
        for mut values in objects(text) {
            if !values.keys().any(|key| key.eq_ignore_ascii_case("mode")) {
                continue;
            }
            // Its name would be taken for that of a profile of the file.
            values.retain(|key, _| !key.eq_ignore_ascii_case("name"));
            if let Some(region) = &self.region
                && !values.keys().any(|key| key.eq_ignore_ascii_case("region_id"))
            {
                values.insert("region_id".to_owned(), Value::from(region.as_str()));
            }
            let profile = Profile::of_map(values, &place);
            match profile.mode() {
                Ok(_) => return Ok(profile),
                Err(error) => of_other_mode = of_other_mode.or(Some(error)),
            }
        }
        Err(of_other_mode.unwrap_or_else(|| {
            self.error(
                "printed no profile: a JSON object with \"mode\" is wanted on stdout, for example {\"mode\": \"StsToken\", \"access_key_id\": …, \"access_key_secret\": …, \"sts_token\": …}",
            )
        }))
    }

    fn not_run(&self, error: &io::Error, context: &Context<'_>) -> CredentialError {
        let name = &self.program.name;
        let is_path = name.contains(['/', '\\']);
        self.error(match error.kind() {
            io::ErrorKind::NotFound if is_path => "does not exist: check process_command".to_owned(),
            io::ErrorKind::NotFound => {
                let path = (context.environment.variable)("PATH").unwrap_or_default();
                let path: String = path.chars().take(MAX_PATH_CHARS).collect();
                format!(
                    "was not found in the PATH ({path:?}); kubectl may have been started with another PATH than your shell: write the whole path into process_command"
                )
            }
            io::ErrorKind::PermissionDenied => "may not be run: chmod +x, and check its folders".to_owned(),
            io::ErrorKind::FileTooLarge => format!("printed more than {MAX_OUTPUT_BYTES} bytes, and was ended"),
            _ => format!("could not be run: {error}"),
        })
    }

    fn error(&self, detail: impl AsRef<str>) -> CredentialError {
        let program = shown(&self.program.name);
        CredentialError::Profile {
            place: self.place.clone(),
            detail: format!("the program {program} of process_command {}", detail.as_ref()),
        }
    }
}

/// The JSON objects that stand in a text, from its start to its end. Whatever is between them is passed over, and an
/// object's own objects come after it.
fn objects(text: &str) -> impl Iterator<Item = Map<String, Value>> + '_ {
    text.match_indices('{').filter_map(|(at, _)| {
        let mut values = Deserializer::from_str(text.get(at..)?).into_iter::<Value>();
        match values.next() {
            Some(Ok(Value::Object(object))) => Some(object),
            _ => None,
        }
    })
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use std::path::Path;

    use super::*;

    fn external(command: &str) -> External {
        let file = File::without_profiles(Path::new("/f"), true);
        let found = Found::new("process_command", command);
        External::new(&found, "profile \"sso\" of /f", None, &file, &Chain::default()).unwrap()
    }

    #[test]
    fn a_command_is_split_at_blanks_and_quotes_mean_nothing() {
        let program = external(" acs-sso  login\t--profile 'my sso' ").program;
        assert_eq!(program.name, "acs-sso");
        assert_eq!(program.arguments, ["login", "--profile", "'my", "sso'"]);
        let found = Found::new("process_command", "  ");
        let file = File::without_profiles(Path::new("/f"), true);
        let error = External::new(&found, "profile \"p\"", None, &file, &Chain::default()).unwrap_err();
        assert!(error.to_string().contains("no program"), "{error}");
    }

    fn mode(text: &str) -> Result<Mode, CredentialError> {
        external("acs-sso login").printed(text)?.mode()
    }

    #[test]
    fn the_profile_is_found_amid_text_compact_or_not_and_with_objects_inside() {
        for text in [
            r#"{"mode":"StsToken"}"#,
            "\u{feff}{ \"mode\" : \"StsToken\" }\r\n",
            r#"Signed in {ok}. {"mode":"StsToken","x":{"a":{}},"sts_token":"}{"} Bye {"#,
            r#"{"level":"info","mode":"device"} {"Mode":"StsToken"}"#,
            r#"{"profile":{"mode":"StsToken"}}"#,
            "{{{ {\"mode\":\n\"StsToken\"}",
        ] {
            assert_eq!(mode(text).unwrap(), Mode::StsToken, "{text}");
        }
    }

    #[test]
    fn no_profile_and_an_unknown_mode_are_errors_that_show_nothing_of_the_output() {
        for text in
            ["", "canary", "{\"canary\":1}", "{\"mode\":\"AK\"", "[\"mode\"]", "{\"mode\":\"canary\"}"]
        {
            let error = mode(text).unwrap_err().to_string();
            assert!(!error.contains("canary") && error.contains("acs-sso"), "{error}");
            assert_eq!(error.contains("none of"), text.contains("\"mode\":\"canary\""), "{error}");
        }
    }

    #[test]
    fn large_and_deep_outputs_are_gone_through_in_time() {
        let text = "{\"a\":[".repeat(3_000);
        let started = std::time::Instant::now();
        assert_eq!(objects(&text).count(), 0);
        assert_eq!(objects(&"{".repeat(200_000)).count(), 0);
        assert!(started.elapsed() < std::time::Duration::from_secs(30), "{:?}", started.elapsed());
    }

    #[test]
    fn a_region_is_inherited_and_a_name_is_not_taken() {
        let mut program = external("p");
        program.region = Some("cn-hangzhou".to_owned());
        let profile = program.printed(r#"{"mode":"AK","name":"sso"}"#).unwrap();
        assert_eq!(profile.name(), "");
        assert!(profile.require_region().is_ok());
        let own = program.printed(r#"{"mode":"AK","region_id":"cn-beijing"}"#).unwrap();
        assert_eq!(own.text("region_id").unwrap().unwrap().value, "cn-beijing");
    }

    #[test]
    fn programs_are_told_apart_without_showing_their_arguments() {
        let (one, other) = (external("p canary"), external("p other"));
        assert_ne!(one.fingerprint(), other.fingerprint());
        assert!(!one.fingerprint().contains("canary"));
        assert_ne!(external("p a b").fingerprint(), external("p ab").fingerprint());
    }
}
