//! Ten thousand random worlds, each asked twice: once the index, once a matcher that is as simple as it
//! can be and shares nothing with the index but the words of the specification.

use std::sync::Arc;

use identity::pattern::AnyAccount;
use identity::{Found, Index, Layer, Principal, Rule, RuleArn, Rules, Source};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const ACCOUNTS: [&str; 3] = ["1", "12", "2"];

/// The kind of a rule for one session; the others are 0 root, 1 user, 2 role.
const SESSION: usize = 3;

#[derive(Clone, Debug)]
enum World {
    Named { account: String, kind: usize, name: String, age: Option<i64> },
    Account(String),
}

#[derive(Clone, Debug)]
struct Caller {
    account: &'static str,
    kind: usize, // 0 root, 1 user, 2 a session of a role
    name: String,
    session: String,
}

fn caller() -> impl Strategy<Value = Caller> {
    let name = prop_oneof![3 => "[abA]{1,4}", 1 => "[ab]{1,2}/[ab]{1,2}"];
    (0..3usize, 0..3usize, name, "[ab]{1,2}|[ab*?]{1,3}").prop_map(|(account, kind, name, session)| Caller {
        account: ACCOUNTS[account],
        kind,
        name: if kind == 1 { name.replace('/', "") } else { name },
        session,
    })
}

fn named() -> impl Strategy<Value = World> {
    let account = prop_oneof![8 => "1|12|2", 1 => "1\\*|\\*|\\?|\\?\\*"];
    let name = prop_oneof![3 => "[abB]{1,4}", 5 => "[ab*?]{1,5}", 1 => "[ab]{1,2}/[ab*?]{1,3}"];
    let age = prop_oneof![4 => (0..3i64).prop_map(Some), 1 => Just(None)].boxed();
    let any = (account, 0..3usize, name, age.clone()).prop_map(|(account, kind, name, age)| World::Named {
        account,
        kind,
        name: if kind == 1 { name.replace('/', "") } else { name },
        age,
    });
    let session =
        ("1|12|2", "[abA]{1,2}|[ab]/[ab]", "[abB]{1,2}", age).prop_map(|(account, role, session, age)| {
            World::Named { account, kind: SESSION, name: format!("{role}/{session}"), age }
        });
    prop_oneof![6 => any, 1 => session]
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
    if *kind == SESSION {
        let own = format!("{}/{}", caller.name, caller.session);
        return caller.kind == 2 && account == caller.account && name.eq_ignore_ascii_case(&own);
    }
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
    if (*a_kind == SESSION) != (*b_kind == SESSION) {
        return *a_kind == SESSION;
    }
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
        SESSION => format!("acs:ram::{account}:assumed-role/{name}"),
        _ => format!("acs:ram::{account}:role/{name}"),
    }
}

fn made(place: usize, number: usize, rule: &World) -> Rule {
    let source = Source::new(place.to_string(), object_name(number));
    match rule {
        World::Account(id) => Rule::for_account(source, id).unwrap(),
        World::Named { account, kind, name, age } => {
            let arn = arn(account, *kind, name);
            let arn = RuleArn::parse_with_patterns(&arn, AnyAccount::Allow).unwrap();
            let created = age.map(|age| jiff::Timestamp::from_second(age).unwrap());
            Rule::new::<&str>(source, arn, "u", &[], created).unwrap()
        }
    }
}

