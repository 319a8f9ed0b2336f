//! Ten thousand random worlds of mappings, principals and backends, each judged twice: by the code, from the forms
//! in which mappings are written (entries of the config file, `RAMIdentityMapping` objects), and by an oracle that is
//! written from docs/mappings.md alone. The oracle works on the texts as they stand, rule by rule, with nothing
//! of the code that it judges.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use authenticator::mappings::{MapAccount, MapRole, MapSection, MapUser, file};
use identity::mapping::NameError;
use identity::pattern::AnyAccount;
use identity::{CallerIdentity, Found, IdentityCheck, Index, Layer, Principal, Rule, Source};
use serde_json::json;

const CASES: u64 = 10_000;

// The random world -------------------------------------------------------------------------------------------

/// SplitMix64: the case's number is its seed, so that a failure names all that is needed to see it again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }

    fn one_in(&mut self, odds: usize) -> bool {
        self.below(odds) == 0
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }

    /// One to three of few letters, mostly one, so that much meets much.
    fn name(&mut self, letters: &[&str]) -> String {
        let more = if self.one_in(2) { self.below(3) } else { 0 };
        (0..=more).map(|_| self.of(letters)).collect()
    }
}

#[derive(Clone, Debug)]
struct Entry {
    object: String,
    arn: String,
    username: String,
    groups: Vec<String>,
    created: Option<i64>,
    pin: Option<String>,
    recorded: Option<String>,
    /// Whether the id was recorded under the ARN that the mapping has now.
    recorded_here: bool,
}

#[derive(Clone, Debug)]
enum Backend {
    File {
        roles: Vec<Entry>,
        users: Vec<Entry>,
        accounts: Vec<String>,
    },
    Crd(Vec<Entry>),
    /// Has told nothing yet.
    Pending,
}

#[derive(Clone, Debug)]
enum Who {
    Root,
    User { name: String },
    Session { role: String, session: String },
}

#[derive(Clone, Debug)]
struct Caller {
    account: String,
    id: String,
    who: Who,
}

#[derive(Clone, Debug)]
struct World {
    backends: Vec<Backend>,
    reserved: Vec<String>,
    any_account: bool,
    caller: Caller,
}

const ACCOUNTS: [&str; 2] = ["1", "12"];
const IDS: [&str; 2] = ["700", "701"];
const SESSIONS: [&str; 6] = ["a", "Ab", "b@c", "system", "corp-x", "{{RoleName}}"];
/// The last five can never be used, whoever logs in.
const NAMES: [&str; 19] = [
    "u",
    "dev:{{SessionName}}",
    "{{SessionName}}",
    "{{SessionNameRaw}}",
    "{{AccountID}}",
    "{{UserName}}",
    "{{RoleName}}-{{AccountID}}",
    "system:node:{{SessionName}}",
    "{{SessionName}}:masters",
    "sys{{SessionName}}tem:x",
    "system:admin",
    "{{SessionNameRaw}}-{{SessionNameRaw}}",
    "corp-{{UserName}}",
    "LONG{{SessionName}}",
    "",
    "{{ SessionName }}",
    "{{Nobody}}",
    "x{{",
    "}}x",
];

fn name_text(random: &mut Random, usable: bool) -> String {
    let choices = if usable { NAMES.len() - 5 } else { NAMES.len() };
    NAMES[random.below(choices)].replace("LONG", &"l".repeat(255))
}

fn arn_text(random: &mut Random, pattern: bool) -> String {
    let letters: &[&str] = if pattern { &["a", "b", "B", "*", "?"] } else { &["a", "b", "A"] };
    let account = match random.one_in(20) && pattern {
        true => random.of(&["*", "1?", "?"]),
        false => random.of(&ACCOUNTS),
    };
    let resource = match random.below(8) {
        0 => "root".to_owned(),
        1..=3 => format!("user/{}", random.name(letters)),
        4 | 5 => format!("role/{}", random.name(letters)),
        6 => format!("role/{}/{}", random.of(&["a", "p"]), random.name(letters)),
        _ => {
            let session = if pattern && random.one_in(3) { "*" } else { random.of(&SESSIONS) };
            format!("assumed-role/{}/{session}", random.name(&["a", "b", "A"]))
        }
    };
    match random.one_in(40) && pattern {
        true => random
            .of(&["", "*", "acs:ram::1:*", "acs:ram::1:group/a", "acs:ram:x:1:user/a", "acs:ram::1:user/"])
            .to_owned(),
        false => format!("acs:ram::{account}:{resource}"),
    }
}

