//! How long a lookup takes among ten mappings and among a hundred thousand, how long the index takes to build, and
//! what it weighs. `cargo bench -p identity`.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::disallowed_macros)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use identity::pattern::AnyAccount;
use identity::{CallerIdentity, Found, Index, Layer, Principal, Rule, RuleArn, Rules, Source};

const ACCOUNT: &str = "1234567890123456";
const ROUNDS: usize = 15;

/// A name, and the ARN of each mapping by its number.
type Kind = (&'static str, fn(usize) -> String);

const KINDS: [Kind; 3] = [("exact", exact), ("patterns", pattern), ("same ends", same_ends)];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, kind, count] = arguments.as_slice()
        && flag == MEMORY
    {
        return weigh(kind, count.parse().unwrap());
    }
    println!("mappings   kind       lookup: found  not found   build      one changed   memory");
    for count in [10, 1_000, 100_000] {
        for (kind, arn) in KINDS {
            measure(count, kind, arn);
        }
    }
}

/// The first argument of the process that [`weigh`]s: memory that was freed before would count as none.
const MEMORY: &str = "--memory";

fn weigh(kind: &str, count: usize) {
    let (_, arn) = KINDS.into_iter().find(|(known, _)| *known == kind).unwrap();
    let before = resident();
    let rules: Vec<Arc<Rule>> = (0..count).map(|number| rule(number, &arn(number))).collect();
    let index = Index::build([Layer::Ready(rules.clone())]);
    let grown = resident().saturating_sub(before);
    println!("{:.1} MiB", grown as f64 / 1_048_576.0);
    drop((rules, index));
}

fn memory(kind: &str, count: usize) -> String {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([MEMORY, kind, &count.to_string()])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn exact(number: usize) -> String {
    format!("acs:ram::{ACCOUNT}:role/team-{number}-dev")
}

fn pattern(number: usize) -> String {
    format!("acs:ram::{ACCOUNT}:role/team-{number}-*")
}

/// Patterns whose two ends are alike.
fn same_ends(number: usize) -> String {
    format!("acs:ram::{ACCOUNT}:role/team-*-{number}-*dev")
}

fn measure(count: usize, kind: &str, arn: fn(usize) -> String) {
    let rules: Vec<Arc<Rule>> = (0..count).map(|number| rule(number, &arn(number))).collect();
    let index = Index::build([Layer::Ready(rules.clone())]);

    let names = |template: &dyn Fn(usize) -> String| -> Vec<Principal> {
        (0..1_000).map(|i| session(&template(i * 7_919 % count))).collect()
    };
    let known = names(&|number| match kind {
        "exact" | "patterns" => format!("team-{number}-dev"),
        _ => format!("team-a-{number}-dev"),
    });
    let unknown = names(&|number| format!("team-x{number}-ops"));
    let found = median(|| time_of_lookups(&index, &known, true)) / 1_000;
    let missed = median(|| time_of_lookups(&index, &unknown, false)) / 1_000;
    let build = median(|| time(|| Rules::build(rules.iter().cloned())));
    let built = Rules::build(rules.iter().cloned());
    let mut changed = rules.clone();
    let one_changed = median(|| {
        *changed.last_mut().unwrap() = rule(count, &arn(count));
        time(|| Index::build([Layer::Built(Arc::new(built.changed_to(changed.iter().cloned())))]))
    });
    println!(
        "{count:>8}   {kind:<9}  {found:>13.2?}  {missed:>9.2?}   {build:>8.1?}   {one_changed:>8.1?}   {:>10}",
        memory(kind, count)
    );
}

fn rule(number: usize, arn: &str) -> Arc<Rule> {
    let arn = RuleArn::parse_with_patterns(arn, AnyAccount::Refuse).unwrap();
    let source = Source::new("CRD", format!("mapping-{number}"));
    Arc::new(Rule::new(source, arn, "dev:{{SessionName}}", &["developers", "on-call"], None).unwrap())
}

fn session(role: &str) -> Principal {
    Principal::from_caller_identity(&CallerIdentity {
        identity_type: "AssumedRoleUser",
        account_id: ACCOUNT,
        principal_id: "333333333333333333:alice",
        arn: &format!("acs:ram::{ACCOUNT}:assumed-role/{role}/alice"),
    })
    .unwrap()
}

fn time_of_lookups(index: &Index, principals: &[Principal], expected: bool) -> Duration {
    let begun = Instant::now();
    for principal in principals {
        let found = matches!(black_box(index.lookup(principal)), Found::Match(_));
        assert_eq!(found, expected, "{}", principal.arn());
    }
    begun.elapsed()
}

fn time<T>(work: impl FnOnce() -> T) -> Duration {
    let begun = Instant::now();
    let result = black_box(work());
    let elapsed = begun.elapsed();
    drop(result);
    elapsed
}

fn median(mut sample: impl FnMut() -> Duration) -> Duration {
    let mut samples: Vec<Duration> = (0..ROUNDS).map(|_| sample()).collect();
    samples.sort();
    samples.get(ROUNDS / 2).copied().unwrap()
}

/// Resident memory of this process, in bytes; Linux.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