fn build(world: &[Option<Vec<World>>], reverse: bool) -> Index {
    Index::build(world.iter().enumerate().map(|(place, layer)| {
        let Some(rules) = layer else { return Layer::Pending };
        let mut rules: Vec<Arc<Rule>> =
            rules.iter().enumerate().map(|(number, rule)| Arc::new(made(place, number, rule))).collect();
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

/// The names of the rules that match, in order, from the oracle.
fn all_that_match(world: &[Option<Vec<World>>], caller: &Caller) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (place, layer) in world.iter().enumerate() {
        let mut own: Vec<(&World, String)> = layer
            .iter()
            .flatten()
            .enumerate()
            .filter(|(_, rule)| matches(rule, caller))
            .map(|(number, rule)| (rule, object_name(number)))
            .collect();
        own.sort_by(|a, b| match comes_before((a.0, &a.1), (b.0, &b.1)) {
            true => std::cmp::Ordering::Less,
            false => std::cmp::Ordering::Greater,
        });
        found.extend(own.into_iter().map(|(_, name)| (place, name)));
    }
    for (place, layer) in world.iter().enumerate() {
        let mut own: Vec<String> = layer
            .iter()
            .flatten()
            .enumerate()
            .filter(|(_, rule)| matches!(rule, World::Account(id) if id == caller.account))
            .map(|(number, _)| object_name(number))
            .collect();
        own.sort();
        found.extend(own.into_iter().map(|name| (place, name)));
    }
    found
}

fn origin(rule: &Rule) -> (usize, String) {
    (rule.source().backend.parse().unwrap(), rule.source().object.to_string())
}

#[test]
fn an_explanation_names_all_rules_that_match_in_order() {
    let mut longest = 0;
    let mut runner = TestRunner::new(Config { cases: 1_500, failure_persistence: None, ..Config::default() });
    let longest_cell = std::cell::RefCell::new(&mut longest);
    runner
        .run(&(world(), caller()), |(world, caller)| {
            let index = build(&world, false);
            let principal = principal(&caller);
            let steps: Vec<_> = index.explain(&principal).iter().map(|step| origin(step.rule)).collect();
            prop_assert_eq!(&steps, &all_that_match(&world, &caller));
            let mut longest = longest_cell.borrow_mut();
            **longest = steps.len().max(**longest);
            Ok(())
        })
        .unwrap();
    assert!(longest > 4, "{longest}");
}

/// Many patterns of one account and kind, so that the automaton is used: the worlds above are too small for it.
#[test]
fn many_patterns_agree_with_a_naive_matcher() {
    let named = ("[ab*?]{1,6}|[ab]{1,2}\\*[ab]{1,3}", prop::option::of(0..3i64))
        .prop_map(|(name, age)| World::Named { account: "1".to_owned(), kind: 2, name, age });
    let worlds = prop::collection::vec(named, 30..80).prop_map(|rules| vec![Some(rules)]);
    let callers = prop::collection::vec("[ab]{1,6}", 20).prop_map(|names| {
        names.into_iter().map(|name| Caller { account: "1", kind: 2, name, session: "s".to_owned() })
    });
    let mut seen = [0usize; 2];
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    let seen_cell = std::cell::RefCell::new(&mut seen);
    runner
        .run(&(worlds, callers), |(world, callers)| {
            let index = build(&world, false);
            for caller in callers {
                let expected = oracle(&world, &caller);
                prop_assert_eq!(&real(&index, &caller), &expected);
                let steps: Vec<_> =
                    index.explain(&principal(&caller)).iter().map(|step| origin(step.rule)).collect();
                prop_assert_eq!(&steps, &all_that_match(&world, &caller));
                seen_cell.borrow_mut()[usize::from(expected == Answer::Nothing)] += 1;
            }
            Ok(())
        })
        .unwrap();
    assert!(seen[0] > 1000, "{seen:?}");
}

/// Whoever a shadowed rule matches is mapped by another; a rule that names one identity and is not shadowed wins
/// for it.
#[test]
fn a_shadowed_rule_never_wins() {
    let mut seen = [0usize; 2];
    let mut runner = TestRunner::new(Config { cases: 1_500, failure_persistence: None, ..Config::default() });
    let seen_cell = std::cell::RefCell::new(&mut seen);
    runner
        .run(&(world(), prop::collection::vec(caller(), 10)), |(world, callers)| {
            let known: Vec<_> = world.into_iter().map(|layer| Some(layer.unwrap_or_default())).collect();
            let index = build(&known, false);
            for (place, rules) in known.iter().enumerate() {
                for (number, rule) in rules.iter().flatten().enumerate() {
                    let own = (place, object_name(number));
                    let made = made(place, number, rule);
                    let shadow = index.shadowed_by(&made).map(origin);
                    seen_cell.borrow_mut()[usize::from(shadow.is_some())] += 1;
                    let one = match rule {
                        World::Named { account, kind, name, .. } if !wild(account) && !wild(name) => {
                            let (name, session) = match *kind {
                                SESSION => name.rsplit_once('/').unwrap(),
                                _ => (name.as_str(), "zz"),
                            };
                            let account = *ACCOUNTS.iter().find(|known| *known == account).unwrap();
                            let kind = if *kind == SESSION { 2 } else { *kind };
                            Some(Caller { account, kind, name: name.into(), session: session.into() })
                        }
                        _ => None,
                    };
                    if let Some(one) = &one {
                        let wins = oracle(&known, one) == Answer::Rule(place, own.1.clone());
                        prop_assert_eq!(wins, shadow.is_none(), "{:?} {:?}", own, shadow);
                    }
                    for caller in callers.iter().chain(&one).filter(|caller| matches(rule, caller)) {
                        if let Some(shadow) = &shadow {
                            let all = all_that_match(&known, caller);
                            let place_of = |rule| all.iter().position(|found| found == rule);
                            prop_assert!(place_of(shadow) < place_of(&own) && place_of(shadow).is_some());
                        }
                    }
                }
            }
            Ok(())
        })
        .unwrap();
    assert!(seen.iter().all(|&count| count > 500), "{seen:?}");
}

/// Rules that come and go one by one, so that the automaton is of an earlier state: the index is the same as one that
/// is built at once.
#[test]
fn an_index_that_is_changed_agrees_with_one_that_is_built() {
    let name = "[ab*?]{1,4}|[ab]{1,2}\\*[ab]{1,3}|[ab]{1,4}";
    let named = (name, prop::option::of(0..3i64)).prop_map(|(name, age)| World::Named {
        account: "1".to_owned(),
        kind: 2,
        name,
        age,
    });
    let worlds = prop::collection::vec(named, 40..60);
    let steps = prop::collection::vec((0..60usize, any::<bool>()), 1..40);
    let callers = prop::collection::vec("[ab]{1,5}", 10);
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    runner
        .run(&(worlds, steps, callers), |(world, steps, callers)| {
            let all: Vec<Arc<Rule>> =
                world.iter().enumerate().map(|(n, rule)| Arc::new(made(0, n, rule))).collect();
            // All but a few at first.
            let mut present: Vec<bool> = (0..all.len()).map(|n| n % 5 != 0).collect();
            let chosen = |present: &[bool]| -> Vec<Arc<Rule>> {
                all.iter()
                    .zip(present)
                    .filter(|(_, present)| **present)
                    .map(|(rule, _)| rule.clone())
                    .collect()
            };
            let mut rules = Arc::new(Rules::build(chosen(&present)));
            for (number, is_present) in steps {
                let last = all.len() - 1;
                present[number.min(last)] = is_present;
                rules = Arc::new(rules.changed_to(chosen(&present)));
            }
            let changed = Index::build([Layer::Built(rules)]);
            let built = Index::build([Layer::Ready(chosen(&present))]);
            for name in callers {
                let caller = Caller { account: "1", kind: 2, name, session: "s".to_owned() };
                prop_assert_eq!(real(&changed, &caller), real(&built, &caller));
                let who = principal(&caller);
                let names = |index: &Index| -> Vec<_> {
                    index.explain(&who).iter().map(|step| origin(step.rule)).collect()
                };
                prop_assert_eq!(names(&changed), names(&built));
            }
            Ok(())
        })
        .unwrap();
}
