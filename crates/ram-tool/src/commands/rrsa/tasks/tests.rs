//! Whole commands against an emulated Container Service, on a clock that both share and that only waiting moves.

use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use emulator::{Cluster, Config, Emulator, Fault};
use jiff::{SignedDuration, Timestamp};
use openapi::cs::ClusterLog;
use tokio::runtime::Runtime;

use super::{newest, pause};
use crate::platform::Reply;
use crate::{World, cli};

const ACCOUNT: &str = "1234567890123456";
const ALICE: &str = "222222222222222222";
const C1: &str = "c00000000000000000000000000000001";
const CONFIG: &str = r#"
accounts:
  - id: "1234567890123456"
    users:
      - {name: alice, id: "222222222222222222", accessKeys: [{id: LTAIalice, secret: canary-alice}]}
    roles:
      - name: dev
        id: "333333333333333333"
        trustPolicy:
          Version: "1"
          Statement:
            - {Effect: Allow, Action: "sts:AssumeRole", Principal: {RAM: ["acs:ram::1234567890123456:root"]}}
  - id: "6543210987654321"
"#;

type OnSleep = Box<dyn FnMut(&Emulator, u32)>;

struct Bench {
    emulator: Emulator,
    _runtime: Runtime,
    clock: Arc<Mutex<Timestamp>>,
    variables: Vec<(String, String)>,
    reply: Reply,
    asked: RefCell<Vec<String>>,
    slept: RefCell<Vec<u64>>,
    on_sleep: RefCell<OnSleep>,
    last_words: RefCell<Vec<String>>,
    /// A file that credentials may be in.
    profile: Cell<Option<&'static str>>,
}

impl Bench {
    /// With one cluster, whose tasks take 40 s.
    fn start() -> Self {
        Self::with(cluster())
    }

    fn with(cluster: Cluster) -> Self {
        let runtime = Runtime::new().unwrap();
        let clock = Arc::new(Mutex::new("2026-11-23T12:00:00Z".parse().unwrap()));
        let shared = Arc::clone(&clock);
        let config = Config::from_yaml(CONFIG, "test").unwrap();
        let builder = Emulator::builder(config).clock(move || *shared.lock().unwrap());
        let emulator = runtime.block_on(builder.start()).unwrap();
        emulator.add_cluster(cluster).unwrap();
        let endpoint = emulator.address().to_string();
        let variables = [
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAIalice"),
            ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "canary-alice"),
            ("SSL_CERT_FILE", emulator.ca_file().to_str().unwrap()),
            ("CS_ENDPOINT", &endpoint),
            ("RAM_ENDPOINT", &endpoint),
            ("ACK_RAM_TOOL_STS_ENDPOINT", &endpoint),
        ];
        Self {
            variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            emulator,
            _runtime: runtime,
            clock,
            reply: Reply::Line("y".to_owned()),
            asked: RefCell::default(),
            slept: RefCell::default(),
            on_sleep: RefCell::new(Box::new(|_, _| ())),
            last_words: RefCell::default(),
            profile: Cell::new(None),
        }
    }

    /// What happens after each sleep, which are counted from 1.
    fn on_sleep(self, run: impl FnMut(&Emulator, u32) + 'static) -> Self {
        *self.on_sleep.borrow_mut() = Box::new(run);
        self
    }

    /// Runs a command; its error's text.
    fn run(&self, line: &str) -> Result<String, String> {
        self.slept.borrow_mut().clear();
        self.asked.borrow_mut().clear();
        let variable = |name: &str| {
            self.variables.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
        };
        let sleep = |duration: Duration| {
            let now = *self.clock.lock().unwrap();
            *self.clock.lock().unwrap() = now.checked_add(duration).unwrap();
            self.slept.borrow_mut().push(duration.as_secs());
            let number = u32::try_from(self.slept.borrow().len()).unwrap();
            (self.on_sleep.borrow_mut())(&self.emulator, number);
        };
        let ask = |question: &str| {
            self.asked.borrow_mut().push(question.to_owned());
            self.reply.clone()
        };
        let last_words = |text: &str| self.last_words.borrow_mut().push(text.to_owned());
        let now = || *self.clock.lock().unwrap();
        let read_file = |_: &std::path::Path| {
            self.profile.get().map(str::to_owned).ok_or_else(|| std::io::ErrorKind::NotFound.into())
        };
        let world = World {
            variable: &variable,
            sleep: &sleep,
            ask: &ask,
            last_words: &last_words,
            now: &now,
            read_file: &read_file,
            stderr_is_terminal: false,
            ..World::of_this_process("ack-ram-tool")
        };
        let words = ["ack-ram-tool", "rrsa"].into_iter().chain(line.split(' ')).map(OsString::from);
        let arguments = cli::parse(words).unwrap();
        let result = crate::run(&arguments, &world);
        if let Err(error) = &result {
            let text = error.to_string();
            assert!(!text.contains("canary") && !text.contains('\n') && !text.contains('\u{1b}'), "{text}");
        }
        // Whatever came of it, Ctrl-C says nothing any more.
        assert_eq!(self.last_words.borrow().last().map_or("", String::as_str), "");
        result.map(|done| done.output).map_err(|error| error.to_string())
    }

    fn error(&self, line: &str) -> String {
        self.run(line).unwrap_err()
    }

    fn calls(&self, action: &str) -> usize {
        self.emulator.requests().iter().filter(|request| request.action == action).count()
    }

    fn status(&self) -> String {
        self.run(&format!("status -c {C1}")).unwrap().lines().next().unwrap().to_owned()
    }

    fn refuse(&self, action: &str, status: u16, code: &str, times: u32) {
        refuse(&self.emulator, action, status, code, times);
    }

    fn says(&self, action: &str, body: &str, times: u32) {
        let fault =
            Fault::Garbage { content_type: "application/json".to_owned(), body: body.as_bytes().to_vec() };
        self.emulator.fail(action, fault.times(times));
    }
}