fn entry(random: &mut Random, number: usize, crd: bool) -> Entry {
    let text = |random: &mut Random| {
        let usable = !crd || !random.one_in(4);
        name_text(random, usable)
    };
    let id = |random: &mut Random| (crd && random.one_in(3)).then(|| random.of(&IDS).to_owned());
    Entry {
        // Not in the order of the numbers, so that the name decides something.
        object: format!("{}-{number}", (number * 7) % 5),
        arn: arn_text(random, crd),
        username: text(random),
        groups: (0..random.below(3)).map(|_| text(random)).collect(),
        created: (crd && !random.one_in(4)).then(|| i64::try_from(random.below(3)).unwrap()),
        pin: id(random),
        recorded: id(random),
        recorded_here: !random.one_in(3),
    }
}

fn world(random: &mut Random) -> World {
    let backends = (0..random.below(4))
        .map(|_| match random.below(10) {
            0 => Backend::Pending,
            1..=4 => Backend::File {
                roles: (0..random.below(5)).map(|n| entry(random, n, false)).collect(),
                users: (0..random.below(5)).map(|n| entry(random, n, false)).collect(),
                accounts: (0..random.below(2)).map(|_| random.of(&ACCOUNTS).to_owned()).collect(),
            },
            _ => Backend::Crd((0..random.below(14)).map(|n| entry(random, n, true)).collect()),
        })
        .collect();
    let account = random.of(&ACCOUNTS).to_owned();
    let (who, id) = match random.below(6) {
        0 => (Who::Root, account.clone()),
        1 | 2 => (Who::User { name: random.name(&["a", "b", "B"]) }, random.of(&IDS).to_owned()),
        _ => {
            let role = random.name(&["a", "b"]);
            let role = if random.one_in(4) { format!("{}/{role}", random.of(&["a", "p"])) } else { role };
            (Who::Session { role, session: random.of(&SESSIONS).to_owned() }, random.of(&IDS).to_owned())
        }
    };
    World {
        backends,
        reserved: if random.one_in(3) { vec!["corp-".to_owned()] } else { Vec::new() },
        any_account: random.one_in(4),
        caller: Caller { account, id, who },
    }
}

// The oracle -------------------------------------------------------------------------------------------------

#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    User { username: String, groups: Vec<String>, uid: String, from: (usize, String), check: &'static str },
    Refused { why: &'static str, from: (usize, String), check: &'static str },
    NotMapped,
    Wait(usize),
}

/// The textbook's recursive glob.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|cut| glob(rest, &text[cut..])),
        Some((b'?', rest)) => !text.is_empty() && glob(rest, &text[1..]),
        Some((letter, rest)) => text.first() == Some(letter) && glob(rest, &text[1..]),
    }
}

