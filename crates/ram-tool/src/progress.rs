//! Progress: one line on stderr while something takes long.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::visible::visible;

/// What takes less time than this needs no progress.
const DELAY: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(200);
const FRAMES: [&str; 4] = ["|", "/", "-", "\\"];
const CLEAR_LINE: &[u8] = b"\r\x1b[K";

/// Shows that something is going on, after a second and where stderr is a terminal, until the value is dropped.
pub(crate) fn progress(text: &str, stderr_is_terminal: bool) -> Progress {
    Progress::start(text, false, stderr_is_terminal)
}

/// The same for what takes minutes: the seconds are counted, and the text changes.
pub(crate) fn long_progress(text: &str, stderr_is_terminal: bool) -> Progress {
    Progress::start(text, true, stderr_is_terminal)
}

/// Progress that is shown. Dropping it takes it away.
pub(crate) struct Progress {
    text: Arc<Mutex<String>>,
    drawing: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    fn start(text: &str, counts: bool, stderr_is_terminal: bool) -> Self {
        let text = Arc::new(Mutex::new(visible(text)));
        if !stderr_is_terminal {
            return Self { text, drawing: None };
        }
        let (stop, stopped) = mpsc::channel::<()>();
        let shown = Arc::clone(&text);
        let drawing = std::thread::Builder::new().spawn(move || draw(&shown, counts, &stopped));
        Self { text, drawing: drawing.ok().map(|thread| (stop, thread)) }
    }

    /// Shows another text from now on.
    pub(crate) fn say(&self, text: &str) {
        *self.text.lock().unwrap_or_else(PoisonError::into_inner) = visible(text);
    }
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

fn draw(text: &Mutex<String>, counts: bool, stopped: &mpsc::Receiver<()>) {
    let started = Instant::now();
    let waits = std::iter::once(DELAY).chain(std::iter::repeat(STEP));
    for (wait, frame) in waits.zip(FRAMES.iter().cycle()) {
        if stopped.recv_timeout(wait) != Err(mpsc::RecvTimeoutError::Timeout) {
            break;
        }
        let text = text.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let text = if counts { with_time(&text, started.elapsed()) } else { text };
        draw_frame(frame, &text, &mut std::io::stderr().lock());
    }
    clear_progress(&mut std::io::stderr().lock());
}

/// `enabling RRSA: its task is running, 75 s`.
fn with_time(text: &str, elapsed: Duration) -> String {
    format!("{text}, {} s", elapsed.as_secs())
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
        let long = long_progress("waiting", false);
        assert!(long.drawing.is_none());
    }

    #[test]
    fn what_takes_minutes_tells_how_long_and_what_it_waits_for() {
        let long = long_progress("waiting", false);
        long.say("still \u{1b}[2J waiting");
        assert_eq!(*long.text.lock().unwrap(), "still ?[2J waiting");
        assert_eq!(with_time("waiting", Duration::from_millis(75_900)), "waiting, 75 s");
    }
}
