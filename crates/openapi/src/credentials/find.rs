//! Which place credentials come from, among all that there are.

use std::path::Path;

use super::error::{CredentialError, Lacking};
use super::from_variables::{Place, find_place};
use super::ini::Reading;
use super::variables::{self as names, find};
use super::{CredentialType, MetadataRole, Search, Source, aliyun_cli, ini};

const ALIYUN_CLI_FILE: &str = ".aliyun/config.json";

impl Source {
    /// Finds the place that applies, in the order of the public documentation of `ack-ram-tool`. The first that applies
    /// is final: what is wrong with it is an error, and no reason to look further.
    ///
    /// 1. with `--credential-type imds`: the ECS metadata service, and nothing else;
    /// 2. the environment variables;
    /// 3. `~/.aliyun/config.json`, the aliyun CLI's file;
    /// 4. `~/.alibabacloud/credentials`, the SDKs' ini file.
    ///
    /// # Errors
    /// [`CredentialError::Nothing`] with every place that was looked at, or what is wrong with the place that applies.
    pub fn find(search: &Search<'_>) -> Result<Self, CredentialError> {
        if search.kind == CredentialType::Metadata {
            let role = find(search.environment.variable, names::ECS_METADATA);
            return Ok(Self::Metadata(MetadataRole::new(role.as_ref(), search.environment.variable)?));
        }
        let named = search.named_file();
        let mut lacking = Vec::new();
        match (search.ignore_environment, &named) {
            (Some(switch), _) => lacking.push(switched_off("environment", switch)),
            (None, Some(file)) => lacking.push(switched_off("environment", file.origin)),
            (None, None) => match find_place(search)? {
                Place::Found(source) => return Ok(*source),
                Place::Lacking(list) => lacking.extend(list),
            },
        }
        match (search.ignore_aliyun_cli, &named) {
            (Some(switch), _) => lacking.push(switched_off("aliyun CLI's file", switch)),
            (None, Some(file)) if file.is_json => {
                return aliyun_cli::find(&file.path, search)?.ok_or_else(|| file.missing());
            }
            (None, Some(file)) => lacking.push(switched_off("aliyun CLI's file", file.origin)),
            (None, None) => match search.environment.at_home(ALIYUN_CLI_FILE) {
                None => lacking.push(no_home("aliyun CLI's file")),
                Some(path) => match aliyun_cli::find(&path, search)? {
                    Some(source) => return Ok(source),
                    None => lacking.push(not_there("aliyun CLI's file", &path)),
                },
            },
        }
        match named.filter(|file| !file.is_json) {
            Some(file) => {
                return of_ini(ini::read(file.path.clone(), search)?)?.ok_or_else(|| file.missing());
            }
            None => match search.environment.at_home(ini::DEFAULT_FILE) {
                None => lacking.push(no_home("credentials file")),
                Some(path) => match of_ini(ini::read(path.clone(), search)?)? {
                    Some(source) => return Ok(source),
                    None => lacking.push(not_there("credentials file", &path)),
                },
            },
        }
        Err(CredentialError::Nothing { lacking })
    }
}

/// What a file gives that is final where it exists.
fn of_ini(reading: Reading) -> Result<Option<Source>, CredentialError> {
    match reading {
        Reading::Source(source) => Ok(Some(*source)),
        Reading::NoFile => Ok(None),
        Reading::NoSuchProfile(error) => Err(error),
    }
}

fn switched_off(place: &'static str, switch: &str) -> Lacking {
    Lacking { place, lacks: format!("switched off by {switch}") }
}

fn not_there(place: &'static str, path: &Path) -> Lacking {
    Lacking { place, lacks: format!("{} does not exist", path.display()) }
}

