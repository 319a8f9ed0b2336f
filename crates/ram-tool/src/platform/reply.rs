//! What a person says.

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
