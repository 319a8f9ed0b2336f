//! How long the index takes for one lookup: in this process, for over the wire it would not show.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use identity::pattern::AnyAccount;
use identity::{CallerIdentity, Found, Index, Layer, Principal, Rule, RuleArn, Source};

use super::micros;
use crate::error::{Error, Result};
use crate::rig::{Cloud, Resources};
use crate::rounds::Series;
use crate::row::{Aim, Row};

/// Principals of a round, spread over all mappings.
const ASKED: usize = 1000;
/// A prime: one after the other, they are far apart.
const STEP: usize = 7919;

/// As many rounds as there are of everything, and one before them.
pub(super) fn row(name: &str, resources: Resources, rounds: usize) -> Result<Row> {
    let rules = (0..resources.count).map(|number| rule(number, resources.patterns));
    let index = Index::build([Layer::Ready(rules.collect::<Result<_>>()?)]);
    let numbers = (0..ASKED).map(|place| place.wrapping_mul(STEP).checked_rem(resources.count).unwrap_or(0));
    let asked = numbers.map(principal).collect::<Result<Vec<_>>>()?;
    let round = || -> Result<f64> {
        let begun = Instant::now();
        for principal in &asked {
            if !matches!(black_box(index.lookup(principal)), Found::Match(_)) {
                return Err(Error::because("a lookup", format!("no mapping of {}", principal.arn())));
            }
        }
        Ok(micros(begun.elapsed()) / asked.len() as f64)
    };
    round()?;
    let times = (0..rounds).map(|_| round()).collect::<Result<Vec<_>>>()?;
    let note = "in the benchmark's own process, 1,000 principals a round";
    Ok(Row::alone(&format!("{name}: one lookup"), "µs", &Series::new(times), Aim::AtMost(5.0), note))
}

fn rule(number: usize, is_pattern: bool) -> Result<Arc<Rule>> {
    let end = if is_pattern { "*" } else { "dev" };
    let arn = format!("acs:ram::{}:user/team-{number}-{end}", Cloud::account());
    let arn = RuleArn::parse_with_patterns(&arn, AnyAccount::Refuse).map_err(Error::failed("an ARN"))?;
    let source = Source::new("CRD", format!("mapping-{number}"));
    let rule = Rule::new(source, arn, "{{UserName}}", &["developers"], None);
    rule.map(Arc::new).map_err(Error::failed("a mapping"))
}

fn principal(number: usize) -> Result<Principal> {
    let arn = format!("acs:ram::{}:user/team-{number}-dev", Cloud::account());
    let identity = CallerIdentity {
        identity_type: "RAMUser",
        account_id: Cloud::account(),
        principal_id: "222222222222222222",
        arn: &arn,
    };
    Principal::from_caller_identity(&identity).map_err(Error::failed("a principal"))
}
