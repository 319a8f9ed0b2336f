#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Mutex;

use tokio_util::sync::DropGuard;

use super::fake_api::{FakeApi, Fault, account, namespace};
use super::*;

const ROLE: Option<&str> = Some("role");

/// Object, source and result.
type Told = (&'static str, &'static str, &'static str);

struct Rig {
    api: FakeApi,
    lookup: Lookup,
    answered: Arc<Mutex<Vec<Told>>>,
}

impl Rig {
    /// A lookup whose watches have not begun, at an API server with namespace `demo`.
    fn new() -> Rig {
        let api = FakeApi::default();
        api.store([namespace("demo", "on")]);
        let answered = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&answered);
        let lookup = Lookup::new(api.client(), move |answer: Answered| {
            assert!(Answered::RESULTS.contains(&answer.result));
            seen.lock().unwrap().push((answer.object.as_str(), answer.source.as_str(), answer.result));
        });
        Rig { api, lookup, answered }
    }

    /// With watches that have told what there is.
    async fn synced(&self) -> DropGuard {
        let shutdown = CancellationToken::new();
        let (lookup, token) = (self.lookup.clone(), shutdown.clone());
        tokio::spawn(async move { lookup.run(token).await });
        eventually("all is listed", || self.lookup.unsynced().is_empty()).await;
        shutdown.drop_guard()
    }

    async fn role(&self, account: &str) -> Option<String> {
        self.lookup.find("demo", account, false).await.unwrap().service_account.role_name.clone()
    }

    fn knows(&self, account: &str) -> bool {
        self.lookup.service_accounts.known.get(Some("demo"), account).is_some()
    }

    fn answered(&self) -> Vec<Told> {
        std::mem::take(&mut self.answered.lock().unwrap())
    }
}

async fn eventually(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it is still not so that {what}");
}

fn role() -> Option<String> {
    ROLE.map(str::to_owned)
}

// From the copy --------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn what_the_watches_told_costs_no_read() {
    let rig = Rig::new();
    rig.api.store([account("app", ROLE)]);
    let _running = rig.synced().await;
    assert_eq!(rig.role("app").await, role());
    assert_eq!(rig.api.reads(), Vec::<String>::new());
    assert_eq!(rig.answered(), [("namespace", "cache", "found"), ("service_account", "cache", "found")]);
    let lists = rig.api.lists();
    let of_namespaces: Vec<&String> = lists.iter().filter(|uri| uri.contains("/namespaces?")).collect();
    assert!(!of_namespaces.is_empty(), "{lists:?}");
    for uri in of_namespaces {
        assert!(uri.contains("labelSelector=pod-identity.alibabacloud.com%2Finjection%3Don"), "{uri}");
    }
    // Five hundred of the largest objects would be more than there is memory.
    for uri in lists.iter().filter(|uri| !uri.contains("watch=true")) {
        assert!(uri.contains("limit=50&") || uri.ends_with("limit=50"), "{uri}");
    }
}

#[tokio::test(start_paused = true)]
async fn before_the_first_list_everything_is_read_live() {
    let rig = Rig::new();
    rig.api.store([account("app", ROLE)]);
    rig.api.fail_lists(Some(Fault::Hang));
    assert_eq!(rig.lookup.unsynced(), ["namespaces", "service accounts"]);
    assert_eq!(rig.role("app").await, role());
    // Of the quorum: a read that names a version may be answered from an old copy of the API server's own.
    assert_eq!(
        rig.api.reads(),
        ["/api/v1/namespaces/demo", "/api/v1/namespaces/demo/serviceaccounts/app"],
        "one read each, without resourceVersion"
    );
    assert_eq!(rig.answered(), [("namespace", "live", "found"), ("service_account", "live", "found")]);
}

