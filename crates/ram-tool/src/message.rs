//! What goes to stderr.

use std::io::Write as _;

use jiff::Timestamp;
use signature::format_timestamp;

use crate::progress::clear_progress;
use crate::visible::visible;

/// Writes lines that a person decides by: as they are, at every level. What of them comes from elsewhere has to be made
/// visible before.
pub(crate) fn write_block(text: &str) {
    let mut stderr = std::io::stderr().lock();
    clear_progress(&mut stderr);
    let _ = stderr.write_all(text.as_bytes());
}

/// Writes one line: the time, the level, and a text that cannot steer a terminal.
pub(crate) fn write_line(now: Timestamp, level: &str, text: &str) {
    let line = format!("{} {level} {}\n", format_timestamp(now), single_line(text));
    let mut stderr = std::io::stderr().lock();
    clear_progress(&mut stderr);
    // There is nobody left to tell that stderr is closed.
    let _ = stderr.write_all(line.as_bytes());
}

/// A text on one line that cannot steer a terminal.
pub(crate) fn single_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    visible(&spaced)
}