fn no_home(place: &'static str) -> Lacking {
    Lacking { place, lacks: format!("{} is not set", names::HOME.join(", ")) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use std::collections::BTreeMap;
    use std::io;
    use std::path::PathBuf;

    use super::super::Setting;
    use super::super::testing::search_with;
    use super::*;

    const HOME: (&str, &str) = ("HOME", "/home/x");
    const KEYS: [(&str, &str); 3] =
        [HOME, ("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAIenv"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "canary")];
    const CLI: &str = "/home/x/.aliyun/config.json";
    const INI: &str = "/home/x/.alibabacloud/credentials";

    fn cli(id: &str) -> String {
        format!(
            r#"{{"current":"a","profiles":[
            {{"name":"a","mode":"AK","access_key_id":"LTAI{id}","access_key_secret":"canary"}},
            {{"name":"b","mode":"AK","access_key_id":"LTAI{id}b","access_key_secret":"canary"}}]}}"#
        )
    }

    fn ini(id: &str) -> String {
        let keys = "access_key_secret=canary\ntype=access_key";
        format!("[default]\naccess_key_id=LTAI{id}\n{keys}\n[b]\naccess_key_id=LTAI{id}b\n{keys}\n")
    }

    /// The access key id of what is found, and the files that were asked for.
    fn find(
        pairs: &[(&str, &str)],
        files: &[(&str, &str)],
        change: impl FnOnce(&mut Search<'_>),
    ) -> (Result<String, String>, Vec<String>) {
        let files: BTreeMap<PathBuf, &str> =
            files.iter().map(|(path, text)| (PathBuf::from(path), *text)).collect();
        let asked = std::cell::RefCell::new(Vec::new());
        let read = |path: &Path| {
            asked.borrow_mut().push(path.display().to_string());
            files.get(path).map(|text| (*text).to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into())
        };
        let found = search_with(pairs, &read, change);
        let found = found.map_err(|error| error.to_string()).map(|source| {
            source.immediate().map_or_else(|| source.name(), |keys| keys.access_key_id.clone())
        });
        let shown = format!("{found:?}");
        assert!(!shown.contains("canary") && !shown.contains("\\n"), "{shown}");
        (found, asked.into_inner())
    }

    fn setting(origin: &str, value: &str) -> Option<Setting> {
        Some(Setting { origin: origin.to_owned(), value: value.to_owned() })
    }

    #[test]
    fn the_order_is_environment_aliyun_cli_ini() {
        let (cli, ini) = (cli("cli"), ini("ini"));
        let both = [(CLI, cli.as_str()), (INI, ini.as_str())];
        assert_eq!(find(&KEYS, &both, |_| ()), (Ok("LTAIenv".to_owned()), vec![]));
        assert_eq!(find(&[HOME], &both, |_| ()), (Ok("LTAIcli".to_owned()), vec![CLI.to_owned()]));
        let (found, asked) = find(&[HOME], &[(INI, &ini)], |_| ());
        assert_eq!((found.unwrap(), asked), ("LTAIini".to_owned(), vec![CLI.to_owned(), INI.to_owned()]));
    }

    #[test]
    fn the_first_that_applies_is_final() {
        let ini = ini("ini");
        for broken in ["", "{", "[]", r#"{"profiles":[]}"#, r#"{"current":"x","profiles":[{"name":"x"}]}"#] {
            let (found, asked) = find(&[HOME], &[(CLI, broken), (INI, &ini)], |_| ());
            assert!(found.unwrap_err().contains(CLI), "{broken}");
            assert_eq!(asked, [CLI]);
        }
        let half = [HOME, ("ALIBABA_CLOUD_CREDENTIALS_FILE", "/other.ini")];
        let (found, _) = find(&half, &[("/other.ini", "[x]"), (INI, &ini)], |_| ());
        assert!(found.unwrap_err().contains("/other.ini"));
        assert_eq!(
            find(&half, &[(INI, &ini)], |_| ()).0.unwrap(),
            "LTAIini",
            "a missing file is passed over"
        );
    }

    /// `ALIBABA_CLOUD_PROFILE` is often meant for the aliyun CLI alone.
    #[test]
    fn a_file_of_the_variable_without_the_profile_that_is_asked_for_is_passed_over() {
        let (other, cli) = (ini("other"), cli("cli"));
        let asks = |profile| {
            [HOME, ("ALIBABA_CLOUD_CREDENTIALS_FILE", "/other.ini"), ("ALIBABA_CLOUD_PROFILE", profile)]
        };
        let files = [("/other.ini", other.as_str()), (CLI, cli.as_str())];
        assert_eq!(find(&asks("b"), &files, |_| ()).0.unwrap(), "LTAIotherb");
        assert_eq!(find(&asks("a"), &files, |_| ()).0.unwrap(), "LTAIcli");
        let text = find(&asks("a"), &files[..1], |_| ()).0.unwrap_err();
        assert!(
            text.contains("/other.ini: there is no section [a] (named by ALIBABA_CLOUD_PROFILE)"),
            "{text}"
        );
        assert!(text.contains("no credentials found"), "{text}");
        let text = find(&asks("c"), &[(INI, other.as_str())], |_| ()).0.unwrap_err();
        assert!(
            text.starts_with("the credentials file /home/x/.alibabacloud/credentials: there is no"),
            "{text}"
        );
    }

    #[test]
    fn the_metadata_service_alone_where_it_is_asked_for_and_never_as_a_last_resort() {
        let (cli, ini) = (cli("cli"), ini("ini"));
        let files = [(CLI, cli.as_str()), (INI, ini.as_str())];
        let (found, asked) = find(&KEYS, &files, |search| search.kind = CredentialType::Metadata);
        assert_eq!((found.unwrap(), asked), ("ECS metadata service".to_owned(), vec![]));
        assert!(find(&[HOME], &[], |_| ()).0.unwrap_err().contains("no credentials found"));
        assert_eq!(CredentialType::named("imds"), Some(CredentialType::Metadata));
        assert_eq!(CredentialType::named("ecs-role"), Some(CredentialType::Metadata));
        assert_eq!(CredentialType::named("auto"), Some(CredentialType::Auto));
        assert_eq!(CredentialType::named("IMDS"), None);
    }

    #[test]
    fn a_json_file_of_the_flag_switches_the_environment_off() {
        let (other, cli, ini) = (cli("other"), cli("cli"), ini("ini"));
        let files = [("/home/x/my.json", other.as_str()), (CLI, cli.as_str()), (INI, ini.as_str())];
        let json = |search: &mut Search<'_>| search.profile_file = setting("--profile-file", "~/my.json");
        let (found, asked) = find(&KEYS, &files, json);
        assert_eq!((found.unwrap(), asked), ("LTAIother".to_owned(), vec!["/home/x/my.json".to_owned()]));

        let (found, asked) = find(&KEYS, &[(CLI, cli.as_str()), (INI, ini.as_str())], json);
        assert_eq!(found.unwrap_err(), "the file /home/x/my.json of --profile-file does not exist");
        assert_eq!(asked, ["/home/x/my.json"]);

        // The switch beats the file: what is left is the ini file of the home.
        let (found, asked) = find(&KEYS, &files, |search| {
            json(search);
            search.ignore_aliyun_cli = Some("--ignore-aliyun-cli-credentials");
        });
        assert_eq!((found.unwrap(), asked), ("LTAIini".to_owned(), vec![INI.to_owned()]));
    }

    #[test]
    fn any_other_file_of_the_flag_is_ini_and_switches_the_aliyun_cli_off_too() {
        let (other, cli) = (ini("other"), cli("cli"));
        let files = [("/my.ini", other.as_str()), (CLI, cli.as_str())];
        let flag =
            |search: &mut Search<'_>| search.profile_file = setting("ACK_RAM_TOOL_PROFILE_FILE", "/my.ini");
        let (found, asked) = find(&KEYS, &files, flag);
        assert_eq!((found.unwrap(), asked), ("LTAIother".to_owned(), vec!["/my.ini".to_owned()]));
        let (found, _) = find(&KEYS, &[(CLI, cli.as_str())], flag);
        assert_eq!(found.unwrap_err(), "the file /my.ini of ACK_RAM_TOOL_PROFILE_FILE does not exist");
    }

    #[test]
    fn the_flag_names_the_profile_then_its_variable_then_the_file() {
        let (cli, ini) = (cli("cli"), ini("ini"));
        let by_variable = [HOME, ("ALIBABA_CLOUD_PROFILE", "b")];
        let flag = |search: &mut Search<'_>| search.profile_name = setting("--profile-name", "b");
        let other = |search: &mut Search<'_>| search.profile_name = setting("--profile-name", "c");
        for (files, id) in [([(CLI, cli.as_str())], "LTAIcli"), ([(INI, ini.as_str())], "LTAIini")] {
            assert_eq!(find(&[HOME], &files, |_| ()).0.unwrap(), id);
            assert_eq!(find(&by_variable, &files, |_| ()).0.unwrap(), format!("{id}b"));
            assert_eq!(find(&[HOME], &files, flag).0.unwrap(), format!("{id}b"));
            let text = find(&by_variable, &files, other).0.unwrap_err();
            assert!(text.contains("named by --profile-name"), "{text}");
        }
        let text = find(&[HOME], &[(CLI, &cli)], other).0.unwrap_err();
        assert!(
            text.ends_with(r#"there is no profile "c" (named by --profile-name): it has "a", "b""#),
            "{text}"
        );
    }

    #[test]
    fn what_is_switched_off_is_said_by_its_switch() {
        let (found, asked) = find(&KEYS, &[], |search| {
            search.ignore_environment = Some("--ignore-env-credentials");
            search.ignore_aliyun_cli = Some("ACK_RAM_TOOL_IGNORE_ALIYUN_CLI_CREDENTIALS");
        });
        let text = found.unwrap_err();
        for wanted in [
            "environment: switched off by --ignore-env-credentials; ",
            "aliyun CLI's file: switched off by ACK_RAM_TOOL_IGNORE_ALIYUN_CLI_CREDENTIALS; ",
            "credentials file: /home/x/.alibabacloud/credentials does not exist; set ",
        ] {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
        assert_eq!(asked, [INI]);
        let text = find(&[], &[], |_| ()).0.unwrap_err();
        assert!(text.contains("aliyun CLI's file: HOME is not set"), "{text}");
    }

    #[test]
    fn each_way_that_a_file_cannot_be_read_gives_its_own_line() {
        for (kind, wanted) in [
            (io::ErrorKind::PermissionDenied, "check its owner and mode"),
            (io::ErrorKind::InvalidData, "it is not UTF-8 text"),
            (io::ErrorKind::FileTooLarge, "it is larger than 1 MiB"),
            (io::ErrorKind::IsADirectory, "it is a directory"),
        ] {
            let cli = search_with(&[HOME], &|_| Err(kind.into()), |_| ()).unwrap_err().to_string();
            assert!(cli.contains(CLI) && cli.contains(wanted), "{cli}");
            let off = |search: &mut Search<'_>| search.ignore_aliyun_cli = Some("--x");
            let ini = search_with(&[HOME], &|_| Err(kind.into()), off).unwrap_err().to_string();
            assert!(ini.contains(INI) && ini.contains(wanted), "{ini}");
        }
    }
}
