//! What is valid, and lets in more people, or other people, than somebody may have thought.

use std::collections::{BTreeMap, BTreeSet};

use identity::pattern::Pattern;
use identity::template::Variable;
use identity::{CallerIdentity, Principal, RuleArn};

use super::entry::{Entry, Layer, Section};
use super::finding::{Code, Finding};
use super::meaning::{is_only_variables, literals};

/// Stands for the account where a pattern names none.
const ANY_ACCOUNT: &str = "1234567890123456";
/// Beginnings of the names of roles that machines carry. Source: Container Service for Kubernetes, "Use custom
/// worker RAM roles" (names that ACK keeps for its nodes' roles) and "ACK roles" (roles that ACK assumes).
const MACHINE_ROLES: [(&str, &str); 3] = [
    ("kubernetesworkerrole-", "every worker node carries it, and each pod on a node can borrow it"),
    ("kubernetesmasterrole-", "every control-plane node carries it, and each pod on a node can borrow it"),
    ("aliyuncs", "ACK itself and its add-ons assume roles of this name"),
];
/// Comparisons of templates with user names that are made at most.
const MAX_COMPARISONS: usize = 5_000_000;

/// What there is to say about one mapping.
pub(crate) fn findings(entry: &Entry) -> Vec<Finding> {
    let mut findings = Vec::new();
    if entry.section == Section::Accounts {
        if entry.rule.is_some() {
            let message = "everybody in the account may log in, under his ARN as user name and without groups: what \
                           system:authenticated may do, all of them may";
            findings.push(entry.finding(0, Code::WholeAccount, message.to_owned()));
        }
        return findings;
    }
    let Some(rule) = &entry.rule else { return findings };
    let Some(arn) = rule.arn() else { return findings };
    findings.extend(of_arn(entry, arn));
    findings.extend(names(entry));
    findings
}

fn of_arn(entry: &Entry, arn: &RuleArn) -> Option<Finding> {
    let line = entry.arn_line();
    let text = arn.to_string();
    let resource = text.splitn(5, ':').nth(4).unwrap_or_default();
    let (kind, name) = resource.split_once('/').unwrap_or((resource, ""));
    match arn {
        RuleArn::Pattern(pattern) if pattern.literal_account().is_none() => {
            let message =
                "whoever owns any account on Alibaba Cloud can make a user or role whose name matches";
            Some(entry.finding(line, Code::EveryAccount, message.to_owned()))
        }
        RuleArn::Pattern(_) if name.chars().all(|c| matches!(c, '*' | '?')) => {
            let nodes = if kind == "role" { ", those of nodes and of ACK itself included" } else { "" };
            let message =
                format!("every {kind} of the account matches{nodes}: also each one that is made later");
            Some(entry.finding(line, Code::WholeKind, message))
        }
        RuleArn::Pattern(pattern) => MACHINE_ROLES.iter().find_map(|(begin, who)| {
            matches_machine_role(pattern, begin).then(|| {
                let message = format!("it matches roles whose names begin {begin}: {who}");
                entry.finding(line, Code::NodeRole, message)
            })
        }),
        RuleArn::Exact(_) if kind == "root" => {
            let message =
                "the account itself logs in with keys that cannot be limited: give its people RAM users";
            Some(entry.finding(line, Code::AccountRoot, message.to_owned()))
        }
        RuleArn::Exact(_) | RuleArn::Session(_) => {
            let role = match kind {
                "role" => name,
                "assumed-role" => name.rsplit_once('/').map_or("", |(role, _)| role),
                _ => "",
            };
            let role = role.rsplit('/').next().unwrap_or_default();
            MACHINE_ROLES.iter().find(|(begin, _)| role.starts_with(begin)).map(|(_, who)| {
                let message =
                    format!("{who}: a pod that reads the metadata address could log in as this user");
                entry.finding(line, Code::NodeRole, message)
            })
        }
    }
}

/// Whether a name of the kind that ACK gives matches.
fn matches_machine_role(pattern: &Pattern, begin: &str) -> bool {
    let account = pattern.literal_account().unwrap_or(ANY_ACCOUNT);
    let endings = match begin {
        "aliyuncs" => ["defaultrole", "managedkubernetesrole"],
        _ => ["0123abcd-0123-0123-0123-0123456789ab", "0123abcd0123abcd"],
    };
    endings.iter().any(|ending| {
        let caller = CallerIdentity {
            identity_type: "AssumedRoleUser",
            account_id: account,
            principal_id: "300000000000000000:session",
            arn: &format!("acs:ram::{account}:assumed-role/{begin}{ending}/session"),
        };
        Principal::from_caller_identity(&caller).is_ok_and(|principal| pattern.matches(&principal))
    })
}

