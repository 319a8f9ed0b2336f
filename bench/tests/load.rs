//! The load generator against servers of this process: what it counts, and that no wrong answer passes.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bench::answer::Expected;
use bench::constant::{self, Tls};
use bench::load::{Exchange, Http, Length, Outcome, Settings, Source, Target, Trust, run};
use bytes::Bytes;
use http::StatusCode;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const V1: &str = "authentication.k8s.io/v1";

/// A server that runs until it is dropped.
struct Server {
    address: SocketAddr,
    certificate: String,
    _runtime: Runtime,
}

impl Server {
    fn start<F, A>(answer: F) -> Server
    where
        F: Fn(Bytes) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = (StatusCode, Bytes)> + Send + 'static,
    {
        let tls = Tls::new().unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(constant::serve_with(listener, tls.config, answer));
        Server { address, certificate: tls.certificate, _runtime: runtime }
    }

    /// Lets `alice` in.
    fn alice() -> Server {
        let answer = constant::token_review(V1, "alice");
        Server::start(move |_| std::future::ready((StatusCode::OK, answer.clone())))
    }

    fn target(&self, http: Http) -> Target {
        let trust = Trust::Authorities(self.certificate.clone());
        Target::new(&format!("https://{}", self.address), http, &trust, None).unwrap()
    }
}

fn review(token: &str, user: &str) -> Exchange {
    let expected = Expected::User { version: V1.to_owned(), name: Some(user.to_owned()) };
    Exchange::json("/authenticate?timeout=30s", token.to_owned(), expected).unwrap()
}

fn settings(connections: usize, in_flight: usize, count: u64) -> Settings {
    Settings {
        connections,
        in_flight,
        threads: 2,
        warm_up: Duration::ZERO,
        length: Length::Count(count),
        ..Settings::default()
    }
}

fn go(settings: &Settings, target: &Target, source: Source) -> Outcome {
    run(settings, target, source).unwrap()
}

#[test]
fn a_count_is_sent_exactly_in_both_versions_of_http() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let answer = constant::token_review(V1, "alice");
    let server = Server::start(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        std::future::ready((StatusCode::OK, answer.clone()))
    });
    for (http, connections, in_flight) in [(Http::Two, 3, 7), (Http::One, 5, 1)] {
        asked.store(0, Ordering::Relaxed);
        let outcome = go(
            &settings(connections, in_flight, 200),
            &server.target(http),
            Source::Same(review("t", "alice")),
        );
        assert_eq!((outcome.good, outcome.faults.len()), (200, 0), "{http:?}: {:?}", outcome.faults);
        assert_eq!(asked.load(Ordering::Relaxed), 200, "{http:?}");
        assert_eq!(outcome.connections, connections as u64, "{http:?}");
        assert!(outcome.rate() > 0.0 && outcome.latency.p50 > Duration::ZERO, "{http:?}");
        assert!(outcome.latency.p50 <= outcome.latency.p99 && outcome.latency.p999 <= outcome.latency.max);
    }
}

#[test]
fn a_run_by_time_counts_its_measured_part_and_not_its_warm_up() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let answer = constant::token_review(V1, "alice");
    let server = Server::start(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        std::future::ready((StatusCode::OK, answer.clone()))
    });
    let by_time = Settings {
        warm_up: Duration::from_millis(500),
        length: Length::For(Duration::from_millis(500)),
        ..settings(2, 4, 0)
    };
    let outcome = go(&by_time, &server.target(Http::Two), Source::Same(review("t", "alice")));
    assert!(outcome.faults.is_empty(), "{:?}", outcome.faults);
    assert!(outcome.good > 0 && outcome.good < asked.load(Ordering::Relaxed), "{}", outcome.good);
    assert!(outcome.length >= Duration::from_millis(500), "{:?}", outcome.length);
}

#[test]
fn each_body_of_a_source_arrives_as_often_as_it_should() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let put = Arc::clone(&seen);
    let answer = constant::token_review(V1, "alice");
    let server = Server::start(move |body| {
        put.lock().unwrap().push(body);
        std::future::ready((StatusCode::OK, answer.clone()))
    });
    let target = server.target(Http::Two);
    let all = || (0..50).map(|number| review(&format!("token-{number}"), "alice")).collect();
    let outcome = go(&settings(2, 8, 1000), &target, Source::Once(all()));
    assert_eq!((outcome.good, outcome.faults.len()), (50, 0));
    let bodies: BTreeSet<Bytes> = seen.lock().unwrap().drain(..).collect();
    assert_eq!(bodies.len(), 50);
    let outcome = go(&settings(2, 8, 100), &target, Source::Turn(all()));
    assert_eq!(outcome.good, 100);
    let mut bodies = std::mem::take(&mut *seen.lock().unwrap());
    bodies.sort();
    assert!(bodies.chunk_by(|one, other| one == other).all(|equal| equal.len() == 2));
    let made = Source::Made(Box::new(|number| review(&format!("made-{number}"), "alice")));
    assert_eq!(go(&settings(1, 1, 30), &target, made).good, 30);
    assert_eq!(seen.lock().unwrap().drain(..).collect::<BTreeSet<_>>().len(), 30);
}

