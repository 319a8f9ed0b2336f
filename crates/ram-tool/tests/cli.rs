//! The command line as a whole: what kubectl may start, help, completion, flags and their variables.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods
)]

mod support;

use std::process::{Command, Stdio};

use support::{ALICE, run, token_of};

const GET_TOKEN: [&str; 4] = ["credential-plugin", "get-token", "--cluster-id", "c1"];
const EXEC_INFO: (&str, &str) = (
    "KUBERNETES_EXEC_INFO",
    r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":true}}"#,
);

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&ALICE[..], more].concat()
}

#[test]
fn a_kubeconfig_has_kubectl_run_get_token_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made");
    let script = format!("echo made > '{}'", made.display());
    let pem = folder.path().join("ca.pem");
    let pem = pem.to_str().unwrap();
    let refused: [&[&str]; 13] = [
        &["export-credentials"],
        &["export-credentials", "--", "/bin/sh", "-c", &script],
        &["-y", "export-credentials", "--format", "env", "--", "/bin/sh", "-c", &script],
        &["export-credentials", "--serve", "127.0.0.1:0"],
        &["auth", "whoami"],
        &["get-kubeconfig", "--server", "https://x", "--certificate-authority", pem, "-m", "token"],
        &["credential-plugin", "get-kubeconfig", "-c", "c1", "-m", "token"],
        &["utils", "test-ecs-metadata", "--no-loop"],
        &["completion", "bash"],
        &["rbac", "scan-user-permissions", "-c", "c1"],
        &["-y", "rbac", "cleanup-user-permissions", "-c", "c1", "-u", "1"],
        &["credential-plugin", "get-kubeconfig", "-c", "c1", "--merge"],
        &["-y", "rrsa", "enable", "-c", "c1"],
    ];
    for arguments in refused {
        for info in [EXEC_INFO, ("KUBERNETES_EXEC_INFO", "")] {
            let error = run(arguments, &with(&[info])).error();
            assert!(error.contains("KUBERNETES_EXEC_INFO"), "{arguments:?}: {error}");
        }
    }
    assert!(!made.exists());
    token_of(&run(&GET_TOKEN, &with(&[EXEC_INFO])).success());
    run(&["version"], &with(&[EXEC_INFO])).success();
    // The same command runs outside of kubectl, so that its refusal shows something.
    run(&["export-credentials", "--", "/bin/sh", "-c", &script], &ALICE).success();
    assert!(made.exists());
}

#[test]
fn groups_without_a_command_show_their_help() {
    for group in [&[][..], &["auth"], &["credential-plugin"], &["utils"], &["completion"], &["help", "auth"]]
    {
        let help = run(group, &[]).success();
        assert!(help.contains("Usage: ack-ram-tool"), "{help}");
    }
    let help = run(&["--help"], &[]).success();
    for word in
        ["auth", "completion", "credential-plugin", "export-credentials", "utils", "version", "--cs-endpoint"]
    {
        assert!(help.contains(word), "{word}: {help}");
    }
    let error = run(&["nonsense"], &[]).error();
    assert!(error.contains("nonsense"), "{error}");
    run(&["version", "surplus"], &[]).error();
}

#[test]
fn the_variable_of_the_credential_type_works_and_its_flag_wins() {
    let variable = |value| ("ACK_RAM_TOOL_CREDENTIAL_TYPE", value);
    // Nobody listens there: a failure shows that the metadata service was asked.
    let nowhere = ("ALIBABA_CLOUD_IMDS_ENDPOINT", "http://127.0.0.1:1");
    for word in ["imds", "ecs-role"] {
        let error = run(&GET_TOKEN, &with(&[variable(word), nowhere])).error();
        assert!(error.contains("metadata service"), "{error}");
        let flag = [&GET_TOKEN[..], &["--credential-type", word]].concat();
        let error = run(&flag, &with(&[nowhere])).error();
        assert!(error.contains("metadata service"), "{error}");
    }
    let flag = [&GET_TOKEN[..], &["--credential-type", "auto"]].concat();
    run(&flag, &with(&[variable("imds"), nowhere])).success();
    let error = run(&GET_TOKEN, &with(&[variable("mds")])).error();
    assert!(error.contains("ACK_RAM_TOOL_CREDENTIAL_TYPE") && error.contains("imds"), "{error}");
    let error = run(&[&GET_TOKEN[..], &["--credential-type", "mds"]].concat(), &ALICE).error();
    assert!(error.contains("--credential-type"), "{error}");
}

#[test]
fn booleans_are_gos_and_a_flag_beats_its_variable() {
    let ignored = |flags: &[&str], value: &str| {
        let variables = with(&[("ACK_RAM_TOOL_IGNORE_ENV_CREDENTIALS", value)]);
        run(&[&GET_TOKEN[..], flags].concat(), &variables).code == Some(1)
    };
    for on in ["1", "t", "T", "true", "TRUE", "True"] {
        assert!(ignored(&[], on), "{on}");
        assert!(!ignored(&["--ignore-env-credentials=false"], on), "{on}");
        assert!(ignored(&[&format!("--ignore-env-credentials={on}")], "0"), "{on}");
    }
    for off in ["", "0", "f", "false", "FALSE", "yes", "on", "tRUE"] {
        assert!(!ignored(&[], off), "{off}");
        assert!(ignored(&["--ignore-env-credentials"], off), "{off}");
    }
    run(&["--ignore-env-credentials=yes", "version"], &[]).error();
}

