//! `docs/pod-identity.md` and `manifests/pod-identity` name what the program has: flags, keys, metrics, reasons, tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clap::{CommandFactory as _, Parser as _};
use pod_identity::args::{Arguments, Command as Subcommand};
use pod_identity::certificates::CertificateMetrics;
use pod_identity::events::{Reason as EventReason, Written};
use pod_identity::lookup::{Answered, Object, Source};
use pod_identity::metrics::{Metrics, ResultLabel};
use pod_identity::server::endings;
use serde_json::Value;
use webhook_server::metrics::ConnectionMetrics;

const PAGE: &str = "docs/pod-identity.md";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text_of(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The part of the page below a heading, up to the next heading of the same or a higher level.
fn section(heading: &str) -> String {
    let page = text_of(PAGE);
    let level = heading.split(' ').next().unwrap().len();
    let below = page.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading}")).1;
    let is_next = |line: &&str| {
        let marks = line.bytes().take_while(|b| *b == b'#').count();
        (1..=level).contains(&marks) && line.as_bytes().get(marks) == Some(&b' ')
    };
    below.lines().take_while(|line| !is_next(line)).collect::<Vec<_>>().join("\n")
}

/// What stands in code spans of a text.
fn code_spans(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The long flags of every command.
fn flags() -> BTreeSet<(String, String)> {
    let mut flags = BTreeSet::new();
    for command in Arguments::command().get_subcommands() {
        for flag in command.get_arguments().filter_map(clap::Arg::get_long) {
            flags.insert((command.get_name().to_owned(), flag.to_owned()));
        }
    }
    flags
}

#[test]
fn every_flag_is_named_in_the_page_and_no_other() {
    let page = text_of(PAGE);
    let flags = flags();
    assert!(flags.len() > 30, "{flags:?}");
    let words: BTreeSet<String> = page
        .split("--")
        .skip(1)
        .map(|rest| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect())
        .collect();
    for (command, flag) in &flags {
        assert!(flag == "help" || words.contains(flag), "{command}: the page does not name --{flag}");
    }
    // Flags in code spans that begin with them are this program's.
    for span in code_spans(&page).iter().filter_map(|span| span.strip_prefix("--")) {
        let name = span.split(['=', ' ']).next().unwrap();
        let is_known = flags.iter().any(|(_, flag)| flag == name);
        assert!(is_known || FLAGS_OF_OTHERS.contains(&name), "--{name} is no flag");
    }
}

/// Of the API server, kubectl and the like.
const FLAGS_OF_OTHERS: [&str; 5] =
    ["service-account-issuer", "server-side", "custom", "copy-to", "admission-control-config-file"];

#[test]
fn defaults_in_the_table_of_flags_are_those_of_the_program() {
    let table = section("### Flags and configuration file");
    let command = Arguments::command();
    let server = command.find_subcommand("server").unwrap();
    let mut seen = 0;
    for argument in server.get_arguments() {
        let Some(flag) = argument.get_long().filter(|flag| *flag != "help") else { continue };
        let row = table
            .lines()
            .find(|line| line.starts_with(&format!("| `--{flag}` ")))
            .unwrap_or_else(|| panic!("no row for --{flag}"));
        let default = row.split(" | ").nth(1).unwrap().trim().trim_matches('`').to_owned();
        if let Some(real) = argument.get_default_values().first() {
            seen += 1;
            assert_eq!(default, real.to_str().unwrap(), "--{flag}");
        }
    }
    assert!(seen > 15, "{seen}");
}

#[test]
fn arguments_of_the_manifests_are_flags_of_the_program() {
    let mut seen = 0;
    for file in ["base/deployment.yaml", "cert-manager/kustomization.yaml", "fail-closed/kustomization.yaml"]
    {
        let text = text_of(&format!("manifests/pod-identity/{file}"));
        let arguments = text.lines().filter_map(|line| {
            let line = line.trim();
            line.strip_prefix("- --")
                .or_else(|| line.strip_prefix("value: --"))
                .map(|rest| format!("--{rest}"))
        });
        let words = ["ack-pod-identity-webhook".to_owned(), "server".to_owned()].into_iter().chain(arguments);
        let words: Vec<String> = words.collect();
        assert!(words.len() > 2, "{file}");
        seen += words.len() - 2;
        Arguments::command().try_get_matches_from(&words).unwrap_or_else(|error| panic!("{file}: {error}"));
    }
    assert_eq!(seen, 6);
}

#[test]
fn namespaces_that_a_fail_closed_installation_leaves_out_are_in_the_page() {
    let text = text_of("manifests/pod-identity/fail-closed/kustomization.yaml");
    let values = text.split_once("values: [").unwrap().1.split_once(']').unwrap().0;
    let mut left_out: Vec<&str> = values.split(", ").collect();
    let more = text_of("manifests/pod-identity/cert-manager-fail-closed/kustomization.yaml");
    left_out.push(more.split_once("value: ").unwrap().1.lines().next().unwrap());
    let page = section("## While it cannot be asked");
    let told = page.split_once("Fail-closed leaves out").unwrap().1.split_once("**Label none").unwrap().0;
    let told = code_spans(told);
    for namespace in ["kube-system", "ack-pod-identity-webhook", "cert-manager"] {
        assert!(left_out.contains(&namespace), "{left_out:?}");
    }
    for namespace in left_out {
        assert!(told.contains(namespace), "{namespace}: {told:?}");
    }
}

/// What `server` says to a configuration file that it is not to start with.
fn refusal(config: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    fs::write(&file, config).unwrap();
    let program = env!("CARGO_BIN_EXE_ack-pod-identity-webhook");
    let mut command = Command::new(program);
    let output = command.arg("server").arg("--config").arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn the_configuration_that_is_shipped_stops_with_the_key_that_is_to_be_changed() {
    let shipped = text_of("manifests/pod-identity/base/config.yaml");
    let stderr = refusal(&shipped);
    let told = "the account ID \"<change me>\" is not one";
    assert!(stderr.contains(told), "{stderr}");
    assert!(text_of(PAGE).contains(told));
    let half = shipped.replace("accountID: \"<change me>\"", "accountID: \"1234567890123456\"");
    let stderr = refusal(&half);
    assert!(stderr.contains("the cluster ID \"<change me>\" is not one"), "{stderr}");
}

#[test]
fn keys_of_the_documented_configuration_are_flags_and_their_values_good() {
    let page = text_of(PAGE);
    let keys: Value = serde_saphyr::from_str(&block("config.yaml")).unwrap();
    let command = Arguments::command();
    let server = command.find_subcommand("server").unwrap();
    let mut words = vec!["ack-pod-identity-webhook".to_owned(), "server".to_owned()];
    for (key, value) in keys.as_object().unwrap() {
        let name = key.to_lowercase();
        let flag = server.get_arguments().filter_map(clap::Arg::get_long);
        let flag = flag.filter(|flag| flag.replace('-', "") == name).collect::<Vec<_>>();
        assert_eq!(flag.len(), 1, "{key}");
        words.push(format!("--{}={}", flag[0], value.as_str().unwrap()));
    }
    let parsed = Arguments::try_parse_from(words).unwrap();
    let Some(Subcommand::Server(arguments)) = parsed.command else { panic!("not server") };
    let settings = pod_identity::config::component(&arguments.component).unwrap();
    assert!(settings.region.is_some() && settings.sts_variables);
    assert!(page.contains(&settings.provider_arn), "{}", settings.provider_arn);
}

/// The block of YAML of the page that begins with this comment.
fn block(name: &str) -> String {
    let page = text_of(PAGE);
    let mut blocks = page.split("```yaml\n").skip(1);
    let block = blocks.find(|block| block.starts_with(&format!("# {name}\n")));
    block.unwrap_or_else(|| panic!("no {name}")).split("```").next().unwrap().to_owned()
}

/// What `explain` says about the page's own files; `demo` is the second one.
fn explain(demo: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.yaml"), block("config.yaml")).unwrap();
    fs::write(folder.path().join("demo.yaml"), demo).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ack-pod-identity-webhook"));
    command.current_dir(folder.path()).args(["explain", "-c", "config.yaml", "-f", "demo.yaml"]);
    command.output().unwrap()
}

#[test]
fn explain_prints_what_the_page_shows() {
    let output = explain(&block("demo.yaml"));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let page = text_of(PAGE);
    assert!(page.contains("```\nack-pod-identity-webhook explain -c config.yaml -f demo.yaml\n```"));
    assert!(page.contains(&format!("```\n{printed}```")), "{printed}");
}

#[test]
fn the_warning_that_the_page_shows_is_what_such_a_pod_gets() {
    let demo = block("demo.yaml");
    let wrong = demo.replace("role-name: ack-pod-identity-webhook-demo", "role-name: my role");
    assert_ne!(wrong, demo);
    let output = explain(&wrong);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let warning = printed.lines().find_map(|line| line.trim().strip_prefix("warning ")).unwrap();
    let shown = format!("```\nWarning: {}\n```", warning.trim());
    assert!(text_of(PAGE).contains(&shown), "{shown}");
}

/// The metrics of a server that has answered, looked up and told: names, and as `name/label/value`.
fn metrics() -> (BTreeSet<String>, BTreeSet<String>) {
    let metrics = Metrics::new().unwrap();
    for (result, reason) in endings::all() {
        metrics.known(result, reason);
    }
    CertificateMetrics::register(metrics.registry()).unwrap();
    ConnectionMetrics::register(metrics.registry()).unwrap();
    metrics.review(ResultLabel::Injected, "patched", 0.0);
    metrics.answered(Answered { object: Object::Namespace, source: Source::Cache, result: "found" });
    metrics.synced(Object::Namespace, true);
    metrics.event(Written::Done);
    let families = metrics.registry().gather();
    let mut values = BTreeSet::new();
    for family in &families {
        for label in family.get_metric().iter().flat_map(|metric| metric.get_label()) {
            values.insert(format!("{}/{}/{}", family.name(), label.name(), label.value()));
        }
    }
    (families.iter().map(|family| family.name().to_owned()).collect(), values)
}

#[test]
fn every_metric_has_a_row_and_every_row_a_metric() {
    let table = section("### Metrics");
    let rows: BTreeSet<String> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|rest| rest.split(['{', '`']).next().unwrap().to_owned())
        .collect();
    assert_eq!(metrics().0, rows);
    for written in Written::ALL {
        assert!(table.contains(&format!("`{}`", written.as_str())), "{written:?}");
    }
    for result in Answered::RESULTS {
        assert!(table.contains(&format!("`{result}`")), "{result}");
    }
}

#[test]
fn alerts_ask_for_metrics_that_there_are() {
    let text = text_of("manifests/pod-identity/monitoring/alerts.yaml");
    let _: Value = serde_saphyr::from_str(&text).unwrap();
    let (known, values) = metrics();
    let words = text.split(|c: char| !c.is_ascii_lowercase() && c != '_');
    let asked: BTreeSet<&str> = words.filter(|word| word.starts_with("ack_pod_identity_webhook_")).collect();
    assert!(asked.len() > 7, "{asked:?}");
    for name in asked {
        assert!(known.contains(name), "{name}");
    }
    // `name{label="value",label=~"value|value"}`
    let mut asked = 0;
    for rest in text.split("ack_pod_identity_webhook_").skip(1) {
        let Some((name, rest)) = rest.split_once('{').filter(|(name, _)| !name.contains([' ', '[', ')']))
        else {
            continue;
        };
        for selector in rest.split_once('}').unwrap().0.split(',') {
            let (label, wanted) = selector.split_once('=').unwrap();
            for value in wanted.trim_start_matches('~').trim_matches('"').split('|') {
                let value = format!("ack_pod_identity_webhook_{name}/{label}/{value}");
                assert!(values.contains(&value), "{value}");
                asked += 1;
            }
        }
    }
    assert!(asked >= 8, "{asked}");
    assert!(text.contains("pods.pod-identity.alibabacloud.com"));
    assert!(
        text_of("manifests/pod-identity/base/webhook.yaml")
            .contains("- name: pods.pod-identity.alibabacloud.com")
    );
}

#[test]
fn every_reason_of_a_review_and_of_an_event_is_in_the_page() {
    let reasons: BTreeSet<&str> = endings::all().into_iter().map(|(_, reason)| reason).collect();
    let page = section("## Why has my pod no role?");
    let table = page.split_once("| `result` | `reason` |").unwrap().1.split_once("\n\n").unwrap().0;
    for reason in reasons {
        assert_eq!(table.matches(&format!("`{reason}`")).count(), 1, "{reason}");
    }
    for result in ResultLabel::ALL {
        assert!(table.contains(&format!("`{}`", result.as_str())), "{result:?}");
    }
    for reason in [EventReason::NotInjected, EventReason::LookupFailed] {
        assert!(page.contains(reason.as_str()), "{reason:?}");
    }
}

#[test]
fn every_test_that_the_page_names_exists() {
    fn sources(folder: &Path, all: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
                sources(&path, all);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                all.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut all = String::new();
    for folder in ["crates", "e2e"] {
        sources(&root().join(folder), &mut all);
    }
    let is_name = |text: &&String| {
        text.matches('_').count() >= 4
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let listed = fs::read_dir(root().join("e2e/tests/scenarios/pod_identity")).unwrap();
    let mut scenarios = text_of("e2e/tests/scenarios/mod.rs");
    for entry in listed {
        let path = entry.unwrap().path();
        if path.file_name().is_some_and(|name| name == "mod.rs") {
            scenarios.push_str(&fs::read_to_string(path).unwrap());
        }
    }
    let is_test = |name: &str| {
        let mut before: Vec<&str> = all.split(&format!("fn {name}(")).collect();
        before.pop();
        before.iter().any(|text| {
            let head = text.rsplit(['}', ';']).next().unwrap();
            head.contains("#[test]") || head.contains("#[tokio::test")
        }) || scenarios.contains(&format!("::{name},"))
    };
    let spans = code_spans(&text_of(PAGE));
    let is_metric = |name: &&String| name.starts_with("ack_pod_identity_") || name.starts_with("apiserver_");
    let names: Vec<&String> = spans.iter().filter(is_name).filter(|name| !is_metric(name)).collect();
    assert!(names.len() > 25, "{names:?}");
    for name in names {
        assert!(is_test(name), "{PAGE} names {name}, which is no test");
    }
}