#[test]
fn one_wrong_answer_among_good_ones_is_found() {
    let asked = Arc::new(AtomicU64::new(0));
    let server = Server::start(move |_| {
        let answer = match asked.fetch_add(1, Ordering::Relaxed) {
            20 => (StatusCode::OK, constant::token_review(V1, "mallory")),
            40 => (StatusCode::OK, constant::token_review("authentication.k8s.io/v1beta1", "alice")),
            60 => (StatusCode::SERVICE_UNAVAILABLE, constant::token_review(V1, "alice")),
            80 => (StatusCode::OK, Bytes::from_static(b"ok")),
            _ => (StatusCode::OK, constant::token_review(V1, "alice")),
        };
        std::future::ready(answer)
    });
    let outcome = go(&settings(1, 4, 100), &server.target(Http::Two), Source::Same(review("t", "alice")));
    let faults: Vec<_> = outcome.faults.iter().map(|(what, often)| (what.as_str(), *often)).collect();
    let expected =
        [("another apiVersion", 1), ("another user name", 1), ("not a TokenReview", 1), ("status 503", 1)];
    assert_eq!((outcome.good, faults), (96, expected.to_vec()));
    assert!(outcome.all_good("the run").is_err());
}

#[test]
fn a_good_answer_to_one_is_no_good_answer_to_another() {
    let server = Server::alice();
    let both = vec![review("a", "alice"), review("b", "bob")];
    let outcome = go(&settings(1, 1, 100), &server.target(Http::Two), Source::Turn(both));
    assert_eq!((outcome.good, outcome.faults.get("another user name")), (50, Some(&50)));
}

#[test]
fn requests_that_are_never_answered_are_faults() {
    let asked = Arc::new(AtomicU64::new(0));
    let answer = constant::token_review(V1, "alice");
    let server = Server::start(move |_| {
        let (number, answer) = (asked.fetch_add(1, Ordering::Relaxed), answer.clone());
        async move {
            if number >= 10 {
                std::future::pending::<()>().await;
            }
            (StatusCode::OK, answer)
        }
    });
    let impatient = Settings { patience: Duration::from_secs(2), ..settings(1, 4, 100) };
    let outcome = go(&impatient, &server.target(Http::Two), Source::Same(review("t", "alice")));
    assert_eq!((outcome.good, outcome.faults.get("no answer within 2s")), (10, Some(&4)));
}

#[test]
fn a_server_that_is_not_there_or_another_is_a_fault() {
    let server = Server::alice();
    let impatient = Settings { patience: Duration::from_secs(1), ..settings(1, 1, 10) };
    let other = Trust::Authorities(Tls::new().unwrap().certificate);
    let url = format!("https://{}", server.address);
    let target = Target::new(&url, Http::Two, &other, None).unwrap();
    let outcome = go(&impatient, &target, Source::Same(review("t", "alice")));
    let faults = format!("{:?}", outcome.faults);
    assert!(outcome.good == 0 && faults.contains("certificate"), "{faults}");
    let target = Target::new(&url, Http::Two, &Trust::Anybody, None).unwrap();
    assert_eq!(go(&impatient, &target, Source::Same(review("t", "alice"))).good, 10);
    drop(server);
    let outcome = go(&impatient, &target, Source::Same(review("t", "alice")));
    let faults = format!("{:?}", outcome.faults);
    assert!(outcome.good == 0 && faults.contains("cannot connect"), "{faults}");
}

#[test]
fn the_servers_process_is_measured_beside_ones_own() {
    let server = Server::alice();
    let with_process = Settings { server: Some(std::process::id()), ..settings(2, 4, 500) };
    let outcome = go(&with_process, &server.target(Http::Two), Source::Same(review("t", "alice")));
    // The server is in this very process.
    let used = outcome.server.unwrap();
    assert!(used.resident > 0 && used.peak >= used.resident && used.cpu >= 0.0);
    assert!(outcome.server_cpu().is_some());
    let gone = Settings { server: Some(u32::MAX), ..settings(1, 1, 1) };
    let error = run(&gone, &server.target(Http::Two), Source::Same(review("t", "alice"))).unwrap_err();
    assert!(error.to_string().contains("/proc/4294967295"), "{error}");
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let server = Server::alice();
    let refused = |settings: Settings, http| {
        run(&settings, &server.target(http), Source::Same(review("t", "alice"))).unwrap_err().to_string()
    };
    assert!(refused(settings(0, 1, 1), Http::Two).contains("at least one"));
    assert!(refused(settings(1, 0, 1), Http::Two).contains("at least one"));
    assert!(refused(settings(1, 2, 1), Http::One).contains("more connections"));
}
