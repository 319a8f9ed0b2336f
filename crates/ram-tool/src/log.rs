//! Messages on stderr: `<RFC 3339> LEVEL text`, one line each.

use std::fmt;

use jiff::Timestamp;
use signature::format_timestamp;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;

use crate::message::{single_line, write_block, write_line};
use crate::world::World;

/// How important a message must be to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    /// By name, in any case.
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        match name.to_ascii_lowercase().as_str() {
            "debug" => Ok(Self::Debug),
            "" | "info" => Ok(Self::Info),
            "warn" | "warning" => Ok(Self::Warn),
            "error" => Ok(Self::Error),
            _ => Err("write debug, info, warn or error".to_owned()),
        }
    }
}

/// Where messages go.
pub(crate) struct Log<'a> {
    level: Level,
    world: &'a World<'a>,
}

impl<'a> Log<'a> {
    /// At `debug`, what the library for Alibaba Cloud's API tells is shown too.
    pub(crate) fn start(level: Level, world: &'a World<'a>) -> Self {
        if level == Level::Debug {
            let targets =
                tracing_subscriber::filter::Targets::new().with_target("openapi", tracing::Level::DEBUG);
            let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).event_format(OneLine);
            let subscriber = tracing_subscriber::registry().with(layer).with(targets);
            // It is the only one; a test that runs the program twice in one process keeps the first.
            let _ = tracing::subscriber::set_global_default(subscriber);
        }
        Self { level, world }
    }

    pub(crate) fn debug(&self, text: impl FnOnce() -> String) {
        if self.level == Level::Debug {
            write_line((self.world.now)(), "DEBUG", &text());
        }
    }

    /// Something went otherwise than it should, and the command goes on.
    pub(crate) fn warn(&self, text: &str) {
        if self.level <= Level::Warn {
            write_line((self.world.now)(), "WARN", text);
        }
    }

    /// Something of the person's is lost, and the command goes on: shown at every level.
    pub(crate) fn alert(&self, text: &str) {
        write_line((self.world.now)(), "ERROR", text);
    }

    /// Lines that a person may copy: as they are, without time and level.
    pub(crate) fn block(&self, text: &str) {
        if self.level <= Level::Info {
            write_block(text);
        }
    }

    /// What a person wants to know beside the result.
    pub(crate) fn info(&self, text: &str) {
        if self.level <= Level::Info {
            write_line((self.world.now)(), "INFO", text);
        }
    }
}

/// Writes the message of the error that ends the program.
pub(crate) fn write_error(text: &str, world: &World<'_>) {
    write_line((world.now)(), "ERROR", text);
}

/// The format of events of the tracing library.
struct OneLine;

impl<S, N> FormatEvent<S, N> for OneLine
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    #[allow(clippy::disallowed_methods)] // a log line's time is the system's
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &tracing::Event<'_>,
    ) -> fmt::Result {
        let mut fields = String::new();
        context.field_format().format_fields(Writer::new(&mut fields), event)?;
        let time = format_timestamp(Timestamp::now());
        writeln!(writer, "{time} {} {}", event.metadata().level(), single_line(&fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_and_cannot_steer_a_terminal() {
        assert_eq!(single_line("a\nb\r\u{1b}[2J\u{85}c"), "a b  [2J c");
    }
}