#[test]
fn levels_that_do_not_exist_are_errors_as_flags_only() {
    let error = run(&["--log-level", "loud", "version"], &[]).error();
    assert!(error.contains("--log-level"), "{error}");
    run(&["version"], &[("ACK_RAM_TOOL_LOG_LEVEL", "loud")]).success();
    for level in ["debug", "info", "warn", "error", "ERROR"] {
        run(&["--log-level", level, "version"], &[]).success();
    }
}

#[test]
fn endpoints_are_https_only_where_they_are_used() {
    let error = run(&["--sts-endpoint", "http://sts.aliyuncs.com", "auth", "whoami"], &ALICE).error();
    assert!(error.contains("--sts-endpoint") && error.contains("http"), "{error}");
    // Other programs read these two: what is wrong with them is nothing to a command that does not ask there.
    let foreign = [("CS_ENDPOINT", "http://cs.example"), ("RAM_ENDPOINT", "http://ram.example")];
    run(&GET_TOKEN, &with(&foreign)).success();
}

#[test]
fn completion_scripts_know_every_command() {
    for shell in ["bash", "fish", "powershell", "zsh"] {
        for flags in [&[][..], &["--no-descriptions"]] {
            let script = run(&[&["completion", shell][..], flags].concat(), &[]).success();
            for word in
                ["credential-plugin", "get-token", "export-credentials", "whoami", "test-ecs-metadata"]
            {
                assert!(script.contains(word), "{shell}: {word}");
            }
            let described = script.contains("Print the version");
            assert_eq!(described, flags.is_empty() && shell != "bash", "{shell} {flags:?}");
        }
    }
    run(&["completion", "tcsh"], &[]).error();
}

#[test]
fn bash_reads_its_completion_script() {
    let script = run(&["completion", "bash"], &[]).success();
    let complete = |words: &str, current: &str| {
        let program = format!(
            "{script}\nCOMP_WORDS=({words} '{current}'); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _ack__ram__tool ack-ram-tool '{current}' ''; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        // In a file: it is longer than an argument may be.
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("complete.bash");
        std::fs::write(&file, program).unwrap();
        let output = Command::new("bash")
            .arg("--norc")
            .arg(&file)
            .stdin(Stdio::null())
            .output()
            .expect("bash is needed for this test: install it");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(complete("ack-ram-tool", "exp").trim(), "export-credentials");
    assert!(complete("ack-ram-tool credential-plugin", "get-t").contains("get-token"));
    assert!(complete("ack-ram-tool auth whoami", "--out").contains("--output"));
}

/// Each command with those above it, joined by hyphens.
fn pages(command: &clap::Command, above: &str) -> Vec<String> {
    let name = [above, command.get_name()].join("-").trim_start_matches('-').to_owned();
    let below = command.get_subcommands().filter(|command| command.get_name() != "help");
    below.flat_map(|command| pages(command, &name)).chain([format!("{name}.1")]).collect()
}

/// Each command with its way there.
fn commands(command: &clap::Command, above: &[String]) -> Vec<(Vec<String>, String)> {
    let below = command.get_subcommands().filter(|command| command.get_name() != "help");
    below
        .flat_map(|command| {
            let way = [above, &[command.get_name().to_owned()]].concat();
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            [vec![(way.clone(), about)], commands(command, &way)].concat()
        })
        .collect()
}

#[test]
fn each_help_begins_with_what_the_list_above_it_says() {
    let mut whole = ram_tool::command();
    whole.build();
    let commands = commands(&whole, &[]);
    assert!(commands.len() > 15, "{commands:?}");
    for (way, about) in commands {
        let above: Vec<&str> = way[..way.len() - 1].iter().map(String::as_str).chain(["--help"]).collect();
        let own: Vec<&str> = way.iter().map(String::as_str).chain(["--help"]).collect();
        let (above, own) = (run(&above, &[]).success(), run(&own, &[]).success());
        let first = own.split("\n\n").next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        let listed = above.split_whitespace().collect::<Vec<_>>().join(" ");
        let entry = format!("{} {first}", way.last().unwrap());
        assert!(first.len() > 10 && listed.contains(&entry), "{way:?}: {first}");
        assert_eq!(first, about, "{way:?}");
        assert!(!own.contains("the public tool"), "{way:?}");
    }
}

#[test]
fn every_command_has_a_man_page_and_says_what_it_does() {
    let mut command = ram_tool::command();
    command.build();
    command.clone().debug_assert();
    let folder = tempfile::tempdir().unwrap();
    clap_mangen::generate_to(ram_tool::command(), folder.path()).unwrap();
    let pages = pages(&command, "");
    assert!(pages.len() > 15, "{pages:?}");
    for page in pages {
        let text = std::fs::read_to_string(folder.path().join(&page))
            .unwrap_or_else(|error| panic!("{page}: {error}"));
        let name = text.lines().skip_while(|line| *line != ".SH NAME").nth(1).unwrap();
        assert!(name.split(" \\- ").nth(1).is_some_and(|about| !about.is_empty()), "{page}: {name}");
    }
}