fn refuse(emulator: &Emulator, action: &str, status: u16, code: &str, times: u32) {
    let fault = Fault::Error { status, code: code.to_owned(), message: "canary".to_owned() };
    emulator.fail(action, fault.times(times));
}

fn cluster() -> Cluster {
    Cluster::new(ACCOUNT, C1).task_duration(SignedDuration::from_secs(40))
}

const TRUST: &str = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":["acs:ram::1234567890123456:root"]}}]}"#;
const ENABLE: &str = "enable -c c00000000000000000000000000000001";
const DISABLE: &str = "disable -c c00000000000000000000000000000001";
const INSTALL: &str = "install-helper-addon -c c00000000000000000000000000000001";
const ENABLED: &str = "RRSA feature:          enabled";
const DISABLED: &str = "RRSA feature: disabled";

#[test]
fn enabling_and_disabling_wait_for_the_task_and_print_nothing() {
    let bench = Bench::start();
    assert_eq!(bench.status(), DISABLED);
    for (line, question, status) in [
        (ENABLE, "? Enable RRSA for cluster c00000000000000000000000000000001? (y/N) ", ENABLED),
        (DISABLE, "? Disable RRSA for cluster c00000000000000000000000000000001? (y/N) ", DISABLED),
    ] {
        assert_eq!(bench.run(line).unwrap(), "");
        assert_eq!(*bench.asked.borrow(), [question]);
        // Soon and cheaply: 45 s for 40.
        assert_eq!(*bench.slept.borrow(), [1, 2, 4, 8, 15, 15]);
        assert_eq!(bench.status(), status);
        // It is so already: nothing is changed, and nothing waited for.
        assert_eq!(bench.run(&format!("{line} -y")).unwrap(), "");
        assert!(bench.asked.borrow().is_empty() && bench.slept.borrow().is_empty());
    }
    assert_eq!(bench.calls("ModifyCluster"), 2);
}

