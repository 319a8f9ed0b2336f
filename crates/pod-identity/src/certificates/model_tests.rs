//! Replicas in any order, with crashes, two leaders at a time, and API servers that learn late: whoever is ready is
//! trusted, at every moment.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::panic)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use webhook_server::certs::Bundle;

use super::content::{self, Content, Data};
use super::entries::{Entry, Trust};
use super::plan::{Step, Wanted};
use super::replica::{Look, Replica, Seen};

const HOST: &str = "webhook.system.svc";
/// In milliseconds, as all times here.
const LOOK_EVERY: u64 = 2_000;
const OVERLAP: u64 = 20_000;
/// How late an API server learns of a configuration, at most.
const LATEST: u64 = 8_000;

fn wanted(overlap: u64) -> Wanted {
    Wanted {
        names: vec![HOST.to_owned()],
        certificate_lifetime: Duration::from_secs(90),
        authority_lifetime: Duration::from_secs(300),
        overlap: Duration::from_millis(overlap),
        patience: Duration::from_millis(LOOK_EVERY * 4),
    }
}

/// SplitMix64: a failure names its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// What an API server stores.
struct Store {
    secret: (Data, u64),
    /// Every version of the entries' bundles, with its time; its position is its version.
    bundles: Vec<(u64, Vec<Bundle>)>,
    /// The version that admission uses.
    used: usize,
}

fn entries(bundles: &[Bundle]) -> Vec<Entry> {
    bundles
        .iter()
        .enumerate()
        .map(|(position, bundle)| Entry {
            name: format!("entry-{position}"),
            host: Some(HOST.to_owned()),
            is_url: false,
            trust: match bundle.is_empty() {
                true => Trust::Machine,
                false => Trust::Bundle(bundle.clone()),
            },
        })
        .collect()
}

/// What a replica is doing.
enum Doing {
    Waiting,
    /// It has read the configuration: entries and version.
    Reading(Vec<Entry>, usize),
    /// It has read both, and is about to write.
    Writing {
        step: Step,
        content: Content,
        secret: u64,
        configuration: usize,
    },
}

struct Process {
    replica: Replica,
    doing: Doing,
    leads: bool,
    ready: bool,
    next: u64,
}

impl Process {
    fn new(overlap: u64, next: u64) -> Process {
        Process {
            replica: Replica::new(wanted(overlap)),
            doing: Doing::Waiting,
            leads: false,
            ready: false,
            next,
        }
    }
}

struct World {
    random: Random,
    store: Store,
    processes: Vec<Process>,
    begin: (Timestamp, Instant),
    time: u64,
    steps: Vec<&'static str>,
    authorities: BTreeSet<Vec<u8>>,
    rules: Rules,
}

/// What is tried.
#[derive(Clone, Copy)]
struct Rules {
    /// Whether people empty and break the Secret.
    interferes: bool,
    /// How long replicas wait.
    overlap: u64,
}

const RULES: Rules = Rules { interferes: false, overlap: OVERLAP };

impl World {
    fn new(seed: u64, rules: Rules) -> World {
        World {
            random: Random(seed),
            store: Store {
                secret: (Data::new(), 0),
                bundles: vec![(0, vec![Bundle::default(), Bundle::default()])],
                used: 0,
            },
            processes: (0..3).map(|position| Process::new(rules.overlap, position * 700)).collect(),
            begin: ("2026-11-23T08:00:00Z".parse().unwrap(), Instant::now()),
            time: 0,
            steps: Vec::new(),
            authorities: BTreeSet::new(),
            rules,
        }
    }

    fn now(&self) -> (Timestamp, Instant) {
        let millis = i64::try_from(self.time).unwrap();
        (self.begin.0 + SignedDuration::from_millis(millis), self.begin.1 + Duration::from_millis(self.time))
    }

    fn run(&mut self, until: u64) -> Result<(), String> {
        while self.time < until {
            let next = (0..self.processes.len()).min_by_key(|one| self.processes[*one].next).unwrap();
            self.time = self.processes[next].next;
            self.chance();
            self.act(next);
            self.learn();
            self.check()?;
        }
        Ok(())
    }

    /// Crashes, elections, people.
    fn chance(&mut self) {
        let victim = usize::try_from(self.random.below(3)).unwrap();
        match self.random.below(400) {
            0..4 => self.processes[victim].leads ^= true,
            // Where people interfere, one replica lives on that knows what was there.
            4 if victim != 0 || !self.rules.interferes => {
                self.processes[victim] = Process::new(self.rules.overlap, self.time + 100)
            }
            5 if self.rules.interferes && self.time > 60_000 => {
                if self.random.below(2) == 0 {
                    self.store.secret.0.clear();
                } else {
                    self.store.secret.0.get_mut("ca.key").unwrap().0 = b"garbage".to_vec();
                }
                self.store.secret.1 += 1;
            }
            _ => {}
        }
        if self.processes.iter().all(|process| !process.leads) && self.random.below(20) == 0 {
            self.processes[victim].leads = true;
        }
    }

