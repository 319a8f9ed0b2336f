//! Talking to the person at the terminal: questions, and progress. stdout and stdin take no part in it.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::settings::Settings;
use crate::world::World;

/// What takes less time than this needs no progress.
const DELAY: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(200);
const FRAMES: [&str; 4] = ["|", "/", "-", "\\"];
const CLEAR_LINE: &[u8] = b"\r\x1b[K";

/// What came from the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// A line, without its end.
    Line(String),
    /// Ctrl-C, Ctrl-D or the end of the input.
    Cancelled,
    /// This process has no terminal.
    NoTerminal,
}

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

/// Shows that something is going on, after a second and where stderr is a terminal, until the value is dropped.
pub(crate) fn progress(text: &str, world: &World<'_>) -> Progress {
    if !world.stderr_is_terminal {
        return Progress { drawing: None };
    }
    let text = visible(text);
    let (stop, stopped) = mpsc::channel::<()>();
    let drawing = std::thread::Builder::new().spawn(move || draw(&text, &stopped));
    Progress { drawing: drawing.ok().map(|thread| (stop, thread)) }
}

/// Progress that is shown. Dropping it takes it away.
pub(crate) struct Progress {
    drawing: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.drawing.take() {
            drop(stop);
            let _ = thread.join();
        }
    }
}

/// Whether the line that the cursor is in holds progress.
static DRAWN: AtomicBool = AtomicBool::new(false);
/// Whether a program talks to the person: progress would overwrite its questions.
static PAUSED: AtomicBool = AtomicBool::new(false);

/// Runs what may talk to the person itself. Progress is taken away, and not drawn until it is done.
pub(crate) fn without_progress<T>(run: impl FnOnce() -> T) -> T {
    {
        // Under this lock nothing is being drawn.
        let mut stderr = std::io::stderr().lock();
        PAUSED.store(true, Ordering::Relaxed);
        clear_progress(&mut stderr);
    }
    let result = run();
    PAUSED.store(false, Ordering::Relaxed);
    result
}

fn draw(text: &str, stopped: &mpsc::Receiver<()>) {
    let waits = std::iter::once(DELAY).chain(std::iter::repeat(STEP));
    for (wait, frame) in waits.zip(FRAMES.iter().cycle()) {
        if stopped.recv_timeout(wait) != Err(mpsc::RecvTimeoutError::Timeout) {
            break;
        }
        draw_frame(frame, text, &mut std::io::stderr().lock());
    }
    clear_progress(&mut std::io::stderr().lock());
}

fn draw_frame(frame: &str, text: &str, stderr: &mut impl Write) {
    if PAUSED.load(Ordering::Relaxed) {
        return;
    }
    let _ = stderr.write_all(CLEAR_LINE);
    let _ = write!(stderr, "{frame} {text}");
    let _ = stderr.flush();
    DRAWN.store(true, Ordering::Relaxed);
}

/// Takes progress off the line that a message is about to be written to.
pub(crate) fn clear_progress(stderr: &mut impl Write) {
    if DRAWN.swap(false, Ordering::Relaxed) {
        let _ = stderr.write_all(CLEAR_LINE);
        let _ = stderr.flush();
    }
}

/// A text that cannot steer a terminal: control characters, and those that turn the direction of writing, as `?`.
pub(crate) fn visible(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if steers(c) { '?' } else { c }).collect()
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

    #[test]
    fn nothing_is_drawn_over_the_questions_of_a_program() {
        let drawn = || {
            let mut stderr = Vec::new();
            draw_frame("|", "working", &mut stderr);
            stderr
        };
        assert_eq!(without_progress(drawn), b"");
        assert!(drawn().ends_with(b"| working"));
        clear_progress(&mut Vec::new());
    }

    #[test]
    fn progress_starts_no_thread_where_nobody_sees_it() {
        let world = World { stderr_is_terminal: false, ..World::of_this_process("ack-ram-tool") };
        assert!(progress("waiting", &world).drawing.is_none());
    }
}