fn wild(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// What a mapping's ARN says: account, kind, name, and the session where it is for one.
#[derive(Debug)]
struct Meant {
    account: String,
    kind: &'static str,
    name: String,
    session: Option<String>,
}

/// None where the mapping can never be used.
fn meaning(arn: &str, patterns: bool, any_account: bool) -> Option<Meant> {
    let arn = arn.to_lowercase();
    let (account, resource) = arn.strip_prefix("acs:ram::")?.split_once(':')?;
    if wild(account) && !any_account {
        return None;
    }
    let (kind, name) = match resource.split_once('/') {
        None if resource == "root" => ("root", ""),
        Some(("user", name)) if !name.is_empty() => ("user", name),
        Some(("role", name)) if !name.is_empty() => ("role", name),
        Some(("assumed-role", rest)) => {
            let (role, session) = rest.rsplit_once('/')?;
            let session = (!(patterns && session == "*")).then(|| session.to_owned());
            if session.is_some() && patterns && wild(&arn) {
                return None;
            }
            return Some(Meant { account: account.to_owned(), kind: "role", name: role.to_owned(), session });
        }
        _ => return None,
    };
    Some(Meant { account: account.to_owned(), kind, name: name.to_owned(), session: None })
}

impl Meant {
    fn matches(&self, caller: &Caller, patterns: bool) -> bool {
        let (kind, name, session) = match &caller.who {
            Who::Root => ("root", "", ""),
            Who::User { name } => ("user", name.as_str(), ""),
            Who::Session { role, session } => ("role", role.as_str(), session.as_str()),
        };
        let fits = |pattern: &str, text: &str| {
            let text = text.to_lowercase();
            if patterns { glob(pattern.as_bytes(), text.as_bytes()) } else { pattern == text }
        };
        self.kind == kind
            && fits(&self.account, &caller.account)
            && fits(&self.name, name)
            && self.session.as_ref().is_none_or(|wanted| *wanted == session.to_lowercase())
    }
}

/// Whether the text can be a name at all.
fn usable(text: &str) -> bool {
    !text.is_empty() && !["{{ ", "{{Nobody", "x{{", "}}x"].iter().any(|bad| text.contains(bad))
}

fn usable_entry(entry: &Entry) -> bool {
    usable(&entry.username) && entry.groups.iter().all(|group| usable(group))
}

/// The name that the text makes of the caller, or why it makes none.
fn expand(text: &str, caller: &Caller, reserved: &[String]) -> Result<String, &'static str> {
    let (user, role, session) = match &caller.who {
        Who::Root => (None, None, ""),
        Who::User { name } => (Some(name.as_str()), None, ""),
        Who::Session { role, session } => (None, role.rsplit('/').next(), session.as_str()),
    };
    let mut name = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (variable, after) = after.split_once("}}").unwrap();
        name.push_str(before);
        name.push_str(&match variable {
            "AccountID" => caller.account.clone(),
            "SessionName" => session.replace('@', "-"),
            "SessionNameRaw" => session.to_owned(),
            "UserName" => user.ok_or("no value")?.to_owned(),
            "RoleName" => role.ok_or("no value")?.to_owned(),
            other => panic!("{other}"),
        });
        rest = after;
    }
    name.push_str(rest);
    if name.is_empty() {
        return Err("empty");
    }
    if name.len() > 256 {
        return Err("too long");
    }
    let literal = text.split("{{").next().unwrap();
    let prefixes = reserved.iter().map(String::as_str).chain(["system:"]);
    for prefix in prefixes {
        if name.starts_with(prefix) && !literal.starts_with(prefix) {
            return Err("reserved");
        }
    }
    Ok(name)
}

fn check_of(entry: &Entry, meant: &Meant, caller: &Caller) -> &'static str {
    let for_one = !wild(&meant.account) && !wild(&meant.name);
    let recorded = entry.recorded.as_ref().filter(|_| entry.recorded_here);
    match (&entry.pin, recorded) {
        (Some(pin), _) if *pin != caller.id => "pin mismatch",
        _ if !for_one => "not applicable",
        (_, Some(recorded)) if *recorded == caller.id => "same",
        (None, Some(_)) => "changed",
        _ => "first",
    }
}

fn answer_of(place: usize, entry: &Entry, meant: &Meant, world: &World) -> Answer {
    let caller = &world.caller;
    let from = (place, entry.object.clone());
    let check = check_of(entry, meant, caller);
    let name = expand(&entry.username, caller, &world.reserved);
    let groups: Result<Vec<String>, _> =
        entry.groups.iter().map(|group| expand(group, caller, &world.reserved)).collect();
    match name.and_then(|username| Ok((username, groups?))) {
        Err(why) => Answer::Refused { why, from, check },
        Ok((username, groups)) => {
            let uid = format!("ack-ram-authenticator:{}:{}", caller.account, caller.id);
            Answer::User { username, groups, uid, from, check }
        }
    }
}