#[test]
fn who_is_not_asked_or_says_no_changes_nothing_and_asks_nobody() {
    for (line, installed) in [(ENABLE, false), (DISABLE, true), (INSTALL, true)] {
        for (reply, result) in [
            (Reply::Line("n".to_owned()), Ok(String::new())),
            (Reply::Line(String::new()), Ok(String::new())),
            (Reply::Cancelled, Ok(String::new())),
            (
                Reply::NoTerminal,
                Err("there is no terminal to ask at, and nothing was changed: give --assume-yes (-y)"
                    .to_owned()),
            ),
        ] {
            let bench = Bench { reply, ..Bench::with(cluster().rrsa(installed)) };
            assert_eq!(bench.run(line), result);
            assert!(bench.emulator.requests().is_empty(), "{line}: a call before the answer");
        }
    }
}

#[test]
fn a_task_that_fails_half_way_is_explained_and_the_same_command_finishes_later() {
    for (line, words, before, after) in
        [(ENABLE, "enable RRSA", DISABLED, ENABLED), (DISABLE, "disable RRSA", ENABLED, DISABLED)]
    {
        let reason = format!("OIDC \u{1b}[2J quota\n{}", "x".repeat(2000));
        let bench = Bench::with(cluster().rrsa(before == ENABLED)).on_sleep(move |emulator, number| {
            if number == 3 {
                emulator.fail_tasks(C1, &reason);
            }
        });
        let error = bench.error(line);
        assert!(error.starts_with(&format!("could not {words} for cluster {C1}: task T-")), "{error}");
        assert!(
            error.contains(&format!("ended with failed: \"Failed to {words}: OIDC ?[2J quota?xxx")),
            "{error}"
        );
        assert!(error.ends_with("+08:00); once that is mended, run the same command again"), "{error}");
        assert!(error.len() < 600, "{error}");
        assert_eq!(bench.status(), before);
        let bench = bench.on_sleep(|_, _| ());
        assert_eq!(bench.run(line).unwrap(), "");
        assert_eq!(bench.status(), after);
    }
}

