//! Questions, and what somebody else does between them.

use std::cell::RefCell;
use std::ffi::OsString;

use emulator::{Config, Emulator, Fault};
use serde_json::json;
use tokio::runtime::Runtime;

use super::*;
use crate::cli::{self, Command};
use crate::commands::rrsa::RrsaCommand;
use crate::platform::Reply;

const ACCOUNT: &str = "1234567890123456";
const OLD: &str = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":["acs:ram::1234567890123456:root"]}}]}"#;
/// What somebody else makes of it.
const OTHER: &str = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":["acs:ram::1234567890123456:user/alice"]}}]}"#;

struct Cloud {
    emulator: Emulator,
    _runtime: Runtime,
}

impl Cloud {
    fn start() -> Self {
        let config = json!({
            "accounts": [{"id": ACCOUNT, "users": [{"name": "alice", "id": "222222222222222222",
                "accessKeys": [{"id": "LTAIalice", "secret": "canary-alice"}]}]}],
            "clusters": [{"id": "c1", "account": ACCOUNT, "rrsa": true}],
        });
        let runtime = Runtime::new().unwrap();
        let config = Config::from_yaml(&config.to_string(), "test").unwrap();
        let emulator = runtime.block_on(Emulator::builder(config).start()).unwrap();
        Self { emulator, _runtime: runtime }
    }

    /// Runs the command; each question is answered by `reply`, which may do something before.
    fn run(&self, words: &[&str], reply: &dyn Fn(&str) -> Reply) -> (Vec<String>, Result<(), String>) {
        self.run_command("associate-role", words, reply)
    }

    fn run_command(
        &self,
        command: &str,
        words: &[&str],
        reply: &dyn Fn(&str) -> Reply,
    ) -> (Vec<String>, Result<(), String>) {
        let asked = RefCell::new(Vec::new());
        let ask = |question: &str| {
            asked.borrow_mut().push(question.trim_start_matches("? ").trim_end_matches(" (y/N) ").to_owned());
            reply(question)
        };
        let endpoint = self.emulator.address().to_string();
        let ca = self.emulator.ca_file().to_str().unwrap().to_owned();
        let variable = |name: &str| match name {
            "ALIBABA_CLOUD_ACCESS_KEY_ID" => Some("LTAIalice".to_owned()),
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET" => Some("canary-alice".to_owned()),
            "SSL_CERT_FILE" => Some(ca.clone()),
            "ACK_RAM_TOOL_CS_ENDPOINT" | "ACK_RAM_TOOL_RAM_ENDPOINT" => Some(endpoint.clone()),
            _ => None,
        };
        let world = World { variable: &variable, ask: &ask, ..World::of_this_process("ack-ram-tool") };
        let result = run_words(command, words, &world);
        (asked.into_inner(), result)
    }

    fn answers(&self, action: &str, answer: &serde_json::Value) {
        let body = answer.to_string().into_bytes();
        let fault = Fault::Garbage { content_type: "application/json".to_owned(), body };
        self.emulator.fail(action, fault.times(1));
    }

    fn calls(&self, action: &str) -> usize {
        self.emulator.requests().iter().filter(|request| request.action == action).count()
    }
}

fn yes(_: &str) -> Reply {
    Reply::Line("y".to_owned())
}

