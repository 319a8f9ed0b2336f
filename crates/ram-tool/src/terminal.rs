//! Questions to the person at the terminal. stdout and stdin take no part in it.

use crate::platform::Reply;
use crate::settings::Settings;
use crate::visible::visible;
use crate::world::World;

/// What was said to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Yes, at the terminal or by `--assume-yes`.
    Yes,
    /// Everything else that a person said, Ctrl-C included.
    No,
    /// Nobody can be asked: `--assume-yes` is the way.
    NoTerminal,
}

/// The person who started the program.
pub(crate) struct Terminal<'a> {
    assume_yes: bool,
    world: &'a World<'a>,
}

impl<'a> Terminal<'a> {
    pub(crate) fn new(settings: &Settings, world: &'a World<'a>) -> Self {
        Self { assume_yes: settings.assume_yes, world }
    }

    /// Asks a question that yes or no answers; only `y` and `yes` (in any case) are a yes.
    pub(crate) fn confirm(&self, question: &str) -> Answer {
        if self.assume_yes {
            return Answer::Yes;
        }
        match (self.world.ask)(&format!("? {} (y/N) ", visible(question))) {
            Reply::Line(line) if matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes") => {
                Answer::Yes
            }
            Reply::Line(_) | Reply::Cancelled => Answer::No,
            Reply::NoTerminal => Answer::NoTerminal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        let answer = |reply: Reply, assume_yes: bool| {
            let ask = |question: &str| {
                assert_eq!(question, "? Delete ?[2J it? (y/N) ");
                reply.clone()
            };
            let world = World { ask: &ask, ..World::of_this_process("ack-ram-tool") };
            Terminal { assume_yes, world: &world }.confirm("Delete \u{1b}[2J it?")
        };
        let line = |text: &str| Reply::Line(text.to_owned());
        for text in ["y", "Y", "yes", "YES", " y "] {
            assert_eq!(answer(line(text), false), Answer::Yes, "{text}");
        }
        for text in ["", "n", "no", "yo", "yes please", "да"] {
            assert_eq!(answer(line(text), false), Answer::No, "{text}");
        }
        assert_eq!(answer(Reply::Cancelled, false), Answer::No);
        assert_eq!(answer(Reply::NoTerminal, false), Answer::NoTerminal);
        assert_eq!(answer(Reply::NoTerminal, true), Answer::Yes);
    }
}