/// The last entry of a section counts for an ARN, and `mapRoles` before `mapUsers`; the mapping of one session comes
/// before that of its role. The objects are named by their places in the file.
fn ask_file(place: usize, roles: &[Entry], users: &[Entry], world: &World) -> Option<Answer> {
    for one_session in [true, false] {
        for (key, section) in [("mapRoles", roles), ("mapUsers", users)] {
            for (number, entry) in section.iter().enumerate().rev() {
                let meant = meaning(&entry.arn, false, false).unwrap();
                if meant.session.is_some() == one_session && meant.matches(&world.caller, false) {
                    let named = Entry { object: format!("server.{key}[{number}]"), ..entry.clone() };
                    return Some(answer_of(place, &named, &meant, world));
                }
            }
        }
    }
    None
}

/// One session, then exact, then the pattern with more letters, then the older, then the name.
fn ask_crd(place: usize, entries: &[Entry], world: &World) -> Option<Answer> {
    let rank = |entry: &Entry, meant: &Meant| {
        let text = format!("{}{}", meant.account, meant.name);
        let letters = text.chars().filter(|letter| !wild(&letter.to_string())).count();
        (
            meant.session.is_none(),
            wild(&text),
            if wild(&text) { usize::MAX - letters } else { 0 },
            entry.created.unwrap_or(i64::MAX),
            entry.object.clone(),
        )
    };
    entries
        .iter()
        .filter(|entry| usable_entry(entry))
        .filter_map(|entry| Some((entry, meaning(&entry.arn, true, world.any_account)?)))
        .filter(|(_, meant)| meant.matches(&world.caller, true))
        .min_by_key(|(entry, meant)| rank(entry, meant))
        .map(|(entry, meant)| answer_of(place, entry, &meant, world))
}

fn oracle(world: &World) -> Answer {
    for (place, backend) in world.backends.iter().enumerate() {
        let answer = match backend {
            Backend::Pending => return Answer::Wait(place),
            Backend::File { roles, users, .. } => ask_file(place, roles, users, world),
            Backend::Crd(entries) => ask_crd(place, entries, world),
        };
        if let Some(answer) = answer {
            return answer;
        }
    }
    let caller = &world.caller;
    for (place, backend) in world.backends.iter().enumerate() {
        let Backend::File { accounts, .. } = backend else { continue };
        if let Some(number) = accounts.iter().rposition(|account| *account == caller.account) {
            let resource = match &caller.who {
                Who::Root => "root".to_owned(),
                Who::User { name } => format!("user/{name}"),
                Who::Session { role, .. } => format!("role/{role}"),
            };
            return Answer::User {
                username: format!("acs:ram::{}:{resource}", caller.account),
                groups: Vec::new(),
                uid: format!("ack-ram-authenticator:{}:{}", caller.account, caller.id),
                from: (place, format!("server.mapAccounts[{number}]")),
                check: "not applicable",
            };
        }
    }
    Answer::NotMapped
}

// The code ---------------------------------------------------------------------------------------------------

fn layer(place: usize, backend: &Backend, any_account: bool) -> Layer {
    match backend {
        Backend::Pending => Layer::Pending,
        Backend::File { roles, users, accounts } => {
            let section = MapSection {
                map_roles: roles
                    .iter()
                    .cloned()
                    .map(|Entry { arn: rolearn, username, groups, .. }| MapRole { rolearn, username, groups })
                    .collect(),
                map_users: users
                    .iter()
                    .cloned()
                    .map(|Entry { arn: userarn, username, groups, .. }| MapUser { userarn, username, groups })
                    .collect(),
                map_accounts: accounts.iter().cloned().map(MapAccount).collect(),
            };
            let (rules, _warnings) = file::rules(&place.to_string(), &section).unwrap();
            Layer::Ready(rules.into_iter().map(Arc::new).collect())
        }
        Backend::Crd(entries) => {
            let any_account = if any_account { AnyAccount::Allow } else { AnyAccount::Refuse };
            let rules = entries.iter().filter_map(|entry| rule_of(place, entry, any_account));
            Layer::Ready(rules.map(Arc::new).collect())
        }
    }
}

