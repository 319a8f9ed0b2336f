//! Ten thousand random worlds, each asked twice: once the index, once a matcher that is as simple as it
//! can be and shares nothing with the index but the words of the specification.

use std::sync::Arc;

use identity::pattern::AnyAccount;
use identity::{Found, Index, Layer, Principal, Rule, RuleArn, Source};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const ACCOUNTS: [&str; 3] = ["1", "12", "2"];

#[derive(Clone, Debug)]
enum World {
    Named { account: String, kind: usize, name: String, age: Option<i64> },
    Account(String),
}

#[derive(Clone, Debug)]
struct Caller {
    account: &'static str,
    kind: usize, // 0 root, 1 user, 2 role
    name: String,
    session: String,
}

fn caller() -> impl Strategy<Value = Caller> {
    let name = prop_oneof![3 => "[abA]{1,4}", 1 => "[ab]{1,2}/[ab]{1,2}"];
    (0..3usize, 0..3usize, name, "[ab*?]{1,3}").prop_map(|(account, kind, name, session)| Caller {
        account: ACCOUNTS[account],
        kind,
        name: if kind == 1 { name.replace('/', "") } else { name },
        session,
    })
}

fn named() -> impl Strategy<Value = World> {
    let account = prop_oneof![8 => "1|12|2", 1 => "1\\*|\\*|\\?|\\?\\*"];
    let name = prop_oneof![3 => "[abB]{1,4}", 5 => "[ab*?]{1,5}", 1 => "[ab]{1,2}/[ab*?]{1,3}"];
    let age = prop_oneof![4 => (0..3i64).prop_map(Some), 1 => Just(None)];
    (account, 0..3usize, name, age).prop_map(|(account, kind, name, age)| World::Named {
        account,
        kind,
        name: if kind == 1 { name.replace('/', "") } else { name },
        age,
    })
}

fn world() -> impl Strategy<Value = Vec<Option<Vec<World>>>> {
    let rule = prop_oneof![9 => named(), 1 => "1|12|2".prop_map(World::Account)];
    let layer = prop_oneof![
        9 => prop::collection::vec(rule, 0..12).prop_map(Some),
        1 => Just(None),
    ];
    prop::collection::vec(layer, 0..4)
}

// The oracle ----------------------------------------------------------------------------------------------

/// The textbook's recursive glob.
fn glob(pattern: &str, text: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return text.is_empty() };
    let pattern_tail = &pattern[first.len_utf8()..];
    match first {
        '*' => (0..=text.len()).any(|cut| text.is_char_boundary(cut) && glob(pattern_tail, &text[cut..])),
        '?' => text.chars().next().is_some_and(|c| glob(pattern_tail, &text[c.len_utf8()..])),
        c => text.strip_prefix(c).is_some_and(|text_tail| glob(pattern_tail, text_tail)),
    }
}

fn wild(text: &str) -> bool {
    text.contains('*') || text.contains('?')
}

fn matches(rule: &World, caller: &Caller) -> bool {
    let World::Named { account, kind, name, .. } = rule else { return false };
    *kind == caller.kind
        && glob(account, caller.account)
        && (*kind == 0 || glob(&name.to_lowercase(), &caller.name.to_lowercase()))
}

/// True where `a` (at place `i`) comes before `b` (at place `j`) in one backend.
fn comes_before(a: (&World, &str), b: (&World, &str)) -> bool {
    let (
        World::Named { account: a_account, kind: a_kind, name: a_name, age: a_age },
        World::Named { account: b_account, kind: b_kind, name: b_name, age: b_age },
    ) = (a.0, b.0)
    else {
        panic!("accounts are not compared")
    };
    let a_text = if *a_kind == 0 { a_account.clone() } else { format!("{a_account}{a_name}") };
    let b_text = if *b_kind == 0 { b_account.clone() } else { format!("{b_account}{b_name}") };
    if wild(&a_text) != wild(&b_text) {
        return !wild(&a_text);
    }
    let letters = |text: &str| text.chars().filter(|c| !wild(&c.to_string())).count();
    if wild(&a_text) && letters(&a_text) != letters(&b_text) {
        return letters(&a_text) > letters(&b_text);
    }
    let (a_age, b_age) = (a_age.unwrap_or(i64::MAX), b_age.unwrap_or(i64::MAX));
    if a_age != b_age { a_age < b_age } else { a.1 < b.1 }
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Rule(usize, String),
    Account(usize),
    Nothing,
    Pending(usize),
}