fn run_words(command: &str, words: &[&str], world: &World<'_>) -> Result<(), String> {
    let line = ["ack-ram-tool", "rrsa", command].into_iter().chain(words.iter().copied());
    let arguments = cli::parse(line.map(OsString::from)).unwrap();
    crate::run(&arguments, world).map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn each_change_is_asked_about_in_its_place() {
    let cloud = Cloud::start();
    let words =
        [&GOOD[..], &["--create-role-if-not-exist", "--attach-system-policy", "AliyunCSReadOnlyAccess"]]
            .concat();
    // A no to each question, one after the other: what comes after it is not done.
    let first =
        "Are you sure you want to associate RAM Role \"dev\" to service account \"sa\" (namespace: \"ns\")?";
    let create = "Are you sure you want to create RAM Role \"dev\"?";
    let attach =
        "Are you sure you want to attach the System policy \"AliyunCSReadOnlyAccess\" to RAM Role \"dev\"?";
    let change = "Are you sure you want to change the trust policy of RAM Role \"dev\" as shown?";
    let no_to = |last: &'static str| {
        move |question: &str| match question.contains(last) {
            true => Reply::Line("n".to_owned()),
            false => Reply::Line("y".to_owned()),
        }
    };
    assert_eq!(cloud.run(&words, &no_to(first)), (vec![first.to_owned()], Ok(())));
    assert!(cloud.emulator.requests().is_empty(), "nothing is asked of anybody before");
    assert_eq!(cloud.run(&words, &no_to(create)), (vec![first.to_owned(), create.to_owned()], Ok(())));
    assert_eq!(cloud.calls("CreateRole"), 0);
    let all = vec![first.to_owned(), create.to_owned(), attach.to_owned()];
    assert_eq!(cloud.run(&words, &no_to(attach)), (all, Ok(())));
    assert_eq!((cloud.calls("CreateRole"), cloud.calls("AttachPolicyToRole")), (1, 0));
    // What is done is not asked about again.
    assert_eq!(cloud.run(&words, &yes), (vec![first.to_owned(), attach.to_owned()], Ok(())));
    assert_eq!((cloud.calls("CreateRole"), cloud.calls("AttachPolicyToRole")), (1, 1));

    cloud.emulator.delete_role(ACCOUNT, "dev").unwrap();
    cloud.emulator.create_role(ACCOUNT, "dev", OLD).unwrap();
    assert_eq!(cloud.run(&GOOD, &no_to(change)), (vec![first.to_owned(), change.to_owned()], Ok(())));
    assert_eq!(cloud.calls("UpdateRole"), 0);
    assert_eq!(cloud.run(&GOOD, &yes).1, Ok(()));
    assert_eq!(cloud.calls("UpdateRole"), 1);
}

#[test]
fn a_no_to_a_policy_is_one_to_those_after_it() {
    let cloud = Cloud::start();
    cloud.emulator.create_role(ACCOUNT, "dev", OLD).unwrap();
    let policies = ["--attach-system-policy", "AliyunCSReadOnlyAccess,AliyunOSSReadOnlyAccess"];
    let (asked, result) = cloud.run(&[&GOOD[..], &policies].concat(), &|question| {
        let answer = if question.contains("AliyunCSReadOnlyAccess") { "n" } else { "y" };
        Reply::Line(answer.to_owned())
    });
    assert_eq!(result, Ok(()));
    assert_eq!((asked.len(), cloud.calls("UpdateRole"), cloud.calls("AttachPolicyToRole")), (3, 1, 0));
}

#[test]
fn setting_up_an_add_on_asks_before_it_begins_and_before_it_changes_what_was_there() {
    let words = ["-c", "c1", "-a", "kritis-validation-hook"];
    let (role, policy) = ("kritis-validation-hook-c1", "ack-addon-policy-kritis-validation-hook");
    let set_up = format!(
        "Are you sure you want to set up add-on \"kritis-validation-hook\" of cluster \"c1\": RAM Role \"{role}\" with policy \"{policy}\"?"
    );
    let as_it_stands =
        format!("Are you sure you want to give the role the policy \"{policy}\" as it stands?");
    let change = format!("Are you sure you want to change the trust policy of RAM Role \"{role}\" as shown?");
    let no_to = |last: &'static str| {
        move |question: &str| match question.contains(last) {
            true => Reply::Line("n".to_owned()),
            false => Reply::Line("y".to_owned()),
        }
    };
    let changes = |cloud: &Cloud| {
        ["CreatePolicy", "CreateRole", "UpdateRole", "AttachPolicyToRole"].map(|action| cloud.calls(action))
    };
    let cloud = Cloud::start();
    let set = |reply: &dyn Fn(&str) -> Reply| cloud.run_command("setup-addon", &words, reply);
    assert_eq!(set(&no_to("set up")), (vec![set_up.clone()], Ok(())));
    assert!(cloud.emulator.requests().is_empty(), "nothing is asked of anybody before");
    // Another policy of that name, and then another role.
    let other = json!({"RequestId": "A", "Policy": {"PolicyName": policy, "PolicyType": "Custom"},
        "DefaultPolicyVersion": {"PolicyDocument": OTHER}});
    cloud.answers("GetPolicy", &other);
    assert_eq!(set(&no_to("as it stands")), (vec![set_up.clone(), as_it_stands], Ok(())));
    assert_eq!(changes(&cloud), [0, 0, 0, 0]);
    cloud.emulator.create_role(ACCOUNT, role, OLD).unwrap();
    assert_eq!(set(&no_to("trust policy")), (vec![set_up.clone(), change.clone()], Ok(())));
    assert_eq!(changes(&cloud), [1, 0, 0, 0]);
    // The system's policy of that name is another one.
    let system = json!({"RequestId": "A",
        "Policies": {"Policy": [{"PolicyName": policy, "PolicyType": "System"}]}});
    cloud.answers("ListPoliciesForRole", &system);
    assert_eq!(set(&yes), (vec![set_up, change], Ok(())));
    assert_eq!(changes(&cloud), [1, 0, 1, 1]);
    // What RAM takes as no name is refused before.
    let (asked, result) =
        cloud.run_command("setup-addon", &["-c", &"c".repeat(60), "-a", "kritis-validation-hook"], &yes);
    assert!(asked.is_empty() && result.unwrap_err().contains("is no name"));
}

