//! `version`.

use clap::Args;

use crate::version::{COMMIT, DATE, VERSION};

/// Flags of `version`.
#[derive(Args, Debug)]
pub struct VersionArguments {
    /// json or yaml
    #[arg(short = 'o', long, value_name = "FORMAT", default_value = "json")]
    pub output: String,
    /// The number alone
    #[arg(short = 's', long)]
    pub short: bool,
}

/// What to print on stdout, or, with an unknown format, the line for stderr.
///
/// # Errors
/// The line for stderr; the exit status is 0 nevertheless, as the public program's.
pub fn text(arguments: &VersionArguments) -> Result<String, String> {
    if arguments.short {
        return Ok(VERSION.to_owned());
    }
    let known = [("Version", Some(VERSION)), ("Commit", COMMIT), ("Date", DATE)];
    let known =
        known.into_iter().filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)));
    match arguments.output.as_str() {
        "json" => {
            let object: serde_json::Map<_, _> =
                known.map(|(name, value)| (name.to_owned(), value.into())).collect();
            Ok(serde_json::Value::Object(object).to_string())
        }
        "yaml" => Ok(known.map(|(name, value)| format!("{name}: {value:?}")).collect::<Vec<_>>().join("\n")),
        other => Err(format!("unknown output format {other:?}: write json or yaml")),
    }
}
