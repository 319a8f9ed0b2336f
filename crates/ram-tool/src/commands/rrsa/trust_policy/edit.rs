//! The edit of a trust policy's text: it only ever puts something in, so that every byte that was there stays.

use serde_json::Value;
use strict::spans::{elements, members, whole};

use super::Subject;
use super::layout::{indentation_at, laid_out, unit_of};
use super::reading::{PolicyProblem, parse};
use super::statement::statement;
use crate::commands::rrsa::identity_provider::IdentityProvider;

/// What has to be done to a trust policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Plan {
    /// Nothing: this statement, counted from 1, is ours.
    Nothing(usize),
    /// It becomes this text.
    Change(String),
}

/// Lets these service accounts have the role whose trust policy this is.
///
/// # Errors
/// [`PolicyProblem`]: nothing can be added to this text.
pub(in super::super) fn plan(
    text: &str,
    provider: &IdentityProvider,
    subject: &Subject,
) -> Result<Plan, PolicyProblem> {
    let ours = statement(provider, subject);
    let (_, statements) = parse(text)?;
    if let Some((place, _)) = (1..).zip(&statements).find(|(_, there)| **there == ours) {
        return Ok(Plan::Nothing(place));
    }
    let new =
        insert(text, &insertions(text, &ours).ok_or(PolicyProblem::Edit)?).ok_or(PolicyProblem::Edit)?;
    match is_old_and_ours(text, &new, &ours) {
        true => Ok(Plan::Change(new)),
        false => Err(PolicyProblem::Edit),
    }
}

/// What is put in, and where, in the order of the places.
type Insertions = Vec<(usize, String)>;

/// The statement at the end of `Statement`, in the layout of the text. The text has been parsed.
fn insertions(text: &str, ours: &Value) -> Option<Insertions> {
    let top = members(text, whole(text)?)?;
    let span = top.into_iter().find(|member| member.key == "Statement")?.value_span;
    let compact = ours.to_string();
    let styled = |neighbour: usize| match text.trim().contains('\n') {
        false => compact.clone(),
        true => laid_out(&compact, unit_of(text), indentation_at(text, neighbour)),
    };
    let Some(list) = elements(text, span.clone()) else {
        // One statement without a list around it.
        let blank = if text.trim().contains('\n') {
            format!("\n{}", indentation_at(text, span.start))
        } else {
            String::new()
        };
        return Some(vec![
            (span.start, "[".to_owned()),
            (span.end, format!(",{blank}{}]", styled(span.start))),
        ]);
    };
    Some(match list.last() {
        None => vec![(span.start.checked_add(1)?, styled(span.start))],
        Some(last) => {
            let before = text.get(..last.start)?;
            let blanks = before.get(before.trim_end_matches([' ', '\t', '\r', '\n']).len()..)?;
            vec![(last.end, format!(",{blanks}{}", styled(last.start)))]
        }
    })
}

fn insert(text: &str, insertions: &Insertions) -> Option<String> {
    let (mut new, mut done) = (String::new(), 0);
    for (place, insertion) in insertions {
        new.push_str(text.get(done..*place)?);
        new.push_str(insertion);
        done = *place;
    }
    new.push_str(text.get(done..)?);
    Some(new)
}