#[test]
fn what_somebody_else_made_of_the_role_meanwhile_is_left_alone() {
    type Meanwhile = fn(&Emulator);
    let cases: [(Meanwhile, &str); 3] = [
        (
            |emulator| {
                emulator.delete_role(ACCOUNT, "dev").unwrap();
                emulator.create_role(ACCOUNT, "dev", OTHER).unwrap();
            },
            "somebody else changed it meanwhile",
        ),
        // Another role of that name, whose trust policy is the same by chance.
        (
            |emulator| {
                emulator.delete_role(ACCOUNT, "dev").unwrap();
                emulator.create_role(ACCOUNT, "dev", OLD).unwrap();
            },
            "somebody else changed it meanwhile",
        ),
        (|emulator| emulator.delete_role(ACCOUNT, "dev").unwrap(), "role dev was deleted meanwhile"),
    ];
    for (meanwhile, said) in cases {
        let cloud = Cloud::start();
        cloud.emulator.create_role(ACCOUNT, "dev", OLD).unwrap();
        let (asked, result) = cloud.run(&GOOD, &|question| {
            if question.contains("change the trust policy") {
                meanwhile(&cloud.emulator);
            }
            yes(question)
        });
        assert_eq!(asked.len(), 2);
        let error = result.unwrap_err();
        assert!(error.contains(said) && error.contains("run the same command again"), "{error}");
        assert_eq!(cloud.calls("UpdateRole"), 0);
    }
    // The same role, to which another run of this command has added somebody.
    let cloud = Cloud::start();
    cloud.emulator.create_role(ACCOUNT, "dev", OLD).unwrap();
    let (_, result) = cloud.run(&GOOD, &|question| {
        if question.contains("change the trust policy") {
            let other = ["-c", "c1", "-r", "dev", "-n", "ns", "-s", "other", "-y"];
            assert_eq!(cloud.run(&other, &yes).1, Ok(()));
        }
        yes(question)
    });
    let error = result.unwrap_err();
    assert!(error.contains("somebody else changed it meanwhile"), "{error}");
    assert_eq!(cloud.calls("UpdateRole"), 1);
    // One that appears while a role of its own is asked about.
    let cloud = Cloud::start();
    let words = [&GOOD[..], &["--create-role-if-not-exist"]].concat();
    let (_, result) = cloud.run(&words, &|question| {
        if question.contains("create RAM Role") {
            cloud.emulator.create_role(ACCOUNT, "dev", OTHER).unwrap();
        }
        yes(question)
    });
    let error = result.unwrap_err();
    assert!(error.contains("EntityAlreadyExists.Role") && error.contains("it was left alone"), "{error}");
}

fn flags(words: &[&str]) -> AssociateRoleFlags {
    let line = ["ack-ram-tool", "rrsa", "associate-role"].iter().chain(words);
    match cli::parse(line.map(OsString::from)).unwrap().command {
        Command::Rrsa(RrsaCommand::AssociateRole(flags)) => flags,
        other => panic!("{other:?}"),
    }
}

/// Runs it in a world where nobody can be reached, and says what was asked and how it ended.
fn run_in(words: &[&str], reply: &Reply) -> (Vec<String>, Result<(), String>) {
    let asked = RefCell::new(Vec::new());
    let ask = |question: &str| {
        asked.borrow_mut().push(question.to_owned());
        reply.clone()
    };
    let world = World {
        variable: &|_| None,
        read_file: &|path| panic!("read {}", path.display()),
        ask: &ask,
        ..World::of_this_process("ack-ram-tool")
    };
    let result = run_words("associate-role", words, &world);
    (asked.into_inner(), result)
}

