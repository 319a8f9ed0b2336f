//! How values of flags are read, in every program alike, and how a wrong one is told.

use std::ffi::OsString;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use tracing::Level;

/// As Go's flag package reads it, so that what stands in manifests goes on working.
///
/// # Errors
/// What to write instead.
pub fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("write true or false".to_owned()),
    }
}

/// A time as in `500ms`, `5s` or `1m30s`; `None` for anything else, negative ones included. What is allowed, and what to
/// write instead, is each flag's to say.
pub fn time(text: &str) -> Option<Duration> {
    text.parse::<jiff::SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok())
}

/// A time to wait at most: above 0 and up to an hour.
///
/// # Errors
/// What to write instead.
pub fn time_limit(text: &str) -> Result<Duration, String> {
    match time(text) {
        Some(duration) if !duration.is_zero() && duration <= Duration::from_secs(3600) => Ok(duration),
        _ => Err("write a time above 0 and up to 1h, as in 500ms, 5s or 1m30s".to_owned()),
    }
}

/// How long something lives that is made anew before its end.
///
/// # Errors
/// What to write instead.
pub fn lifetime(text: &str) -> Result<Duration, String> {
    // A hundred years; and what would be renewed more often than it is looked after is a typing error.
    let allowed = Duration::from_secs(10)..=Duration::from_secs(100 * 366 * 24 * 3600);
    time(text)
        .filter(|given| allowed.contains(given))
        .ok_or_else(|| "write a time from 10s to 878400h, as in 8760h for a year".to_owned())
}

/// `error`, `warn`, `info`, `debug` or `trace`.
///
/// # Errors
/// What to write instead.
pub fn log_level(text: &str) -> Result<Level, String> {
    let level = match text {
        "error" => Level::ERROR,
        "warn" => Level::WARN,
        "info" => Level::INFO,
        "debug" => Level::DEBUG,
        "trace" => Level::TRACE,
        _ => return Err("write error, warn, info, debug or trace".to_owned()),
    };
    Ok(level)
}

/// clap's message as one line: its first paragraph, what may have been meant, and where help is. `root` is the whole
/// program, `arguments` the whole command line.
pub fn one_line(error: &clap::Error, root: &clap::Command, arguments: &[OsString]) -> String {
    let program = root.get_name();
    let command = named_command(root, arguments);
    let name = command.get_name();
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let kinds: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        return format!("{name} alone is not enough: write one of {}; see {name} --help", kinds.join(", "));
    }
    let line = what_is_wrong(error);
    let meant = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue]
        .into_iter()
        .find_map(|kind| match error.get(kind)? {
            ContextValue::String(name) => Some(name.clone()),
            ContextValue::Strings(names) => names.first().cloned(),
            _ => None,
        });
    let meant = meant.map_or_else(String::new, |name| format!("; did you mean {name}?"));
    if name == program {
        format!("{line}{meant}; see {program} --help")
    } else {
        format!("{line}{meant}; see {program} {name} --help")
    }
}

/// The first paragraph of clap's message, on one line, without the word `error`.
pub fn what_is_wrong(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let paragraph: Vec<&str> =
        text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
    let line = paragraph.join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

/// The command that the line names, by its first word that is one.
fn named_command<'a>(root: &'a clap::Command, arguments: &[OsString]) -> &'a clap::Command {
    arguments.iter().skip(1).find_map(|word| root.find_subcommand(word)).unwrap_or(root)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_neither_a_typing_error_nor_forever() {
        assert_eq!(lifetime("8760h").unwrap(), Duration::from_secs(365 * 24 * 3600));
        assert_eq!(lifetime("10s").unwrap(), Duration::from_secs(10));
        for wrong in ["", "9s", "-1h", "1", "1000000h", "forever"] {
            assert!(lifetime(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_limit_is_above_nothing_and_below_an_hour() {
        assert_eq!(time_limit("1m30s").unwrap(), Duration::from_secs(90));
        for wrong in ["0s", "-1s", "61m", "5", ""] {
            assert!(time_limit(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_flag_is_one_line_that_says_what_may_have_been_meant() {
        let root = clap::Command::new("program")
            .subcommand(clap::Command::new("server").arg(clap::Arg::new("port").long("port").num_args(1)));
        for (words, expected) in [
            ("program server --prot 1", "did you mean --port?; see program server --help"),
            ("program serve", "did you mean server?; see program --help"),
        ] {
            let words: Vec<OsString> = words.split(' ').map(Into::into).collect();
            let error = root.clone().try_get_matches_from(&words).unwrap_err();
            let line = one_line(&error, &root, &words);
            assert!(line.ends_with(expected) && !line.contains('\n'), "{line}");
        }
    }
}