fn rule_of(place: usize, entry: &Entry, any_account: AnyAccount) -> Option<Rule> {
    let mut spec = json!({"arn": entry.arn, "username": entry.username, "groups": entry.groups});
    if let Some(pin) = &entry.pin {
        spec["principalID"] = json!(pin);
    }
    let mut object = json!({"spec": spec});
    if let Some(recorded) = &entry.recorded {
        let here = entry.arn.to_lowercase();
        // A star for the session means the role, and the role's ARN is what is written into the status.
        let here = match here.strip_suffix("/*").filter(|arn| arn.contains(":assumed-role/")) {
            Some(role) => role.replace(":assumed-role/", ":role/"),
            None => here,
        };
        let under = if entry.recorded_here { here } else { "acs:ram::1:user/before".to_owned() };
        object["status"] = json!({"userID": recorded, "canonicalARN": under});
    }
    let created = entry.created.map(|second| jiff::Timestamp::from_second(second).unwrap());
    let source = Source::new(place.to_string(), entry.object.as_str());
    resource::rule_from_object(source, created, &object, any_account).ok()
}

fn principal(caller: &Caller) -> Principal {
    let account = &caller.account;
    let (identity_type, principal_id, resource) = match &caller.who {
        Who::Root => ("Account", caller.id.clone(), "root".to_owned()),
        Who::User { name } => ("RAMUser", caller.id.clone(), format!("user/{name}")),
        Who::Session { role, session } => {
            ("AssumedRoleUser", format!("{}:{session}", caller.id), format!("assumed-role/{role}/{session}"))
        }
    };
    let arn = format!("acs:ram::{account}:{resource}");
    let identity =
        CallerIdentity { identity_type, account_id: account, principal_id: &principal_id, arn: &arn };
    Principal::from_caller_identity(&identity).unwrap()
}

fn code(world: &World) -> Answer {
    let layers = world.backends.iter().enumerate();
    let index = Index::build(layers.map(|(place, backend)| layer(place, backend, world.any_account)))
        .reserving(world.reserved.clone());
    let principal = principal(&world.caller);
    let found = match index.lookup(&principal) {
        Found::Nothing => return Answer::NotMapped,
        Found::Pending(place) => return Answer::Wait(place),
        Found::Match(found) => found,
    };
    let source = found.rule().source();
    let from = (source.backend.parse().unwrap(), source.object.to_string());
    let check = match found.identity_check() {
        IdentityCheck::NotApplicable => "not applicable",
        IdentityCheck::First => "first",
        IdentityCheck::Same => "same",
        IdentityCheck::Changed { .. } => "changed",
        IdentityCheck::PinMismatch { .. } => "pin mismatch",
    };
    match found.user() {
        Ok(user) => {
            let arn = user.extra["arn"].clone();
            assert_eq!(arn, [principal.arn().to_owned()]);
            Answer::User { username: user.username, groups: user.groups, uid: user.uid, from, check }
        }
        Err(error) => {
            let why = match error {
                NameError::Empty { .. } => "empty",
                NameError::TooLong { .. } => "too long",
                NameError::Reserved { .. } => "reserved",
                NameError::NoValue { .. } => "no value",
                other => panic!("{other}"),
            };
            Answer::Refused { why, from, check }
        }
    }
}

#[test]
fn the_code_agrees_with_a_naive_oracle_in_ten_thousand_worlds() {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for case in 0..CASES {
        let world = world(&mut Random(case));
        let expected = oracle(&world);
        assert_eq!(code(&world), expected, "case {case}: {world:#?}");
        let (kind, check) = match &expected {
            Answer::User { from, check, .. } if from.1.contains("mapAccounts") => ("account", *check),
            Answer::User { check, .. } => ("user", *check),
            Answer::Refused { why, check, .. } => (*why, *check),
            Answer::NotMapped => ("not mapped", "none"),
            Answer::Wait(_) => ("wait", "none"),
        };
        *seen.entry(kind).or_default() += 1;
        *seen.entry(check).or_default() += 1;
    }
    // The random worlds must reach every kind of answer often, or the test shows little.
    for kind in ["user", "account", "not mapped", "wait", "empty", "too long", "reserved", "no value"] {
        assert!(seen.get(kind).is_some_and(|&count| count >= 30), "{kind}: {seen:?}");
    }
    for check in ["not applicable", "first", "same", "changed", "pin mismatch"] {
        assert!(seen.get(check).is_some_and(|&count| count >= 30), "{check}: {seen:?}");
    }
}