const GOOD: [&str; 8] = ["-c", "c1", "-r", "dev", "-n", "ns", "-s", "sa"];

#[test]
fn it_asks_first_in_the_public_tools_words_and_a_no_is_the_end() {
    for reply in [Reply::Line("n".to_owned()), Reply::Line(String::new()), Reply::Cancelled] {
        let (asked, result) = run_in(&GOOD, &reply);
        assert_eq!(
            asked,
            [
                "? Are you sure you want to associate RAM Role \"dev\" to service account \"sa\" (namespace: \"ns\")? (y/N) "
            ]
        );
        assert_eq!(result, Ok(()));
    }
    let (_, result) = run_in(&GOOD, &Reply::NoTerminal);
    let error = result.unwrap_err();
    assert!(
        error.contains("no terminal") && error.contains("nothing was changed") && error.contains("-y"),
        "{error}"
    );
}

#[test]
fn wildcards_say_in_the_question_who_gets_the_role() {
    for (namespace, account, said) in [
        ("*", "*", "EVERY service account of the cluster, in all namespaces, gets the role."),
        ("ns", "*", "EVERY service account of the namespace ns gets the role."),
        ("*", "sa", "a service account called sa gets the role in EVERY namespace"),
    ] {
        let words = ["-c", "c1", "-r", "dev", "-n", namespace, "-s", account];
        let (asked, _) = run_in(&words, &Reply::Cancelled);
        assert!(asked[0].contains(said), "{asked:?}");
    }
}

#[test]
fn what_cannot_be_right_is_refused_before_anything_is_asked() {
    for (words, said) in [
        (vec!["-r", "dev", "-n", "ns", "-s", "sa"], "--cluster-id"),
        (vec!["-c", "c1", "-n", "ns", "-s", "sa"], "--role-name (-r) is missing"),
        (vec!["-c", "c1", "-r", "dev", "-s", "sa"], "--namespace (-n) is missing"),
        (vec!["-c", "c1", "-r", "dev", "-n", "ns"], "--service-account (-s) is missing"),
        (vec!["-c", "c1", "-r", "dev", "-n", "", "-s", "sa"], "--namespace (-n) is missing"),
        (vec!["-c", "c1", "-r", "dev", "-n", "app-*", "-s", "sa"], "--namespace (-n) \"app-*\" is no name"),
        (vec!["-c", "c1", "-r", "dev", "-n", "ns", "-s", "a:b"], "--service-account (-s) \"a:b\" is no name"),
        (vec!["-c", "c1", "-r", "acs:ram::1:role/dev", "-n", "ns", "-s", "sa"], "--role-name (-r)"),
        (vec!["-c", "c1", "-r", "AliyunServiceRoleForX", "-n", "ns", "-s", "sa"], "service-linked role"),
        (
            [&GOOD[..], &["--attach-custom-policy", "a b"]].concat(),
            "--attach-custom-policy \"a b\" is no name",
        ),
    ] {
        let (asked, result) = run_in(&words, &Reply::Cancelled);
        assert_eq!(asked, Vec::<String>::new(), "{words:?}");
        let error = result.unwrap_err();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn policies_are_given_several_times_or_with_commas() {
    let flags = flags(&[
        "--attach-custom-policy",
        "x",
        "--attach-system-policy",
        "A,B",
        "--attach-system-policy=A",
        "--attach-system-policy",
        "",
    ]);
    let names = |name: &str| name.to_owned();
    assert_eq!(
        policies(&flags).unwrap(),
        [
            (PolicyType::System, names("A")),
            (PolicyType::System, names("B")),
            (PolicyType::Custom, names("x"))
        ]
    );
}

#[test]
fn what_is_left_names_the_service_account() {
    let left = what_is_left("dev", &Subject::new("ns", "sa").unwrap(), false);
    assert!(left.contains("kubectl label namespace ns pod-identity.alibabacloud.com/injection=on"), "{left}");
    assert!(
        left.contains("kubectl annotate serviceaccount sa -n ns pod-identity.alibabacloud.com/role-name=dev"),
        "{left}"
    );
    let left = what_is_left("dev", &Subject::new("*", "*").unwrap(), true);
    assert!(left.contains("serviceaccount SERVICE-ACCOUNT -n NAMESPACE"), "{left}");
    // The add-on is for clusters of ACK's.
    assert!(left.contains("manifests/pod-identity") && !left.contains("install-helper-addon"), "{left}");
}