fn names(entry: &Entry) -> Vec<Finding> {
    let Some(rule) = &entry.rule else { return Vec::new() };
    let is_session =
        |variable: &Variable| matches!(variable, Variable::SessionName | Variable::SessionNameRaw);
    let mut findings = Vec::new();
    let written = |text: Option<&super::entry::Text>| text.map_or(entry.place.line, |text| text.line);
    let fields = std::iter::once(("username".to_owned(), rule.username(), written(entry.username.as_ref())));
    let groups =
        rule.groups().iter().enumerate().map(|(index, group)| {
            (format!("groups[{index}]"), Some(group), written(entry.groups.get(index)))
        });
    for (field, template, line) in fields.chain(groups) {
        let Some(template) = template else { continue };
        let variables: Vec<Variable> = template.variables().collect();
        let is_username = field == "username";
        let begins = template.literal_prefix();
        // Whoever comes in through the emergency exit may be who he needs to be.
        if begins.starts_with("system:") && entry.layer != Layer::BreakGlass {
            let what = match (is_username, template.as_str()) {
                (false, "system:masters") => "may do everything, and RBAC cannot take that away",
                _ => "is one of Kubernetes' own",
            };
            let message = format!("{field} {:?} {what}", template.as_str());
            findings.push(entry.finding(line, Code::SystemName, message));
        }
        if !variables.is_empty() && variables.iter().all(is_session) && is_only_variables(template.as_str()) {
            let message = format!(
                "{field} is nothing but the session name, which whoever assumes the role chooses: he can take any \
                 name, that of another mapping's user included; write some text before it, as in dev:{}",
                template.as_str()
            );
            findings.push(entry.finding(line, Code::SessionIsUsername, message));
        } else if is_username && variables.contains(&Variable::SessionName) {
            let message = "sessions bob@x.com and bob-x.com become one user, as {{SessionName}} has - for each @; \
                           {{SessionNameRaw}} keeps them apart";
            findings.push(entry.finding(line, Code::NamesFallTogether, message.to_owned()));
        }
    }
    findings
}

/// Templates with which a session can take the user name that another mapping writes out.
pub(crate) fn reached_names(entries: &[Entry]) -> Vec<Finding> {
    let mut fixed: BTreeMap<&str, &Entry> = BTreeMap::new();
    let mut templates: Vec<(&Entry, &str)> = Vec::new();
    for entry in entries {
        let Some(username) = entry.rule.as_ref().and_then(|rule| rule.username()) else { continue };
        let has_session = username
            .variables()
            .any(|variable| matches!(variable, Variable::SessionName | Variable::SessionNameRaw));
        if !username.has_variables() {
            fixed.entry(username.as_str()).or_insert(entry);
        } else if has_session {
            templates.push((entry, username.as_str()));
        }
    }
    let distinct: BTreeSet<&str> = templates.iter().map(|(_, template)| *template).collect();
    if distinct.len().saturating_mul(fixed.len()) > MAX_COMPARISONS {
        return Vec::new();
    }
    let reached: BTreeMap<&str, Vec<(&str, &Entry)>> = distinct
        .into_iter()
        .map(|template| {
            let begin = literals(template).next().unwrap_or_default();
            let names = fixed.range(begin..).take_while(|(name, _)| name.starts_with(begin));
            let names = names.filter(|(name, _)| can_become(template, name));
            (template, names.map(|(name, entry)| (*name, *entry)).collect())
        })
        .collect();
    let mut findings = Vec::new();
    for (entry, template) in templates {
        let Some([(name, owner), others @ ..]) = reached.get(template).map(Vec::as_slice) else { continue };
        let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
        let message = format!(
            "a session can choose its name so that the user is {name:?}, whom {} ({}) maps{more}: give this mapping a \
             beginning that no other user name has",
            owner.label, owner.place
        );
        let line = entry.username.as_ref().map_or(entry.place.line, |text| text.line);
        findings.push(entry.finding(line, Code::ReachesOther, message));
    }
    findings
}

/// Whether some values of the variables make this name of the template.
fn can_become(template: &str, name: &str) -> bool {
    let parts: Vec<&str> = literals(template).collect();
    let Some((first, rest)) = parts.split_first() else { return false };
    let Some((last, middle)) = rest.split_last() else { return false };
    let Some(mut name) = name.strip_prefix(first).and_then(|name| name.strip_suffix(last)) else {
        return false;
    };
    for part in middle {
        let Some((_, after)) = name.split_once(part) else { return false };
        name = after;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::can_become;

    #[test]
    fn knows_which_names_a_template_can_make() {
        for (template, name) in [
            ("dev:{{SessionName}}", "dev:admin"),
            ("{{SessionName}}", "alice"),
            ("{{AccountID}}:{{SessionName}}@x", "1:2@x"),
        ] {
            assert!(can_become(template, name), "{template} {name}");
        }
        for (template, name) in [
            ("dev:{{SessionName}}", "ops:admin"),
            ("a{{SessionName}}a", "a"),
            ("{{AccountID}}:{{SessionName}}", "alice"),
        ] {
            assert!(!can_become(template, name), "{template} {name}");
        }
    }
}
