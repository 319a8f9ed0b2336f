//! Progress: one line on stderr while something takes long.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::visible::visible;

/// What takes less time than this needs no progress.
const DELAY: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(200);
const FRAMES: [&str; 4] = ["|", "/", "-", "\\"];
const CLEAR_LINE: &[u8] = b"\r\x1b[K";

/// Shows that something is going on, after a second and where stderr is a terminal, until the value is dropped.
pub(crate) fn progress(text: &str, stderr_is_terminal: bool) -> Progress {
    if !stderr_is_terminal {
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

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(progress("waiting", false).drawing.is_none());
    }
}