/// Whether the new text says what the old one does and our statement, and nothing else: read anew, by another reader than
/// the one that found the places.
fn is_old_and_ours(old: &str, new: &str, ours: &Value) -> bool {
    let (Ok((mut old, mut wanted)), Ok((mut new, statements))) = (parse(old), parse(new)) else {
        return false;
    };
    wanted.push(ours.clone());
    let is_list = new.get("Statement").is_some_and(Value::is_array);
    old.remove("Statement");
    new.remove("Statement");
    is_list && statements == wanted && old == new
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn provider() -> IdentityProvider {
        IdentityProvider {
            name: "ack-rrsa-c1".to_owned(),
            arn: "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1".to_owned(),
            issuer: "https://issuer.example/c1".to_owned(),
            audience: "sts.aliyuncs.com".to_owned(),
        }
    }

    fn subject() -> Subject {
        Subject::new("ns", "sa").unwrap()
    }

    fn ours() -> Value {
        statement(&provider(), &subject())
    }

    fn changed(text: &str) -> String {
        match plan(text, &provider(), &subject()).unwrap() {
            Plan::Change(new) => new,
            Plan::Nothing(place) => panic!("statement {place} was taken for ours"),
        }
    }

    #[test]
    fn it_stands_at_the_end_and_every_other_byte_stays() {
        for (before, after) in [
            (
                r#"{"Version":"1","Statement":["#,
                r#"],"z":12345678901234567890123,"a":1.50,"Z":{"b":1,"a":"\u0041\/"}}"#,
            ),
            (r#"{ "Statement" : [ "#, " ] }\n"),
            (
                r#"{"Statement":[{"Effect":"Deny","Principal":{"RAM":["x"]},"Action":["*"]},"#,
                r#"],"Version":"1"}"#,
            ),
        ] {
            let one = r#"{"Effect":"Allow","n":9007199254740993,"Action":"sts:AssumeRole","Principal":{"Service":["ecs.aliyuncs.com"]}}"#;
            let text = format!("{before}{one}{after}");
            let new = changed(&text);
            let blanks = if before.ends_with(' ') { " " } else { "" };
            assert_eq!(new, format!("{before}{one},{blanks}{}{after}", ours()));
        }
    }

    #[test]
    fn it_has_the_layout_of_its_neighbours() {
        let text = "{\n\t\"Statement\": [\n\t\t{\n\t\t\t\"Effect\": \"Allow\"\n\t\t}\n\t],\n\t\"Version\": \"1\"\n}\n";
        let new = changed(text);
        let lines: Vec<&str> = new.lines().collect();
        assert_eq!(
            lines[4..8],
            ["\t\t},", "\t\t{", "\t\t\t\"Action\": \"sts:AssumeRole\",", "\t\t\t\"Condition\": {"]
        );
        assert!(new.ends_with("\n\t\t}\n\t],\n\t\"Version\": \"1\"\n}\n"), "{new}");
        assert_eq!(new.lines().count(), text.lines().count() + 16);
    }

    #[test]
    fn a_statement_without_a_list_gets_one_around_its_very_text() {
        let one = r#"{"Effect" : "Allow","x":[1e400000,0.10]}"#;
        // A number that no reader here can hold is an error; as a text it is not.
        assert!(plan(&format!(r#"{{"Statement":{one}}}"#), &provider(), &subject()).is_err());
        let one = r#"{"Effect" : "Allow","x":[1e40,0.10]}"#;
        let new = changed(&format!(r#"{{"Statement": {one} ,"Version":"1"}}"#));
        assert_eq!(new, format!(r#"{{"Statement": [{one},{}] ,"Version":"1"}}"#, ours()));
        let new = changed("{\n  \"Statement\": {\n    \"Effect\": \"Allow\"\n  }\n}");
        assert!(
            new.starts_with("{\n  \"Statement\": [{\n    \"Effect\": \"Allow\"\n  },\n  {\n    \"Action\""),
            "{new}"
        );
        assert!(new.ends_with("\n  }]\n}"), "{new}");
    }

    #[test]
    fn an_empty_list_is_filled() {
        assert_eq!(
            changed(r#"{"Statement":[],"Version":"1"}"#),
            format!(r#"{{"Statement":[{}],"Version":"1"}}"#, ours())
        );
        assert_eq!(changed(r#"{"Statement":[ ]}"#), format!(r#"{{"Statement":[{} ]}}"#, ours()));
    }

    #[test]
    fn a_statement_inside_another_object_is_not_the_statement() {
        let text = r#"{"x":{"Statement":[1]},"S":"\"Statement\":[","Statement":[],"y":[{"Statement":2}]}"#;
        assert_eq!(
            changed(text),
            text.replace(r#""Statement":[],"#, &format!(r#""Statement":[{}],"#, ours()))
        );
        let escaped = r#"{"\u0053tatement":[]}"#;
        assert_eq!(changed(escaped), format!(r#"{{"\u0053tatement":[{}]}}"#, ours()));
    }

    #[test]
    fn ours_in_any_order_of_keys_is_there_already() {
        let reordered = r#"{"Principal":{"Federated":["acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1"]},"Effect":"\u0041llow",
            "Condition":{"StringEquals":{"oidc:sub":"system:serviceaccount:ns:sa","oidc:iss":"https://issuer.example/c1","oidc:aud":"sts.aliyuncs.com"}},
            "Action":"sts:AssumeRole"}"#;
        for text in [
            format!(r#"{{"Statement":[{{"Effect":"Deny"}},{reordered}]}}"#),
            format!(r#"{{"Statement":[{{}},{}]}}"#, ours()),
        ] {
            assert_eq!(plan(&text, &provider(), &subject()), Ok(Plan::Nothing(2)));
        }
        assert_eq!(
            plan(&format!(r#"{{"Statement":{reordered}}}"#), &provider(), &subject()),
            Ok(Plan::Nothing(1))
        );
        // Adding it twice is adding it once.
        let once = changed(r#"{"Statement":[]}"#);
        assert_eq!(plan(&once, &provider(), &subject()), Ok(Plan::Nothing(1)));
    }

    #[test]
    fn what_differs_in_anything_is_not_ours() {
        type Change = fn(&mut Value);
        let changes: [Change; 9] = [
            |s| s["Condition"]["StringEquals"]["oidc:iss"] = json!("https://issuer.example/c1/"),
            |s| s["Condition"]["StringEquals"]["oidc:sub"] = json!("system:serviceaccount:ns:Sa"),
            |s| s["Condition"]["StringEquals"]["oidc:aud"] = json!("sts"),
            |s| s["Condition"]["StringLike"] = json!({"oidc:sub": "x"}),
            |s| s["Condition"] = json!({}),
            |s| s["Effect"] = json!("Deny"),
            |s| s["Principal"]["Federated"] = json!(["acs:ram::1234567890123456:oidc-provider/ack-rrsa-c2"]),
            |s| s["Principal"]["RAM"] = json!(["acs:ram::1234567890123456:root"]),
            |s| s["Action"] = json!(["sts:AssumeRole"]),
        ];
        for change in changes {
            let mut other = ours();
            change(&mut other);
            let text = json!({"Statement": [other], "Version": "1"}).to_string();
            assert!(matches!(plan(&text, &provider(), &subject()), Ok(Plan::Change(_))), "{text}");
        }
    }

    #[test]
    fn a_wrong_edit_is_noticed() {
        let old = r#"{"Statement":[{"Effect":"Allow"}],"Version":"1"}"#;
        let good = changed(old);
        assert!(is_old_and_ours(old, &good, &ours()));
        for bad in [
            old.to_owned(),
            good.replace("\"Version\":\"1\"", "\"Version\":\"1\",\"x\":1"),
            good.replace(",\"Version\":\"1\"", ""),
            good.replacen("Allow", "Deny", 1),
            good.replace("ns:sa", "ns:*"),
            good.replacen("[{\"Effect\":\"Allow\"},", "[", 1),
            good.replacen("[{", "[{},{", 1),
            format!("{good}x"),
            format!(r#"{{"Statement":[{},{{"Effect":"Allow"}}],"Version":"1"}}"#, ours()),
        ] {
            assert!(!is_old_and_ours(old, &bad, &ours()), "{bad}");
        }
        // Ours alone, without a list around it.
        let bare = format!(r#"{{"Statement":{}}}"#, ours());
        assert!(!is_old_and_ours(r#"{"Statement":[]}"#, &bare, &ours()));
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
            Just(Value::from("Statement")),
            Just(Value::from("],[{}\"\\")),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[A-Za-z:\"\\\\]{0,8}|Statement|Effect", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_policy_keeps_all_it_said_and_gets_ours(
            statements in prop::collection::vec(prop::collection::btree_map("[A-Za-z]{1,8}", json_value(), 0..4), 0..4),
            others in prop::collection::btree_map("[A-Za-z]{1,8}", json_value(), 0..4),
            pretty: bool,
            single: bool,
        ) {
            let statements: Vec<Value> = statements.into_iter().map(|map| Value::Object(map.into_iter().collect())).collect();
            let mut document: serde_json::Map<String, Value> = others.into_iter().filter(|(key, _)| key != "Version").collect();
            let given = if single && statements.len() == 1 { statements[0].clone() } else { Value::from(statements.clone()) };
            document.insert("Statement".to_owned(), given);
            let text = match pretty {
                true => serde_json::to_string_pretty(&document).unwrap(),
                false => serde_json::to_string(&document).unwrap(),
            };
            let new = changed(&text);
            let read: Value = serde_json::from_str(&new).unwrap();
            // Read back from the text: some numbers are not what they were before they were written.
            let mut wanted: Value = serde_json::from_str(&text).unwrap();
            let mut list = match &wanted["Statement"] { Value::Array(list) => list.clone(), one => vec![one.clone()] };
            list.push(ours());
            wanted["Statement"] = Value::from(list);
            prop_assert_eq!(read, wanted);
            // What was there is there, in its order.
            let mut rest = new.bytes();
            prop_assert!(text.bytes().all(|byte| rest.any(|other| other == byte)));
            prop_assert!(matches!(plan(&new, &provider(), &subject()), Ok(Plan::Nothing(_))));
        }

        #[test]
        fn no_text_is_a_panic(text in "[\\[\\]{}\",:\\\\a-z0-9 \n]{0,60}") {
            let _ = plan(&text, &provider(), &subject());
            let _ = plan(&format!("{{\"Statement\":{text}}}"), &provider(), &subject());
        }
    }
}
