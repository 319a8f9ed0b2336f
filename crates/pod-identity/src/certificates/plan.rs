//! What to do next: a pure function from what is there. Each step is one write, and whoever comes after it, crash or not,
//! finds from what is there alone how to go on.
//!
//! A change of authorities, with what the Secret holds and what the `caBundle` says after each step:
//!
//! | step | signs | also in the Secret | `caBundle` |
//! | --- | --- | --- | --- |
//! | (before) | A | | A |
//! | [`Step::AddNext`] | A | next B | A |
//! | [`Step::Trust`] | A | next B | A B |
//! | wait the overlap, [`Step::SignWithNext`] | B | old A | A B |
//! | wait the overlap, [`Step::DropOld`] | B | | A B |
//! | [`Step::Trust`] | B | | B |
//!
//! A wait counts from when this replica has seen what it waits for, on its own monotonic clock: whoever takes over begins
//! the wait again, and no clock that jumps cuts it short.

use std::time::Duration;

use jiff::Timestamp;
use webhook_server::certs::{Authority, AuthorityError, Bundle, ServerCertificate};

use super::content::{Content, Held};
use super::entries::{Entry, trusted_by_any};

/// Common name of authorities (with the time at which one was made) and, followed by `server`, of certificates.
const COMMON_NAME: &str = "ack-pod-identity-webhook";
/// The authority gets a successor after two thirds of its time, and by then rights of others on `caBundle` are respected;
/// after five sixths they are not.
const SUCCEED: (i64, i64) = (2, 3);
/// See [`SUCCEED`].
const INSIST: (i64, i64) = (5, 6);

/// What is wanted.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// DNS names and addresses of the certificate, the first one for its subject.
    pub(super) names: Vec<String>,
    pub(super) certificate_lifetime: Duration,
    pub(super) authority_lifetime: Duration,
    pub(super) overlap: Duration,
    /// How long a Secret without content is left to those who remember what was in it.
    pub(super) patience: Duration,
}

/// What is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    pub(super) content: &'a Content,
    /// Whether this replica knows what was in the Secret before.
    pub(super) remembers: bool,
    /// How long there has been no authority in the Secret.
    pub(super) without_for: Duration,
    /// None: the configuration is not there, or could not be read.
    pub(super) entries: Option<&'a [Entry]>,
    /// How long all entries have trusted the authority that signs.
    pub(super) authority_trusted_for: Option<Duration>,
    /// The same of the next one.
    pub(super) next_trusted_for: Option<Duration>,
    /// How long the authority that signs has been it.
    pub(super) signing_for: Duration,
    pub(super) leads: bool,
    pub(super) now: Timestamp,
}

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing to do, or to wait.
    Rest,
    /// Secret: what this replica remembers of it.
    Restore,
    /// Secret: a new authority that signs at once; what is trusted already stays trusted for a while.
    Begin { keep: Bundle },
    /// Secret: the same without what cannot be read, or is no use any more.
    Tidy,
    /// Secret: another certificate under the same authority.
    Issue,
    /// Secret: the authority that will be next.
    AddNext,
    /// Secret: the next authority signs from now on.
    SignWithNext,
    /// Secret: without those that sign no more.
    DropOld,
    /// `caBundle` of all entries. `insist`: also where somebody else has written it.
    Trust { bundle: Bundle, insist: bool },
}

impl Step {
    /// For log and metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Step::Rest => "rest",
            Step::Restore => "restore",
            Step::Begin { .. } => "begin",
            Step::Tidy => "tidy",
            Step::Issue => "issue",
            Step::AddNext => "add_next",
            Step::SignWithNext => "sign_with_next",
            Step::DropOld => "drop_old",
            Step::Trust { .. } => "trust",
        }
    }
}

/// The next step.
pub(super) fn plan(facts: &Facts<'_>, wanted: &Wanted) -> Step {
    match facts.content {
        Content::Good(held) if facts.leads => lead(held, facts, wanted),
        Content::Good(_) => Step::Rest,
        // Whoever has what was there puts it back: nothing has to change then.
        Content::Empty | Content::Broken(_) if facts.remembers => Step::Restore,
        Content::Empty | Content::Broken(_) => begin(facts, wanted),
    }
}

fn begin(facts: &Facts<'_>, wanted: &Wanted) -> Step {
    let keep = facts.entries.map(trusted_by_any).unwrap_or_default();
    let is_first = matches!(facts.content, Content::Empty) && facts.entries.is_some() && keep.is_empty();
    // What is broken is replaced by one alone; an empty Secret is filled by whoever is first.
    let may = facts.leads || matches!(facts.content, Content::Empty);
    if may && (is_first || facts.without_for >= wanted.patience) { Step::Begin { keep } } else { Step::Rest }
}