fn oracle(world: &[Option<Vec<World>>], caller: &Caller) -> Answer {
    for (place, layer) in world.iter().enumerate() {
        let Some(rules) = layer else { return Answer::Pending(place) };
        let mut best: Option<(&World, String)> = None;
        for (number, rule) in rules.iter().enumerate().filter(|(_, rule)| matches(rule, caller)) {
            let name = object_name(number);
            if best
                .as_ref()
                .is_none_or(|(other, other_name)| comes_before((rule, &name), (other, other_name)))
            {
                best = Some((rule, name));
            }
        }
        if let Some((_, name)) = best {
            return Answer::Rule(place, name);
        }
    }
    for (place, layer) in world.iter().enumerate() {
        for rule in layer.iter().flatten() {
            if matches!(rule, World::Account(id) if id == caller.account) {
                return Answer::Account(place);
            }
        }
    }
    Answer::Nothing
}

// The real thing ------------------------------------------------------------------------------------------

/// Not in the order of the numbers, so that the name decides something.
fn object_name(number: usize) -> String {
    format!("{}-{number}", (number * 7) % 5)
}

fn arn(account: &str, kind: usize, name: &str) -> String {
    match kind {
        0 => format!("acs:ram::{account}:root"),
        1 => format!("acs:ram::{account}:user/{name}"),
        _ => format!("acs:ram::{account}:role/{name}"),
    }
}

fn build(world: &[Option<Vec<World>>], reverse: bool) -> Index {
    Index::build(world.iter().enumerate().map(|(place, layer)| {
        let Some(rules) = layer else { return Layer::Pending };
        let mut rules: Vec<Arc<Rule>> = rules
            .iter()
            .enumerate()
            .map(|(number, rule)| {
                let source = Source::new(place.to_string(), object_name(number));
                Arc::new(match rule {
                    World::Account(id) => Rule::for_account(source, id).unwrap(),
                    World::Named { account, kind, name, age } => {
                        let arn = arn(account, *kind, name);
                        let arn = RuleArn::parse_with_patterns(&arn, AnyAccount::Allow).unwrap();
                        let created = age.map(|age| jiff::Timestamp::from_second(age).unwrap());
                        Rule::new::<&str>(source, arn, "u", &[], created).unwrap()
                    }
                })
            })
            .collect();
        if reverse {
            rules.reverse();
        }
        Layer::Ready(rules)
    }))
}

fn principal(caller: &Caller) -> Principal {
    match caller.kind {
        0 => crate::common::root(caller.account),
        1 => crate::common::user(caller.account, &caller.name),
        _ => crate::common::session(caller.account, &caller.name, &caller.session),
    }
}

fn real(index: &Index, caller: &Caller) -> Answer {
    let principal = principal(caller);
    match index.lookup(&principal) {
        Found::Nothing => Answer::Nothing,
        Found::Pending(place) => Answer::Pending(place),
        Found::Match(found) => {
            let place = found.rule().source().backend.parse().unwrap();
            match found.rule().account() {
                Some(_) => Answer::Account(place),
                None => Answer::Rule(place, found.rule().source().object.to_string()),
            }
        }
    }
}

#[test]
fn the_index_agrees_with_a_naive_matcher() {
    let mut seen = [0usize; 4];
    let mut runner =
        TestRunner::new(Config { cases: 10_000, failure_persistence: None, ..Config::default() });
    let seen_cell = std::cell::RefCell::new(&mut seen);
    runner
        .run(&(world(), caller()), |(world, caller)| {
            let expected = oracle(&world, &caller);
            seen_cell.borrow_mut()[match expected {
                Answer::Rule(..) => 0,
                Answer::Account(_) => 1,
                Answer::Nothing => 2,
                Answer::Pending(_) => 3,
            }] += 1;
            for reverse in [false, true] {
                prop_assert_eq!(&real(&build(&world, reverse), &caller), &expected);
            }
            Ok(())
        })
        .unwrap();
    // The random worlds must reach every kind of answer often, or the test shows little.
    assert!(seen.iter().all(|&count| count > 200), "{seen:?}");
}
