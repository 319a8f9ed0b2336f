//! The proof: what STS says of the token.

use super::super::facts::{Exchange, Facts};
use super::super::finding::{Finding, Part, State};

const PART: Part = Part::Sts;
const CHECK: &str = "exchange";

/// `before`: what was found out on the way to it.
pub(super) fn judge(facts: &Facts, before: &[Finding]) -> Option<Finding> {
    let role = facts.asked.role.as_deref()?;
    let mut causes: Vec<String> = before
        .iter()
        .filter(|finding| finding.state == State::Broken)
        .filter(|finding| !matches!(finding.part, Part::Webhook | Part::ServiceAccount | Part::Pod))
        .map(|finding| format!("{:?}", finding.text))
        .collect();
    causes.dedup();
    let causes = causes.join(", ");
    Some(match &facts.exchange {
        None => Finding::not_known(
            PART,
            CHECK,
            "STS was not asked: it takes a token, a provider and a role",
            "see those",
        ),
        Some(Exchange::Given) => {
            let who = format!("{}/{}", facts.asked.namespace, facts.asked.service_account);
            let text = format!("{who} gets credentials of {role} (they were thrown away)");
            Finding::ok(PART, CHECK, text)
        }
        Some(Exchange::Refused(why)) => {
            let mend = match causes.as_str() {
                "" => "nothing above says why: what was changed a moment ago may take a minute; ask again"
                    .to_owned(),
                causes => format!("mend what is broken above: {causes}"),
            };
            Finding::broken(PART, CHECK, why, mend)
        }
        Some(Exchange::Failed(why)) => {
            Finding::broken(PART, CHECK, why, "see that STS can be reached (--sts-endpoint)")
        }
    })
}
