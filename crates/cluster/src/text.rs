//! Foreign texts on one line of a message.

/// Control characters become blanks.
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// An error and what caused it, each said once: kube's errors name their cause in the next error down only.
pub fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    // A parser shows an excerpt over several lines: its indentation means nothing on one.
    one_line(&text).split_whitespace().collect::<Vec<_>>().join(" ")
}