    fn act(&mut self, position: usize) {
        let (now, at) = self.now();
        let pause = self.random.below(400);
        let look = LOOK_EVERY / 2 + self.random.below(LOOK_EVERY / 2);
        let fails = self.random.below(20) == 0;
        let doing = std::mem::replace(&mut self.processes[position].doing, Doing::Waiting);
        self.processes[position].next = self.time + 1 + pause;
        let then = match doing {
            Doing::Waiting => {
                let (version, (_, bundles)) = self.store.bundles.iter().enumerate().next_back().unwrap();
                Doing::Reading(entries(bundles), version)
            }
            Doing::Reading(entries, configuration) => {
                let process = &mut self.processes[position];
                let content = content::read(&self.store.secret.0);
                let look =
                    Look { entries: Seen::There(entries.clone()), content: Seen::There(content.clone()) };
                process.replica.observe(&look, now, at);
                process.ready = process.replica.served().is_some_and(|served| {
                    entries.iter().all(|entry| entry.verify(served.chain(), now).is_ok())
                });
                let step = process.replica.plan(&look, process.leads, now, at);
                Doing::Writing { step, content, secret: self.store.secret.1, configuration }
            }
            Doing::Writing { step, content, secret, configuration } => {
                self.processes[position].next = self.time + look;
                if !fails {
                    self.write(position, &step, &content, secret, configuration);
                }
                Doing::Waiting
            }
        };
        self.processes[position].doing = then;
    }

    fn write(&mut self, position: usize, step: &Step, content: &Content, secret: u64, configuration: usize) {
        let (now, _) = self.now();
        if let Step::Trust { bundle, .. } = step {
            if configuration + 1 == self.store.bundles.len() {
                self.store.bundles.push((self.time, vec![bundle.clone(), bundle.clone()]));
                self.steps.push(step.name());
            }
            return;
        }
        let Some(held) = self.processes[position].replica.take(step, content, now).unwrap() else { return };
        if secret == self.store.secret.1 {
            content::write(&held, &mut self.store.secret.0);
            self.store.secret.1 += 1;
            self.steps.push(step.name());
            self.authorities.insert(held.authority.certificate().to_vec());
        }
    }

    /// Admission follows what is stored, some time later.
    fn learn(&mut self) {
        let newest = self.store.bundles.len() - 1;
        if self.store.used < newest
            && (self.random.below(30) == 0
                || self.store.bundles[self.store.used + 1].0 + LATEST - 500 <= self.time)
        {
            self.store.used += 1;
        }
        for version in self.store.used + 1..=newest {
            if self.store.bundles[version].0 + LATEST - 500 <= self.time {
                self.store.used = version;
            }
        }
    }

    fn check(&self) -> Result<(), String> {
        // The first bundle of all is the one that nobody can know before it is there.
        if self.store.bundles.get(1).is_none_or(|(since, _)| self.time < since + LATEST) {
            return Ok(());
        }
        let (now, _) = self.now();
        for (position, process) in self.processes.iter().enumerate().filter(|(_, process)| process.ready) {
            let served = process.replica.served().unwrap();
            for bundle in &self.store.bundles[self.store.used].1 {
                bundle.verify(served.chain(), HOST, now).map_err(|reason| {
                    let time = self.time;
                    format!(
                        "at {time} ms replica {position} is ready and not trusted: {reason} {:?}",
                        self.steps
                    )
                })?;
            }
        }
        Ok(())
    }

    fn count(&self, name: &str) -> usize {
        self.steps.iter().filter(|step| **step == name).count()
    }
}

#[test]
fn whoever_is_ready_is_trusted_through_changes_of_authorities_crashes_and_two_leaders() {
    for seed in 0..2 {
        let mut world = World::new(seed, RULES);
        world.run(700_000).unwrap();
        let steps = &world.steps;
        assert_eq!(world.count("begin"), 1, "seed {seed}: {steps:?}");
        assert!(world.count("sign_with_next") >= 2, "seed {seed}: {steps:?}");
        assert!(world.count("drop_old") >= 2, "seed {seed}: {steps:?}");
        assert!(world.count("issue") >= 3, "seed {seed}: {steps:?}");
        assert!(world.processes.iter().filter(|process| process.ready).count() >= 2, "seed {seed}");
    }
}

#[test]
fn a_secret_that_is_emptied_or_broken_is_as_it_was_before_anybody_is_not_trusted() {
    let mut restored = 0;
    for seed in 100..102 {
        let mut world = World::new(seed, Rules { interferes: true, ..RULES });
        world.run(450_000).unwrap();
        assert_eq!(world.count("begin"), 1, "seed {seed}: {:?}", world.steps);
        assert!(world.count("sign_with_next") >= 1, "seed {seed}: {:?}", world.steps);
        restored += world.count("restore");
    }
    assert!(restored > 0);
}

#[test]
fn the_model_notices_where_nobody_waits() {
    let rules = Rules { overlap: 1, ..RULES };
    assert!((0..20).any(|seed| World::new(seed, rules).run(500_000).is_err()));
}
