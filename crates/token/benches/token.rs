//! What a token costs whoever makes it (each `kubectl`) and whoever reads it (each review): `cargo bench -p token`.
#![allow(clippy::unwrap_used)]

use divan::{Bencher, black_box};
use jiff::Timestamp;
use signature::Secret;
use token::{Rules, SigningInput, decode, fingerprint, sign_v1, sign_v2};

fn main() {
    divan::main();
}

const CLUSTER: &str = "c0123456789abcdef0123456789abcdef";

fn now() -> Timestamp {
    "2026-11-24T00:00:00Z".parse().unwrap()
}

/// A user's keys, or those of an assumed role, whose security token is most of the text.
#[derive(Clone, Copy, Debug)]
enum Keys {
    User,
    Role,
}

const KEYS: [Keys; 2] = [Keys::User, Keys::Role];

fn with_input<T>(keys: Keys, make: impl Fn(&SigningInput<'_>) -> T) -> impl Fn() -> T {
    let secret = Secret::new("secret-of-bench".to_owned());
    let session = match keys {
        Keys::User => None,
        Keys::Role => Some(Secret::new("CAIS".repeat(200))),
    };
    move || {
        make(&SigningInput {
            cluster_id: CLUSTER,
            access_key_id: "LTAIbench",
            secret: &secret,
            security_token: session.as_ref(),
            user_agent: "bench (linux/amd64)",
            extra_query: &[],
            signed_at: now(),
        })
    }
}

#[divan::bench(args = KEYS)]
fn sign_version_2(bencher: Bencher<'_, '_>, keys: Keys) {
    bencher.bench_local(with_input(keys, |input| sign_v2(black_box(input))));
}

#[divan::bench(args = KEYS)]
fn sign_version_1(bencher: Bencher<'_, '_>, keys: Keys) {
    bencher.bench_local(with_input(keys, |input| sign_v1(black_box(input), "0123456789abcdef")));
}

#[divan::bench(args = KEYS)]
fn decode_version_2(bencher: Bencher<'_, '_>, keys: Keys) {
    let (rules, token) = (Rules::for_cluster(CLUSTER), with_input(keys, sign_v2)());
    bencher.bench_local(|| decode(black_box(token.expose()), &rules, now()).unwrap());
}

#[divan::bench(args = KEYS)]
fn decode_version_1(bencher: Bencher<'_, '_>, keys: Keys) {
    let token = with_input(keys, |input| sign_v1(input, "0123456789abcdef"))();
    let rules = Rules::for_cluster(CLUSTER);
    bencher.bench_local(|| decode(black_box(token.expose()), &rules, now()).unwrap());
}

#[divan::bench(args = KEYS)]
fn hash(bencher: Bencher<'_, '_>, keys: Keys) {
    let token = with_input(keys, sign_v2)();
    bencher.bench_local(|| fingerprint(black_box(token.expose())));
}