fn lead(held: &Held, facts: &Facts<'_>, wanted: &Wanted) -> Step {
    let now = facts.now;
    let entries = facts.entries.unwrap_or_default();
    if !held.authority.is_current(now) {
        let mut keep = held.bundle();
        trusted_by_any(entries).iter().for_each(|certificate| keep.add(certificate));
        return Step::Begin { keep };
    }
    if needs_certificate(held, wanted, now) {
        return Step::Issue;
    }
    let next_is_over = held.next.as_ref().is_some_and(|next| !next.is_current(now));
    if next_is_over || !held.complaints.is_empty() {
        return Step::Tidy;
    }
    let bundle = held.bundle();
    let is_trusted = |entry: &Entry| entry.bundle().is_some_and(|there| there.is_same_set(&bundle));
    if !entries.iter().all(is_trusted) {
        return Step::Trust { insist: insists(held, entries, now), bundle };
    }
    if held.next.is_some() {
        return when(facts.next_trusted_for >= Some(wanted.overlap), Step::SignWithNext);
    }
    if !held.old.is_empty() {
        // Where the authority was not the next one before, replicas turn to it an overlap after it is trusted.
        let is_known = facts.authority_trusted_for >= Some(wanted.overlap.saturating_mul(2));
        return when(is_known && facts.signing_for >= wanted.overlap, Step::DropOld);
    }
    when(now >= held.authority.elapsed(SUCCEED.0, SUCCEED.1), Step::AddNext)
}

fn when(is_so: bool, step: Step) -> Step {
    if is_so { step } else { Step::Rest }
}

/// Whether what somebody else has written into `caBundle` has to give way: somebody calls in vain, or soon will.
fn insists(held: &Held, entries: &[Entry], now: Timestamp) -> bool {
    let chain = held.server.as_ref().map(ServerCertificate::chain).unwrap_or_default();
    now >= held.authority.elapsed(INSIST.0, INSIST.1)
        || entries.iter().any(|entry| entry.verify(chain, now).is_err())
}

fn needs_certificate(held: &Held, wanted: &Wanted, now: Timestamp) -> bool {
    let Some(server) = &held.server else { return true };
    let mut signer = Bundle::default();
    signer.add(held.authority.certificate());
    let has_names = wanted.names.iter().all(|name| server.covers(name));
    let is_good = wanted.names.iter().all(|name| signer.verify(server.chain(), name, now).is_ok());
    // One that would not end any later than this one is no use.
    let ends_later = server.not_after() < held.authority.not_after();
    !has_names || !is_good || (server.is_due(now) && ends_later)
}

/// The Secret's content after a step; none where the step does not write it, or there is nothing to begin from.
///
/// # Errors
/// [`AuthorityError`]: a certificate cannot be made.
pub(super) fn take(
    step: &Step,
    held: Option<&Held>,
    remembered: Option<&Held>,
    wanted: &Wanted,
    now: Timestamp,
) -> Result<Option<Held>, AuthorityError> {
    let clean = held.map(|held| Held { complaints: Vec::new(), ..held.clone() });
    Ok(match (step, clean) {
        (Step::Rest | Step::Trust { .. }, _) => None,
        (Step::Restore, _) => remembered.cloned(),
        (Step::Begin { keep }, _) => {
            let authority = make_authority(wanted, now)?;
            let server = Some(issue(&authority, wanted, now)?);
            Some(Held { authority, server, next: None, old: keep.clone(), complaints: Vec::new() })
        }
        (_, None) => None,
        (Step::Tidy, Some(held)) => {
            Some(Held { next: held.next.clone().filter(|next| next.is_current(now)), ..held })
        }
        (Step::Issue, Some(held)) => {
            Some(Held { server: Some(issue(&held.authority, wanted, now)?), ..held })
        }
        (Step::AddNext, Some(held)) => Some(Held { next: Some(make_authority(wanted, now)?), ..held }),
        (Step::DropOld, Some(held)) => Some(Held { old: Bundle::default(), ..held }),
        (Step::SignWithNext, Some(Held { next: Some(next), authority, mut old, .. })) => {
            old.add(authority.certificate());
            let server = Some(issue(&next, wanted, now)?);
            Some(Held { authority: next, server, next: None, old, complaints: Vec::new() })
        }
        (Step::SignWithNext, Some(_)) => None,
    })
}

fn make_authority(wanted: &Wanted, now: Timestamp) -> Result<Authority, AuthorityError> {
    Authority::make(&format!("{COMMON_NAME} {}", now.strftime("%FT%TZ")), wanted.authority_lifetime, now)
}

/// A certificate for the wanted names.
///
/// # Errors
/// [`AuthorityError`].
pub(super) fn issue(
    authority: &Authority,
    wanted: &Wanted,
    now: Timestamp,
) -> Result<ServerCertificate, AuthorityError> {
    authority.issue(&format!("{COMMON_NAME} server"), &wanted.names, wanted.certificate_lifetime, now)
}

/// What is served until there is something that is trusted: probes get an answer. It shows, too, that a certificate for
/// the wanted names can be made and is one: else another one would be due without end.
///
/// # Errors
/// [`AuthorityError`].
pub(super) fn placeholder(wanted: &Wanted, now: Timestamp) -> Result<ServerCertificate, AuthorityError> {
    let authority = make_authority(wanted, now)?;
    let server = issue(&authority, wanted, now)?;
    let mut signer = Bundle::default();
    signer.add(authority.certificate());
    for name in &wanted.names {
        signer
            .verify(server.chain(), name, now)
            .map_err(|reason| AuthorityError::NotACertificate(format!("{name}: {reason}")))?;
    }
    Ok(server)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