#[tokio::test(start_paused = true)]
async fn the_copy_follows_the_watch_and_only_the_watch() {
    let rig = Rig::new();
    let _running = rig.synced().await;
    let app = account("app", ROLE);
    rig.api.store([app.clone()]);
    assert_eq!(rig.role("app").await, role(), "read live");
    assert!(!rig.knows("app"), "a live read may be older than what the watch has told meanwhile");
    eventually("a watch is open", || {
        rig.api.lists().iter().filter(|uri| uri.contains("watch=")).count() == 2
    })
    .await;

    rig.api.send("ADDED", &app);
    eventually("it is known", || rig.knows("app")).await;
    rig.api.send("MODIFIED", &account("app", Some("other")));
    let is_other = || {
        let known = rig.lookup.service_accounts.known.get(Some("demo"), "app");
        known.and_then(|known| known.role_name.clone()).as_deref() == Some("other")
    };
    eventually("the new role is known", is_other).await;
    rig.api.send("MODIFIED", &account("app", None));
    eventually("it has no role any more", || !rig.knows("app")).await;
    rig.api.send("MODIFIED", &app);
    eventually("it has one again", || rig.knows("app")).await;
    rig.api.send("DELETED", &app);
    eventually("it is gone", || !rig.knows("app")).await;

    // Recreated without a role, which the watch has not told of: the old role is not given.
    rig.api.store([account("app", None)]);
    assert_eq!(rig.role("app").await, None);
    rig.api.send("DELETED", &namespace("demo", "off"));
    eventually("the namespace is not on any more", || {
        rig.lookup.namespaces.known.get(None, "demo").is_none()
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_known_stays_known_while_the_api_server_is_away_and_is_replaced_when_it_is_back() {
    let rig = Rig::new();
    rig.api.store([account("old", ROLE), account("app", ROLE)]);
    let _running = rig.synced().await;
    rig.api.fail_lists(Some(Fault::Break));
    rig.api.fail_reads(Some(Fault::Break));
    rig.api.end_watches();
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(rig.role("app").await, role());
    assert_eq!(rig.lookup.unsynced(), Vec::<&str>::new());

    // It comes back from a backup: the old resource version says nothing.
    rig.api.remove(&account("old", ROLE));
    rig.api.store([account("new", ROLE)]);
    rig.api.fail_reads(None);
    rig.api.fail_lists(Some(Fault::Status(410, "Expired")));
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(rig.knows("old"));
    rig.api.fail_lists(None);
    eventually("all is listed anew", || rig.knows("new") && !rig.knows("old")).await;
    assert!(rig.knows("app"));
}

// Live ----------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_no_of_the_copy_is_never_believed() {
    let rig = Rig::new();
    rig.api.store([namespace("late", "off"), account("late", None)]);
    let _running = rig.synced().await;
    // All of them changed, and no watch has told.
    rig.api.store([namespace("late", "on"), account("late", ROLE), account("new", ROLE)]);
    assert_eq!(rig.role("late").await, role());
    assert_eq!(rig.role("new").await, role());
    rig.api.store([account("none", None)]);
    assert_eq!(rig.role("none").await, None);
    assert!(rig.lookup.find("late", "none", false).await.unwrap_err().to_string().contains("late/none"));
}

#[tokio::test(start_paused = true)]
async fn where_the_namespace_is_not_on_the_service_account_is_not_asked_for() {
    let rig = Rig::new();
    rig.api.store([namespace("off", "off")]);
    let found = rig.lookup.find("off", "app", false).await.unwrap();
    assert!(!found.namespace.is_on());
    assert_eq!(*found.service_account, ServiceAccount::default());
    assert_eq!(rig.api.reads(), ["/api/v1/namespaces/off"]);
}

#[tokio::test(start_paused = true)]
async fn where_the_pod_itself_is_on_both_count_whatever_the_namespace_says() {
    let rig = Rig::new();
    rig.api.store([account("app", ROLE)]);
    let _running = rig.synced().await;
    // No watch tells of namespaces that are not on, so each question is a read of its own.
    for override_env in ["false", "true"] {
        let mut plain = namespace("demo", "off");
        plain["metadata"]["labels"]["pod-identity.alibabacloud.com/override-env"] = override_env.into();
        rig.api.store([plain.clone()]);
        if rig.lookup.namespaces.known.get(None, "demo").is_some() {
            rig.api.send("DELETED", &plain);
            eventually("the namespace is not on any more", || {
                rig.lookup.namespaces.known.get(None, "demo").is_none()
            })
            .await;
        }
        let found = rig.lookup.find("demo", "app", true).await.unwrap();
        assert_eq!(found.service_account.role_name, role());
        assert_eq!(found.namespace.override_env.as_deref(), Some(override_env));
    }
    assert_eq!(rig.api.reads(), ["/api/v1/namespaces/demo"; 2]);

    // Its other settings are needed: without them nothing is guessed.
    rig.api.fail_reads(Some(Fault::Break));
    let error = rig.lookup.find("demo", "app", true).await.unwrap_err();
    assert_eq!((error.object(), error.as_str()), (Object::Namespace, "failed"));
    rig.api.fail_reads(None);
    let error = rig.lookup.find("demo", "missing", true).await.unwrap_err();
    assert_eq!((error.object(), error.as_str()), (Object::ServiceAccount, "not_found"));
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_or_fails_is_asked_for_again() {
    let missing = || Fault::Status(404, "NotFound");
    for faults in [
        vec![missing(), missing(), missing()],
        vec![Fault::Break, Fault::Status(500, "InternalError"), Fault::Status(429, "TooManyRequests")],
        vec![Fault::Status(403, "Forbidden"), missing()],
        vec![Fault::Slow(Duration::from_millis(1500))],
    ] {
        let rig = Rig::new();
        rig.api.store([account("app", ROLE)]);
        rig.api.fail_next_reads(faults.clone());
        assert_eq!(rig.role("app").await, role(), "{faults:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_two_seconds_the_answer_is_an_error_that_says_what_to_do() {
    for (fault, result, said) in [
        (None, "not_found", "service account demo/app does not exist: create it"),
        (
            Some(Fault::Status(403, "Forbidden")),
            "denied",
            "cannot read service account demo/app: HTTP 403 Forbidden: for a test: give the webhook's service account \
             the rights to get, list and watch serviceaccounts",
        ),
        (Some(Fault::Break), "failed", "the connection is broken: create the pod again once"),
        (Some(Fault::Status(503, "ServiceUnavailable")), "failed", "HTTP 503 ServiceUnavailable"),
        (Some(Fault::Hang), "timeout", "no answer from the API server within 2 s"),
        (Some(Fault::Slow(Duration::from_secs(3))), "timeout", "no answer from the API server within 2 s"),
    ] {
        let rig = Rig::new();
        let _running = rig.synced().await;
        rig.api.fail_reads(fault.clone());
        let begun = Instant::now();
        let error = rig.lookup.find("demo", "app", false).await.unwrap_err();
        let took = begun.elapsed();
        assert!(took <= PATIENCE, "{fault:?}: {took:?}");
        assert!(took > Duration::from_secs(1), "{fault:?}: given up after {took:?}");
        assert_eq!(error.as_str(), result);
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(rig.answered(), [("namespace", "cache", "found"), ("service_account", "live", result)]);
        let reads = rig.api.reads().len();
        assert!(reads <= 10, "{fault:?}: {reads} reads of one object");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_dead_costs_time_and_not_the_answer() {
    let rig = Rig::new();
    let _running = rig.synced().await;
    rig.api.store([account("app", ROLE)]);
    rig.api.fail_next_reads([Fault::Hang]);
    let begun = Instant::now();
    assert_eq!(rig.role("app").await, role());
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_two_seconds_are_for_both_objects_together() {
    let rig = Rig::new();
    rig.api.fail_reads(Some(Fault::Slow(Duration::from_millis(1500))));
    rig.api.store([account("app", ROLE)]);
    let begun = Instant::now();
    let error = rig.lookup.find("demo", "app", false).await.unwrap_err();
    assert_eq!((error.object(), error.as_str()), (Object::ServiceAccount, "timeout"));
    assert!(begun.elapsed() <= PATIENCE, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_the_watch_tells_meanwhile_counts() {
    let rig = Rig::new();
    let _running = rig.synced().await;
    rig.api.fail_reads(Some(Fault::Break));
    let lookup = rig.lookup.clone();
    let finding = tokio::spawn(async move { lookup.find("demo", "app", false).await });
    eventually("it was asked for", || !rig.api.reads().is_empty()).await;
    rig.api.send("ADDED", &account("app", ROLE));
    assert_eq!(finding.await.unwrap().unwrap().service_account.role_name, role());
}

#[tokio::test(start_paused = true)]
async fn what_can_be_no_name_is_not_asked_for() {
    let rig = Rig::new();
    for (namespace, account) in [("demo", "../../nodes/x"), ("demo", ""), ("..", "app"), ("demo?x", "app")] {
        let error = rig.lookup.find(namespace, account, false).await.unwrap_err();
        assert_eq!(error.as_str(), "invalid_name", "{error}");
        assert!(!error.to_string().contains('\n'));
    }
    let error = rig.lookup.find("demo", &"x\n".repeat(1000), false).await.unwrap_err();
    assert!(error.to_string().len() < 256 && !error.to_string().contains('\n'), "{error}");
    assert_eq!(rig.api.reads(), ["/api/v1/namespaces/demo"; 3].map(str::to_owned).to_vec());
}

#[tokio::test(start_paused = true)]
async fn a_thousand_pods_of_one_service_account_are_few_reads() {
    let rig = Rig::new();
    let _running = rig.synced().await;
    let pods: Vec<_> = (0..1000)
        .map(|_| {
            let lookup = rig.lookup.clone();
            tokio::spawn(async move { lookup.find("demo", "missing", false).await })
        })
        .collect();
    for pod in pods {
        assert_eq!(pod.await.unwrap().unwrap_err().as_str(), "not_found");
    }
    let reads = rig.api.reads().len();
    assert!(reads <= 20, "{reads} reads");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_service_accounts_is_none_at_the_api_server() {
    let rig = Rig::new();
    let _running = rig.synced().await;
    rig.api.fail_reads(Some(Fault::Hang));
    let pods: Vec<_> = (0..200)
        .map(|number| {
            let lookup = rig.lookup.clone();
            tokio::spawn(async move { lookup.find("demo", &format!("a{number}"), false).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(rig.api.reads().len(), reads::READS, "none of them has ended");
    for pod in pods {
        assert_eq!(pod.await.unwrap().unwrap_err().as_str(), "timeout");
    }
}