#[test]
fn a_failure_of_another_thing_is_not_shown_as_the_reason() {
    let bench = Bench::start();
    bench.says(
        "DescribeTaskInfo",
        r#"{"state":"canceled","error":{"code":"Quota","message":"no\u001b more"}}"#,
        1,
    );
    bench.says(
        "DescribeClusterLogs",
        r#"[{"ID":2,"cluster_log":"Failed to scale"},{"ID":1,"cluster_log":"Start to enable RRSA"}]"#,
        1,
    );
    let error = bench.error(ENABLE);
    assert!(error.contains("ended with canceled: \"Quota no? more\"; once"), "{error}");
    // Who may not read the log gets the rest.
    bench.emulator.finish_tasks(C1);
    bench.run(DISABLE).unwrap();
    bench.says("DescribeTaskInfo", r#"{"state":"timeout"}"#, 1);
    bench.refuse("DescribeClusterLogs", 403, "StatusForbidden", 1);
    let error = bench.error(ENABLE);
    assert!(error.contains("ended with timeout; once that is mended"), "{error}");
}

#[test]
fn a_fault_that_passes_does_not_end_the_wait() {
    let bench = Bench::start();
    let faults = || {
        [
            Fault::Error { status: 503, code: "ServiceUnavailable".to_owned(), message: String::new() },
            Fault::Error { status: 400, code: "Throttling.User".to_owned(), message: String::new() },
            Fault::BreakConnection,
            Fault::Garbage { content_type: "text/html".to_owned(), body: b"<p>canary".to_vec() },
        ]
    };
    let plan = move |emulator: &Emulator, action: &str| {
        // Each call that reads is made twice.
        faults().into_iter().for_each(|fault| emulator.fail(action, fault.times(2)));
    };
    plan(&bench.emulator, "DescribeTaskInfo");
    let bench = bench.on_sleep(move |emulator, number| {
        if number == 5 {
            plan(emulator, "DescribeClusterDetail");
        }
    });
    assert_eq!(bench.run(ENABLE).unwrap(), "");
    assert!(bench.calls("DescribeTaskInfo") > 8 && bench.calls("DescribeClusterDetail") > 8);
    assert_eq!(bench.calls("ModifyCluster"), 1);
    bench.emulator.clear_faults();
    assert_eq!(bench.status(), ENABLED);
    // Before anything has begun there is nothing to lose: the person is told at once.
    bench.refuse("DescribeClusterDetail", 503, "ServiceUnavailable", 2);
    assert!(bench.error(DISABLE).starts_with("Container Service cannot answer DescribeClusterDetail now"));
}

#[test]
fn what_an_earlier_run_has_begun_is_waited_for_and_not_begun_again() {
    // The first run loses sight of the task.
    let bench = Bench::start().on_sleep(|emulator, number| {
        if number == 1 {
            refuse(emulator, "DescribeTaskInfo", 403, "StatusForbidden", 1);
            refuse(emulator, "DescribeClusterDetail", 403, "StatusForbidden", 1);
        }
    });
    let error = bench.error(ENABLE);
    assert!(
        error.starts_with(&format!("cluster {C1}: enabling RRSA cannot be watched any more, and goes on where it has begun: Container Service refused DescribeClusterDetail: StatusForbidden")),
        "{error}"
    );
    assert!(error.ends_with("run the same command again, which waits for it"), "{error}");
    assert!(bench.last_words.borrow().iter().any(|words| words.contains("enabling RRSA of cluster")));
    let bench = bench.on_sleep(|_, _| ());
    assert_eq!(bench.run(ENABLE).unwrap(), "");
    assert!(!bench.slept.borrow().is_empty());
    assert_eq!((bench.calls("ModifyCluster"), bench.status().as_str()), (1, ENABLED));
}

#[test]
fn another_change_is_waited_for_first() {
    let bench = Bench::start();
    bench.says("DescribeTaskInfo", r#"{"state":"failed"}"#, 1);
    bench.error(ENABLE);
    // That task goes on; disabling comes after it.
    assert_eq!(bench.run(DISABLE).unwrap(), "");
    // The joined wait and the own one.
    assert_eq!(*bench.slept.borrow(), [1, 2, 4, 8, 15, 15, 1, 2, 4, 8, 15, 15]);
    assert_eq!((bench.calls("ModifyCluster"), bench.status().as_str()), (2, DISABLED));
}

/// Container Service's answer about the cluster, once.
fn is(emulator: &Emulator, state: &str, rrsa: bool) {
    let body = format!(
        r#"{{"cluster_id":"{C1}","state":"{state}","meta_data":"{{\"RRSAConfig\":{{\"enabled\":{rrsa}}}}}"}}"#
    );
    let fault = Fault::Garbage { content_type: "application/json".to_owned(), body: body.into_bytes() };
    emulator.fail("DescribeClusterDetail", fault.times(1));
}

#[test]
fn it_is_over_when_the_cluster_is_running_again() {
    let bench = Bench::start().on_sleep(|emulator, number| match number {
        1 => {
            refuse(emulator, "DescribeTaskInfo", 403, "StatusForbidden", 1);
            is(emulator, "updating", true);
        }
        2 => is(emulator, "updating", true),
        3 => emulator.finish_tasks(C1),
        _ => {}
    });
    assert_eq!(bench.run(ENABLE).unwrap(), "");
    assert_eq!(*bench.slept.borrow(), [1, 2, 4]);
}

#[test]
fn a_cluster_that_is_changed_anew_has_a_minute_anew() {
    let bench = Bench::with(cluster().task_duration(SignedDuration::from_hours(2)));
    let bench = bench.on_sleep(|emulator, number| match number {
        1 => {
            refuse(emulator, "DescribeTaskInfo", 403, "StatusForbidden", 1);
            is(emulator, "running", false);
        }
        2..=5 | 7..=9 => is(emulator, "running", false),
        10 => emulator.finish_tasks(C1),
        _ => {}
    });
    assert_eq!(bench.run(ENABLE).unwrap(), "");
    assert_eq!(bench.slept.borrow().len(), 10);
}

#[test]
fn what_is_waited_for_first_takes_nothing_of_the_time_of_the_change() {
    let bench = Bench::with(cluster().task_duration(SignedDuration::from_mins(10)));
    bench.says("DescribeTaskInfo", r#"{"state":"failed"}"#, 1);
    bench.error(ENABLE);
    assert_eq!(bench.run(DISABLE).unwrap(), "");
    let waited: u64 = bench.slept.borrow().iter().sum();
    assert!((1200..=1230).contains(&waited), "{waited}");
    assert_eq!((bench.calls("ModifyCluster"), bench.status().as_str()), (2, DISABLED));
}

#[test]
fn no_wait_is_longer_than_a_quarter_of_an_hour() {
    let bench = Bench::with(cluster().task_duration(SignedDuration::from_hours(2)));
    let error = bench.error(ENABLE);
    assert!(
        error.contains("enabling RRSA is not over after 15 minutes (its task is running), and may go on; run the same command again"),
        "{error}"
    );
    let waited: u64 = bench.slept.borrow().iter().sum();
    assert!((900..=915).contains(&waited), "{waited}");
    // The same while an earlier run's is waited for.
    let error = bench.error(ENABLE);
    assert!(error.contains("not over after 15 minutes (the cluster is updating)"), "{error}");
    assert_eq!(bench.calls("ModifyCluster"), 1);
    bench.emulator.finish_tasks(C1);
    assert_eq!(bench.run(ENABLE).unwrap(), "");
    assert_eq!((bench.calls("ModifyCluster"), bench.status().as_str()), (1, ENABLED));
}

#[test]
fn a_task_that_cannot_be_read_is_seen_by_what_the_cluster_does() {
    for answer in ["forbidden", r#"{"state":"paused \u001b[2J"}"#] {
        let plan = |bench: &Bench| match answer {
            "forbidden" => bench.refuse("DescribeTaskInfo", 403, "StatusForbidden", 1),
            body => bench.says("DescribeTaskInfo", body, 1),
        };
        let bench = Bench::start();
        plan(&bench);
        assert_eq!(bench.run(ENABLE).unwrap(), "");
        assert_eq!((bench.calls("DescribeTaskInfo"), bench.status().as_str()), (1, ENABLED));
        plan(&bench);
        let bench = bench.on_sleep(|emulator, number| {
            if number == 2 {
                emulator.fail_tasks(C1, "no quota");
            }
        });
        let error = bench.error(DISABLE);
        assert_eq!(
            error,
            format!(
                "could not disable RRSA for cluster {C1}: it is running again, and nothing has changed: \"Failed to disable RRSA: no quota\" (logged at 2026-11-23T20:00:48+08:00); once that is mended, run the same command again"
            )
        );
        assert_eq!(bench.status(), ENABLED);
    }
}

#[test]
fn a_task_may_take_a_moment_to_be_known() {
    let bench = Bench::start();
    bench.refuse("DescribeTaskInfo", 404, "ErrorTaskNotFound", 3);
    assert_eq!(bench.run(ENABLE).unwrap(), "");
    assert_eq!(bench.calls("DescribeTaskInfo"), 7);
    // One that stays unknown is none to wait for.
    let bench = Bench::start();
    bench.refuse("DescribeTaskInfo", 404, "ErrorTaskNotFound", 100);
    assert_eq!(bench.run(ENABLE).unwrap(), "");
    assert_eq!(bench.calls("DescribeTaskInfo"), 6);
    assert_eq!(bench.status(), ENABLED);
}

#[test]
fn a_call_that_changes_something_is_sent_once() {
    for (line, action, rrsa) in [
        (ENABLE, "ModifyCluster", false),
        (DISABLE, "ModifyCluster", true),
        (INSTALL, "InstallClusterAddons", true),
    ] {
        for fault in [
            Fault::BreakConnection,
            Fault::Error { status: 503, code: "ServiceUnavailable".to_owned(), message: String::new() },
        ] {
            let bench = Bench::with(cluster().rrsa(rrsa));
            bench.emulator.fail(action, fault.times(1));
            let error = bench.error(line);
            assert!(error.contains(action) && error.contains(C1), "{error}");
            assert!(
                error.ends_with(
                    "; it may have begun nevertheless: run the same command again, which waits for it"
                ),
                "{error}"
            );
            assert_eq!(bench.calls(action), 1);
            assert_eq!(bench.run(line).unwrap(), "");
            assert_eq!(bench.calls(action), 2);
        }
    }
}

#[test]
fn refusals_say_what_to_do() {
    for (line, operation, rrsa) in [
        (ENABLE, "ModifyCluster", false),
        (DISABLE, "ModifyCluster", true),
        (ENABLE, "DescribeClusterDetail", false),
        (INSTALL, "InstallClusterAddons", true),
        (INSTALL, "DescribeClusterAddonsVersion", true),
    ] {
        let bench = Bench::with(cluster().rrsa(rrsa));
        let before = bench.status();
        bench.emulator.deny_cluster_operation(ALICE, operation);
        let error = bench.error(line);
        assert!(
            error.contains(&format!("do not allow cs:{operation}")) && error.contains("administrator"),
            "{error}"
        );
        if operation != "DescribeClusterDetail" {
            assert_eq!(bench.status(), before);
        }
    }
    for (cluster, said) in [
        (cluster().version("1.20.11-aliyun.1"), "ErrorClusterVersionNotSupported"),
        (cluster().kind("Kubernetes"), "ErrorClusterTypeNotSupported"),
        (cluster().profile("Edge").spec("ack.standard"), "ErrorClusterTypeNotSupported"),
    ] {
        let bench = Bench::with(cluster);
        let error = bench.error(ENABLE);
        assert!(
            error.starts_with(&format!(
                "cannot enable RRSA for cluster {C1}: Container Service refused ModifyCluster: {said}"
            )),
            "{error}"
        );
        assert!(error.contains("RRSA needs 1.22") || error.contains("--self-managed"), "{error}");
    }
    // Who has no right to it is not sent to upgrade.
    let bench = Bench::with(cluster().version("1.20.11-aliyun.1"));
    bench.refuse("ModifyCluster", 403, "StatusForbidden", 1);
    let error = bench.error(ENABLE);
    assert!(!error.contains("; RRSA is "), "{error}");
    // Whatever code it has for them.
    for (cluster, hint) in [
        (
            cluster().version("1.20.11-aliyun.1"),
            "; RRSA is there from Kubernetes 1.22 on, and this cluster has 1.20.11-aliyun.1: upgrade it",
        ),
        (cluster().version("v1.21.14"), "; RRSA is there from Kubernetes 1.22 on"),
        (cluster().version("1.22.3-aliyun.1"), "InvalidParameter (HTTP 400"),
        (
            cluster().kind("ExternalKubernetes"),
            "this one is of the type ExternalKubernetes: rrsa enable --self-managed is for others",
        ),
        (cluster(), "InvalidParameter (HTTP 400"),
    ] {
        let bench = Bench::with(cluster);
        bench.emulator.fail(
            "ModifyCluster",
            Fault::Error { status: 400, code: "InvalidParameter".to_owned(), message: "canary".to_owned() },
        );
        let error = bench.error(ENABLE);
        assert!(error.contains(hint), "{error}");
        assert_eq!(error.contains("; RRSA is "), !hint.contains("HTTP 400"), "{error}");
    }
}

#[test]
fn a_wrong_cluster_is_an_error() {
    let bench = Bench::start();
    bench.emulator.add_cluster(Cluster::new("6543210987654321", "c2").rrsa(true)).unwrap();
    for id in ["c2", "c3"] {
        for command in ["enable", "disable", "install-helper-addon", "status"] {
            let error = bench.error(&format!("{command} -c {id}"));
            assert!(
                error.contains("ErrorClusterNotFound") && error.contains("check the cluster id"),
                "{error}"
            );
        }
    }
    for (state, advice) in [
        ("failed", "console"),
        ("deleting", "check the cluster id"),
        ("unavailable", "console"),
        ("", "console"),
    ] {
        for (line, rrsa) in [(ENABLE, false), (DISABLE, true), (INSTALL, true)] {
            let bench = Bench::with(cluster().rrsa(rrsa));
            bench.says(
                "DescribeClusterDetail",
                &format!(r#"{{"cluster_id":"{C1}","state":"{state}","meta_data":"{{\"RRSAConfig\":{{\"enabled\":{rrsa}}}}}"}}"#),
                1,
            );
            let error = bench.error(line);
            assert!(error.contains("and has to be running") && error.contains(advice), "{state}: {error}");
            assert_eq!(bench.calls("ModifyCluster") + bench.calls("InstallClusterAddons"), 0);
        }
    }
}

#[test]
fn what_container_service_does_not_say_is_not_guessed() {
    for meta_data in ["", "no json", "[]", r#"{\"RRSAConfig\":{\"enabled\":\"yes\"}}"#] {
        let bench = Bench::start();
        let body = format!(r#"{{"cluster_id":"{C1}","state":"running","meta_data":"{meta_data}"}}"#);
        for line in [ENABLE, DISABLE, INSTALL, "status -c c00000000000000000000000000000001"] {
            bench.says("DescribeClusterDetail", &body, 1);
            let error = bench.error(line);
            assert!(error.contains(&format!("whether RRSA is enabled for cluster {C1}")), "{line}: {error}");
        }
        assert_eq!(bench.calls("ModifyCluster"), 0);
    }
}

#[test]
fn credentials_that_end_during_the_wait_are_renewed() {
    let bench = Bench::with(cluster().task_duration(SignedDuration::from_secs(880)));
    let keep = |name: &str| !name.starts_with("ALIBABA_CLOUD_ACCESS_KEY");
    let bench = Bench {
        variables: bench.variables.iter().filter(|(name, _)| keep(name)).cloned().collect(),
        ..bench
    };
    bench.profile.set(Some(
        r#"{"current":"p","profiles":[{"name":"p","mode":"RamRoleArn","access_key_id":"LTAIalice",
        "access_key_secret":"canary-alice","ram_role_arn":"acs:ram::1234567890123456:role/dev",
        "ram_session_name":"alice","expired_seconds":900}]}"#,
    ));
    let line = format!("{ENABLE} --profile-file /config.json");
    assert_eq!(bench.run(&line).unwrap(), "");
    assert_eq!(bench.calls("AssumeRole"), 2);
    // As long as they are good, new ones may be had later.
    let bench = bench.on_sleep(|emulator, number| {
        if number == 1 {
            refuse(emulator, "AssumeRole", 400, "Throttling.User", 2);
        }
    });
    let before = bench.calls("AssumeRole");
    assert_eq!(bench.run(&format!("{DISABLE} --profile-file /config.json")).unwrap(), "");
    assert_eq!(bench.calls("AssumeRole"), before + 4);
    assert_eq!(bench.run(&line).unwrap(), "");
    // One that cannot be had any more ends the wait, and says that the task goes on.
    let bench = bench.on_sleep(|emulator, number| {
        if number == 3 {
            emulator.delete_role(ACCOUNT, "dev").unwrap();
        }
    });
    let error = bench.error(&format!("{DISABLE} --profile-file /config.json"));
    assert!(
        error.contains("disabling RRSA cannot be watched any more, and goes on where it has begun"),
        "{error}"
    );
    // The same where they end, and nobody gives new ones.
    bench.emulator.create_role(ACCOUNT, "dev", TRUST).unwrap();
    bench.emulator.finish_tasks(C1);
    let bench = bench.on_sleep(|_, _| ());
    bench.says("DescribeTaskInfo", r#"{"state":"failed"}"#, 1);
    bench.error(&line);
    let bench = bench.on_sleep(|emulator, number| {
        if number == 1 {
            refuse(emulator, "AssumeRole", 403, "NoPermission", 1000);
        }
    });
    let error = bench.error(&format!("{DISABLE} --profile-file /config.json"));
    assert!(error.contains("disabling RRSA cannot be watched any more"), "{error}");
}

#[test]
fn the_helper_addon_is_installed_once() {
    let bench = Bench::start();
    let error = bench.error(INSTALL);
    assert!(error.contains("RRSA is not enabled for cluster") && error.contains("rrsa enable"), "{error}");
    assert_eq!(bench.calls("DescribeClusterAddonsVersion"), 0);
    bench.run(ENABLE).unwrap();
    assert_eq!(bench.run(INSTALL).unwrap(), "");
    assert_eq!(
        *bench.asked.borrow(),
        ["? Install ack-pod-identity-webhook in cluster c00000000000000000000000000000001? (y/N) "]
    );
    assert_eq!(*bench.slept.borrow(), [1, 2, 4, 8, 15, 15]);
    assert_eq!(bench.run(INSTALL).unwrap(), "");
    assert_eq!((bench.calls("InstallClusterAddons"), bench.slept.borrow().len()), (1, 0));
}

#[test]
fn an_addon_that_cannot_be_installed_is_an_error() {
    let bench = Bench::with(cluster().rrsa(true));
    bench.refuse("InstallClusterAddons", 400, "AddonConflict", 1);
    let error = bench.error(INSTALL);
    assert!(error.starts_with(&format!("cannot install ack-pod-identity-webhook in cluster {C1}: Container Service refused InstallClusterAddons: AddonConflict")), "{error}");
    bench.emulator.fail_next_task(C1, "no node");
    let error = bench.error(INSTALL);
    assert!(
        error.contains("ended with failed: \"Failed to install ack-pod-identity-webhook: no node\""),
        "{error}"
    );
    bench.says("DescribeClusterAddonsVersion", r#"{"coredns":{"version":"1"}}"#, 1);
    let error = bench.error(INSTALL);
    assert!(error.contains("has no add-on ack-pod-identity-webhook for cluster"), "{error}");
    // Without a task there is the version to look at.
    for body in ["", "{}"] {
        bench.says("InstallClusterAddons", body, 1);
        let error = bench.error(INSTALL);
        assert!(
            error.contains(
                "installing ack-pod-identity-webhook is not over after 15 minutes (it is not installed yet)"
            ),
            "{error}"
        );
    }
    bench.says("InstallClusterAddons", "{}", 1);
    let bench = bench.on_sleep(|emulator, number| {
        if number == 3 {
            let body = br#"{"ack-pod-identity-webhook":{"version":"0.4.0"}}"#.to_vec();
            let content_type = "application/json".to_owned();
            emulator.fail("DescribeClusterAddonsVersion", Fault::Garbage { content_type, body }.times(1));
        }
    });
    assert_eq!(bench.run(INSTALL).unwrap(), "");
    assert_eq!(*bench.slept.borrow(), [1, 2, 4]);
}

#[test]
fn it_is_asked_soon_and_then_less_often() {
    let pauses: Vec<u64> = (0..7).map(|number| pause(number).as_secs()).collect();
    assert_eq!(pauses, [1, 2, 4, 8, 15, 15, 15]);
    assert_eq!(pause(u32::MAX).as_secs(), 15);
}

#[test]
fn the_newest_line_that_tells_of_the_failure_is_shown() {
    let line = |id, text: &str| ClusterLog { id, cluster_log: text.to_owned(), created: String::new() };
    let words = ["Failed", "RRSA"];
    let log =
        [line(3, "Failed to scale"), line(2, "Failed to enable RRSA: new"), line(1, "Failed: RRSA old")];
    assert_eq!(newest(&log, words).unwrap().id, 2);
    let mut log = log.to_vec();
    log.reverse();
    assert_eq!(newest(&log, words).unwrap().id, 2);
    let unnumbered = [line(0, "Failed RRSA new"), line(0, "Failed RRSA old")];
    assert_eq!(newest(&unnumbered, words).unwrap().cluster_log, "Failed RRSA new");
    assert_eq!(newest(&[line(1, "Start to enable RRSA")], words), None);
}
