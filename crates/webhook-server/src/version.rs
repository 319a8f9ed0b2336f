//! The command `version`.

use clap::Args;

/// What a program calls itself.
#[derive(Clone, Copy, Debug)]
pub struct Build {
    /// Its version.
    pub version: &'static str,
    /// The commit it was built from, where the build says so.
    pub commit: Option<&'static str>,
    /// The date of the build, where the build says so.
    pub date: Option<&'static str>,
}

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

impl Build {
    /// What to print on stdout.
    ///
    /// # Errors
    /// An unknown format: a line for stderr.
    pub fn text(&self, arguments: &VersionArguments) -> Result<String, String> {
        if arguments.short {
            return Ok(self.version.to_owned());
        }
        let known = [("Version", Some(self.version)), ("Commit", self.commit), ("Date", self.date)];
        let known = known
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)));
        match arguments.output.as_str() {
            "json" => {
                let object: serde_json::Map<_, _> =
                    known.map(|(name, value)| (name.to_owned(), value.into())).collect();
                Ok(serde_json::Value::Object(object).to_string())
            }
            "yaml" => {
                Ok(known.map(|(name, value)| format!("{name}: {value:?}")).collect::<Vec<_>>().join("\n"))
            }
            other => Err(format!("unknown output format {other:?}: write json or yaml")),
        }
    }
}
