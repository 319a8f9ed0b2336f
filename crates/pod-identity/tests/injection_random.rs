//! What holds for every pod, whatever is in it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, BTreeSet, HashSet};

use pod_identity::injection::{
    Decision, Injection, Namespace, Outcome, PatchOperation, Pod, Reason, ServiceAccount, Settings, decide,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

const VOLUME: &str = "rrsa-oidc-token";
const PREFIX: &str = "pod-identity.alibabacloud.com";
const VARIABLES: [&str; 6] = [
    "ALIBABA_CLOUD_ROLE_ARN",
    "ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
    "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
    "ALIBABA_CLOUD_STS_ENDPOINT",
    "ALIBABA_CLOUD_STS_REGION",
    "ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED",
];

// ---- Random pods ------------------------------------------------------------------------------------------------

/// Any JSON at all.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9f64).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        select(vec!["token", VOLUME, "on", "600"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let key = prop_oneof![Just("name".to_owned()), Just("env".to_owned()), ".{0,4}"];
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::Array),
            btree_map(key, inner, 0..3).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// An object of these fields, those left out where there is none, and with fields beside them that nobody knows.
fn object<const N: usize>(fields: [(&'static str, BoxedStrategy<Option<Value>>); N]) -> BoxedStrategy<Value> {
    let (names, values): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
    (values, btree_map("x-[a-z]{1,3}", anything(), 0..3))
        .prop_map(move |(values, unknown)| {
            let known = names.iter().map(|name| (*name).to_owned()).zip(values);
            let known = known.filter_map(|(name, value)| Some((name, value?)));
            known.chain(unknown).collect::<Map<_, _>>().into()
        })
        .boxed()
}

fn sometimes(value: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Option<Value>> {
    option::of(prop_oneof![8 => value, 1 => Just(Value::Null)]).boxed()
}

fn always(value: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Option<Value>> {
    value.prop_map(Some).boxed()
}

fn one_of(texts: &'static [&'static str]) -> BoxedStrategy<Value> {
    select(texts).prop_map(Value::from).boxed()
}

fn list(element: BoxedStrategy<Value>, most: usize) -> BoxedStrategy<Option<Value>> {
    sometimes(vec(element, 0..=most).prop_map(Value::Array))
}

const CONTAINERS: &[&str] = &["app", "side", "init", "a"];
const VOLUMES: &[&str] = &[VOLUME, VOLUME, "data", "more", "tmp"];
const PATHS: &[&str] = &[
    "/tokens",
    "/tokens/",
    "//tokens/.",
    "/tokens/token",
    "/tokens2",
    "/",
    "/data",
    "tokens",
    "/data/../tokens",
];

fn variable() -> BoxedStrategy<Value> {
    let names = &[
        VARIABLES[0],
        VARIABLES[1],
        VARIABLES[2],
        VARIABLES[3],
        VARIABLES[4],
        VARIABLES[5],
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "PATH",
    ];
    object([
        ("name", always(select(names.as_slice()).prop_map(Value::from))),
        ("value", sometimes(one_of(&["", "true", "acs:ram::1:role/reader", "/tokens/token"]))),
        ("valueFrom", option::weighted(0.2, anything()).boxed()),
    ])
}

fn container() -> BoxedStrategy<Value> {
    let mount = object([
        ("name", always(one_of(VOLUMES))),
        ("mountPath", always(one_of(PATHS))),
        ("subPath", option::weighted(0.1, Just(json!("a"))).boxed()),
    ]);
    let device = object([
        ("name", always(one_of(VOLUMES))),
        ("devicePath", always(one_of(&["/dev/x", "/dev/y", "/tokens"]))),
    ]);
    object([
        ("name", always(one_of(CONTAINERS))),
        ("env", list(variable(), 3)),
        ("volumeMounts", list(mount, 2)),
        ("volumeDevices", option::weighted(0.1, vec(device, 0..2).prop_map(Value::Array)).boxed()),
        ("restartPolicy", sometimes(Just(json!("Always")))),
    ])
}

fn volume() -> BoxedStrategy<Value> {
    let token = object([
        ("audience", sometimes(one_of(&["sts.aliyuncs.com", "sts.aliyuncs.com", "vault"]))),
        ("expirationSeconds", sometimes((600..50_000i64).prop_map(Value::from))),
        ("path", always(one_of(&["token", "token", "other"]))),
    ]);
    let source = object([
        ("serviceAccountToken", option::weighted(0.8, token).boxed()),
        ("configMap", sometimes(anything())),
    ]);
    let projected = object([("sources", list(source, 2)), ("defaultMode", sometimes(Just(json!(256))))]);
    object([
        ("name", always(one_of(VOLUMES))),
        ("projected", option::weighted(0.8, projected).boxed()),
        ("emptyDir", sometimes(anything())),
    ])
}

fn names_of_containers() -> BoxedStrategy<Option<Value>> {
    let list = vec(select(vec!["app", " side ", "init", "a", "", "none"]), 0..4);
    option::weighted(0.2, list.prop_map(|names| json!(names.join(",")))).boxed()
}

fn pod() -> BoxedStrategy<Value> {
    let annotations = object([
        ("pod-identity.alibabacloud.com/only-containers", names_of_containers()),
        ("pod-identity.alibabacloud.com/skip-containers", names_of_containers()),
        (
            "pod-identity.alibabacloud.com/service-account-token-expiration",
            option::weighted(0.3, one_of(&["600", "7200", "0", "no"])).boxed(),
        ),
        (
            "pod-identity.alibabacloud.com/override-env",
            option::weighted(0.3, one_of(&["true", "false", "on"])).boxed(),
        ),
        ("kubernetes.io/config.mirror", option::weighted(0.02, Just(json!("x"))).boxed()),
    ]);
    let labels = object([(
        "pod-identity.alibabacloud.com/injection",
        option::weighted(0.3, one_of(&["on", "off", "On"])).boxed(),
    )]);
    let metadata = object([
        ("name", sometimes(Just(json!("pod")))),
        ("labels", sometimes(labels)),
        ("annotations", sometimes(annotations)),
    ]);
    let spec = object([
        ("serviceAccountName", sometimes(Just(json!("demo-sa")))),
        ("volumes", list(volume(), 3)),
        ("initContainers", list(container(), 2)),
        ("containers", list(container(), 3)),
        ("ephemeralContainers", list(container(), 1)),
    ]);
    object([
        ("metadata", sometimes(metadata)),
        ("spec", option::weighted(0.98, spec).boxed()),
        ("status", sometimes(anything())),
    ])
}

/// All but the pod.
#[derive(Clone, Debug)]
struct Rest {
    settings: Settings,
    namespace: Namespace,
    account: ServiceAccount,
}

fn rest() -> impl Strategy<Value = Rest> {
    let expiration = || option::weighted(0.3, select(vec!["900", "1h", "43200"]).prop_map(str::to_owned));
    let role_name = option::weighted(0.9, select(vec!["reader", "reader", "Writer.1", " reader"]));
    let role_arn =
        option::weighted(0.2, select(vec!["acs:ram::1:role/reader", "acs:ram::2:role/r", "reader"]));
    let region = option::weighted(0.7, Just("cn-hangzhou".to_owned()));
    let sts = (region, any::<bool>(), option::of(select(vec!["on", "On"]).prop_map(str::to_owned)));
    let override_env = option::weighted(0.6, select(vec!["true", "true", "false"]).prop_map(str::to_owned));
    let on = prop_oneof![9 => Just(Some("on".to_owned())), 1 => Just(None)];
    (sts, on, override_env, role_name, role_arn, expiration(), expiration()).prop_map(
        |(sts, injection, override_env, role_name, role_arn, of_namespace, of_account)| Rest {
            settings: Settings {
                account_id: "1".to_owned(),
                provider_arn: "acs:ram::1:oidc-provider/p".to_owned(),
                audience: "sts.aliyuncs.com".to_owned(),
                mount_path: "/tokens".to_owned(),
                expiration_seconds: 3600,
                region: sts.0,
                sts_variables: sts.1,
            },
            namespace: Namespace { injection, override_env, expiration: of_namespace },
            account: ServiceAccount {
                role_name: role_name.map(str::to_owned),
                role_arn: role_arn.map(str::to_owned),
                inject_sts_endpoint: sts.2,
                expiration: of_account,
            },
        },
    )
}

impl Rest {
    fn decide(&self, pod: &Value) -> Decision {
        let json = pod.to_string();
        decide(&self.settings, &self.namespace, &self.account, &Pod::from_json(&json).unwrap())
    }

    /// How many of the variables its pods get.
    fn variables(&self) -> usize {
        match (
            &self.settings.region,
            self.settings.sts_variables,
            self.account.inject_sts_endpoint.as_deref(),
        ) {
            (None, ..) | (_, false, None | Some("On")) => 3,
            (Some(_), false, Some(_)) => 4,
            (Some(_), true, _) => 6,
        }
    }

    fn overrides(&self, pod: &Value) -> bool {
        let of_pod = &pod["metadata"]["annotations"][format!("{PREFIX}/override-env")];
        *of_pod == "true" || self.namespace.override_env.as_deref() == Some("true")
    }
}

fn apply(pod: &Value, injection: &Injection) -> Value {
    let patch = serde_json::to_value(&injection.patch).unwrap();
    let patch: json_patch::Patch = serde_json::from_value(patch).unwrap();
    let mut patched = pod.clone();
    json_patch::patch(&mut patched, &patch).expect("the patch fits the pod");
    patched
}

// ---- What a pod is, read independently of the code under test ----------------------------------------------------

fn elements<'v>(object: &'v Value, field: &str) -> &'v [Value] {
    object[field].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    elements(&pod["spec"], "initContainers").iter().chain(elements(&pod["spec"], "containers"))
}

/// What the API server's validation says about what a patch could break.
fn is_valid(pod: &Value) -> bool {
    let all_differ = |list: &[Value], field: &str| {
        let mut seen = HashSet::new();
        list.iter().all(|element| seen.insert(element[field].as_str().unwrap()))
    };
    let volumes = elements(&pod["spec"], "volumes");
    let is_volume = |mount: &Value| volumes.iter().any(|volume| volume["name"] == mount["name"]);
    all_differ(volumes, "name")
        && containers(pod).all(|container| {
            let mounts = elements(container, "volumeMounts");
            let devices = elements(container, "volumeDevices");
            let paths = mounts.iter().map(|mount| &mount["mountPath"]);
            let mut paths: Vec<&Value> =
                paths.chain(devices.iter().map(|device| &device["devicePath"])).collect();
            let count = paths.len();
            paths.sort_by_key(|path| path.as_str());
            paths.dedup();
            paths.len() == count && mounts.iter().all(is_volume)
        })
}

fn count(container: &Value, variable: &str) -> usize {
    elements(container, "env").iter().filter(|own| own["name"] == variable).count()
}

/// Takes off what was appended to an array that a patch may append to.
fn strip(after: &mut Value, before: &Value, field: &str) {
    let kept = elements(before, field).len();
    if let Some(list) = after[field].as_array_mut() {
        list.truncate(kept);
    }
    if !before[field].is_array() {
        match before.get(field) {
            Some(null) => after[field] = null.clone(),
            None => drop(after.as_object_mut().unwrap().remove(field)),
        }
    }
}

/// Puts back the variables that were replaced. Only the last of a name may be, by a literal, and only one that would not be
/// the same.
fn put_back(after: &mut Value, before: &Value) {
    let own = elements(before, "env");
    for (index, element) in own.iter().enumerate() {
        if after["env"][index] == *element {
            continue;
        }
        let name = element["name"].as_str().unwrap();
        assert!(VARIABLES.contains(&name), "{name}");
        assert!(
            own[index + 1..].iter().all(|later| later["name"] != name),
            "{name} is not the last: {before:#}"
        );
        let value = after["env"][index]["value"].as_str().unwrap();
        assert_eq!(after["env"][index], json!({ "name": name, "value": value }));
        let is_same = element["value"] == value && element["valueFrom"].is_null();
        assert!(!is_same, "{name} was as it should be: {before:#}");
        after["env"][index] = element.clone();
    }
}

/// The pod without what was appended to it, and with the variables that it had.
fn stripped(patched: &Value, original: &Value, is_overridden: bool) -> Value {
    let mut pod = patched.clone();
    strip(&mut pod["spec"], &original["spec"], "volumes");
    for list in ["initContainers", "containers"] {
        for (index, before) in elements(&original["spec"], list).iter().enumerate() {
            if is_overridden {
                put_back(&mut pod["spec"][list][index], before);
            }
            for field in ["env", "volumeMounts"] {
                strip(&mut pod["spec"][list][index], before, field);
            }
        }
    }
    pod
}

/// The containers that the annotations leave, as the documentation has it.
fn selected(pod: &Value) -> Vec<&Value> {
    let names = |list: &str| -> BTreeSet<String> {
        let names = pod["metadata"]["annotations"][format!("{PREFIX}/{list}")].as_str().unwrap_or_default();
        names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    let (only, skip) = (names("only-containers"), names("skip-containers"));
    let is_in =
        |names: &BTreeSet<String>, container: &Value| names.contains(container["name"].as_str().unwrap());
    containers(pod)
        .filter(|container| (only.is_empty() || is_in(&only, container)) && !is_in(&skip, container))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_pod_that_was_patched_is_left_alone(pod in pod(), rest in rest()) {
        let first = rest.decide(&pod);
        let Outcome::Injected(injection) = &first.outcome else { return Ok(()) };
        let second = rest.decide(&apply(&pod, injection));
        let expected = Injection { patch: Vec::new(), ..injection.clone() };
        prop_assert_eq!(second.outcome, Outcome::Injected(expected));
        // What we put there ourselves is nothing to warn of.
        for warning in &second.warnings {
            prop_assert!(first.warnings.contains(warning), "{}", warning);
        }
    }

    #[test]
    fn nothing_is_lost_and_nothing_changed(pod in pod(), rest in rest()) {
        if let Outcome::Injected(injection) = rest.decide(&pod).outcome {
            let patched = apply(&pod, &injection);
            prop_assert_eq!(stripped(&patched, &pod, rest.overrides(&pod)), pod);
        }
    }

    #[test]
    fn a_pod_that_was_valid_stays_so(pod in pod(), rest in rest()) {
        if let Outcome::Injected(injection) = rest.decide(&pod).outcome {
            let patched = apply(&pod, &injection);
            prop_assert!(!is_valid(&pod) || is_valid(&patched), "{patched:#}");
            for (before, after) in containers(&pod).zip(containers(&patched)) {
                for name in VARIABLES {
                    prop_assert!(count(after, name) <= count(before, name).max(1), "{name} in {after:#}");
                }
            }
        }
    }

    #[test]
    fn where_it_is_asked_for_no_value_of_the_pods_own_counts(pod in pod(), rest in rest()) {
        if let Outcome::Injected(injection) = rest.decide(&pod).outcome {
            let patched = apply(&pod, &injection);
            let values = [
                injection.role_arn.as_str(), "acs:ram::1:oidc-provider/p", "/tokens/token",
                "sts-vpc.cn-hangzhou.aliyuncs.com", "cn-hangzhou", "true",
            ];
            let replaces = injection.patch.iter().any(|operation| matches!(operation, PatchOperation::Replace { .. }));
            prop_assert!(!replaces || rest.overrides(&pod));
            let of_name = |container: &Value| injection.containers.contains(&container["name"].as_str().unwrap().to_owned());
            for (before, after) in containers(&pod).zip(containers(&patched)) {
                // Of two containers of one name one may be left out.
                if before == after || !of_name(after) || !rest.overrides(&pod) { continue; }
                for (name, value) in VARIABLES.iter().zip(values).take(rest.variables()) {
                    let last = elements(after, "env").iter().rfind(|own| own["name"] == *name).unwrap();
                    prop_assert!(last["value"] == value && last["valueFrom"].is_null(), "{name} in {after:#}");
                }
            }
        }
    }

    #[test]
    fn exactly_the_containers_that_are_named_have_it(pod in pod(), rest in rest()) {
        if let Outcome::Injected(injection) = rest.decide(&pod).outcome {
            let patched = apply(&pod, &injection);
            let has_token = |volume: &Value| volume["name"] == VOLUME
                && elements(&volume["projected"], "sources").iter().any(|source| {
                    source["serviceAccountToken"]["audience"] == "sts.aliyuncs.com"
                        && source["serviceAccountToken"]["path"] == "token"
                });
            prop_assert!(elements(&patched["spec"], "volumes").iter().any(has_token), "{patched:#}");

            let mut injected = injection.containers.iter();
            let wanted = &VARIABLES[..rest.variables()];
            let chosen = selected(&pod);
            for (before, after) in containers(&pod).zip(containers(&patched)) {
                let is_mounted = |mount: &Value| mount["name"] == VOLUME && mount.get("subPath").is_none()
                    && mount["mountPath"].as_str().unwrap().trim_matches(['/', '.']).ends_with("tokens");
                let complete = wanted.iter().all(|name| count(after, name) > 0)
                    && elements(after, "volumeMounts").iter().any(is_mounted);
                // A container that is not chosen, or whose place is taken, is not touched at all.
                if before == after && !complete { continue; }
                if before != after || chosen.contains(&before) {
                    prop_assert!(complete && chosen.contains(&before), "{after:#}");
                    prop_assert_eq!(injected.next().map(String::as_str), before["name"].as_str());
                }
            }
            prop_assert!(injected.next().is_none());
        }
    }

    #[test]
    fn a_fault_is_always_told_and_warnings_are_few_and_short(pod in pod(), rest in rest()) {
        let decision = rest.decide(&pod);
        if let Outcome::NotInjected(reason) = decision.outcome {
            prop_assert!(!reason.is_fault() || !decision.warnings.is_empty(), "{reason}");
            let quiet = [Reason::MirrorPod, Reason::NamespaceNotOn, Reason::NoRole];
            prop_assert!(!quiet.contains(&reason) || decision.warnings.is_empty(), "{reason}");
        }
        prop_assert!(decision.warnings.iter().map(String::len).sum::<usize>() < 4096);
        for warning in &decision.warnings {
            prop_assert!(warning.len() <= 256 && !warning.chars().any(char::is_control), "{warning:?}");
        }
    }

    #[test]
    fn whatever_can_be_read_can_be_patched(
        pod in pod(), rest in rest(), odd in vec((any::<Index>(), anything()), 1..4),
    ) {
        let mut pod = pod;
        for (place, value) in odd {
            let pointers = pointers(&pod);
            *pod.pointer_mut(place.get::<String>(&pointers)).unwrap() = value;
        }
        let json = pod.to_string();
        match Pod::from_json(&json) {
            Ok(view) => {
                let decision = decide(&rest.settings, &rest.namespace, &rest.account, &view);
                if let Outcome::Injected(injection) = decision.outcome {
                    let again = rest.decide(&apply(&pod, &injection)).outcome;
                    prop_assert_eq!(again, Outcome::Injected(Injection { patch: Vec::new(), ..injection }));
                }
            }
            Err(error) => prop_assert!(!error.to_string().contains('\n'), "{error}"),
        }
    }

    #[test]
    fn no_text_and_no_json_makes_it_panic(value in anything(), text in ".{0,64}", pod in pod(), end in any::<Index>()) {
        let _ = Pod::from_json(&value.to_string());
        let _ = Pod::from_json(&text);
        let json = pod.to_string();
        let cut = json.floor_char_boundary(end.index(json.len()));
        prop_assert!(Pod::from_json(json.get(..cut).unwrap()).is_err());
    }
}

/// The place of every value in it.
fn pointers(value: &Value) -> Vec<String> {
    let mut found = vec![String::new()];
    let children: Vec<(String, &Value)> = match value {
        Value::Array(list) => {
            list.iter().enumerate().map(|(index, child)| (index.to_string(), child)).collect()
        }
        Value::Object(map) => {
            let escape = |key: &String| key.replace('~', "~0").replace('/', "~1");
            map.iter().map(|(key, child)| (escape(key), child)).collect()
        }
        _ => Vec::new(),
    };
    for (key, child) in children {
        found.extend(pointers(child).into_iter().map(|pointer| format!("/{key}{pointer}")));
    }
    found
}

/// Without this the others could hold of pods of which none is ever injected.
#[test]
fn random_pods_come_to_every_end() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..2_000 {
        let (pod, rest) = (pod(), rest()).new_tree(&mut runner).unwrap().current();
        let end = match rest.decide(&pod).outcome {
            Outcome::Injected(injection)
                if injection
                    .patch
                    .iter()
                    .any(|operation| matches!(operation, PatchOperation::Replace { .. })) =>
            {
                "replaced"
            }
            Outcome::Injected(_) if is_valid(&pod) => "injected and valid",
            Outcome::Injected(_) => "injected",
            Outcome::NotInjected(reason) => reason.as_str(),
        };
        *ends.entry(end).or_default() += 1;
    }
    let all = [
        "injected",
        "injected and valid",
        "invalid_role",
        "mirror_pod",
        "mount_path_taken",
        "namespace_not_on",
        "no_container",
        "no_role",
        "replaced",
        "volume_name_taken",
    ];
    assert_eq!(ends.keys().copied().collect::<Vec<_>>(), all, "{ends:?}");
    assert!(ends["injected and valid"] > 100 && ends["replaced"] > 50, "{ends:?}");
}
