//! Log lines on their way to stderr: gathered for a moment and written together by a thread of their own.
//!
//! A line of its own for each review costs a system call and wakes whoever reads the pipe, and all threads that answer wait for
//! one another to write. What is gathered is bounded: where nobody reads, those who log wait, and no line is dropped. Lines
//! of the last moment are lost where the process is killed (SIGKILL, out of memory), and only then: [`LogWriter::flush`] is
//! called at the program's end.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// How long lines are gathered.
const GATHER: Duration = Duration::from_millis(1);
/// What may lie gathered, in bytes; a line that is larger goes alone.
const MOST: usize = 1024 * 1024;

/// Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct LogWriter {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Something was gathered.
    filled: Condvar,
    /// What was gathered has been written.
    written: Condvar,
}

#[derive(Debug, Default)]
struct State {
    gathered: Vec<u8>,
    /// The thread is writing what it took.
    is_writing: bool,
    /// Somebody waits for it: nothing is gathered any longer.
    is_urgent: bool,
}

impl LogWriter {
    /// A writer to `out`, with its thread.
    ///
    /// # Errors
    /// No thread can be started.
    pub(crate) fn to(mut out: impl Write + Send + 'static) -> io::Result<LogWriter> {
        let shared = Arc::<Shared>::default();
        let of_thread = Arc::clone(&shared);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || of_thread.write_all_to(&mut out))?;
        Ok(LogWriter { shared })
    }

    /// Returns when all lines that are there now have been written, or cannot be.
    pub(crate) fn flush(&self) {
        let mut state = self.shared.lock();
        while !state.gathered.is_empty() || state.is_writing {
            state.is_urgent = true;
            self.shared.filled.notify_one();
            state = wait(&self.shared.written, state);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is one assignment or append: a panic cannot leave half of one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gather(&self, line: &[u8]) {
        let mut state = self.lock();
        while !state.gathered.is_empty() && state.gathered.len().saturating_add(line.len()) > MOST {
            state.is_urgent = true;
            self.filled.notify_one();
            state = wait(&self.written, state);
        }
        let is_first = state.gathered.is_empty();
        state.gathered.extend_from_slice(line);
        drop(state);
        if is_first {
            self.filled.notify_one();
        }
    }

    fn write_all_to(&self, out: &mut impl Write) {
        let mut taken = Vec::new();
        loop {
            let mut state = self.lock();
            while state.gathered.is_empty() {
                state = wait(&self.filled, state);
            }
            if !state.is_urgent {
                // Whoever is in a hurry says so, and ends this.
                let gathering = self.filled.wait_timeout_while(state, GATHER, |state| !state.is_urgent);
                state = gathering.unwrap_or_else(PoisonError::into_inner).0;
            }
            std::mem::swap(&mut taken, &mut state.gathered);
            state.is_writing = true;
            state.is_urgent = false;
            drop(state);
            // Nobody is left to tell that stderr is closed.
            let _ = out.write_all(&taken).and_then(|()| out.flush());
            taken.clear();
            self.lock().is_writing = false;
            self.written.notify_all();
        }
    }
}

fn wait<'a>(signal: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    signal.wait(state).unwrap_or_else(PoisonError::into_inner)
}

/// Where one event's line goes. The library writes each event whole, in one call.
#[derive(Debug)]
pub(crate) struct Line<'a>(&'a Shared);

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.gather(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.shared)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::mpsc;
    use std::time::Instant;

    use super::*;

    /// Keeps each write, and waits for a word before each where it is told to.
    struct Out {
        writes: Arc<Mutex<Vec<Vec<u8>>>>,
        may_write: Option<mpsc::Receiver<()>>,
    }

    impl Write for Out {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if let Some(may_write) = &self.may_write {
                let _ = may_write.recv();
            }
            self.writes.lock().unwrap().push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    type Writes = Arc<Mutex<Vec<Vec<u8>>>>;

    fn writer(may_write: Option<mpsc::Receiver<()>>) -> (LogWriter, Writes) {
        let writes = Writes::default();
        let out = Out { writes: Arc::clone(&writes), may_write };
        (LogWriter::to(out).unwrap(), writes)
    }

    fn log(writer: &LogWriter, line: &str) {
        writer.make_writer().write_all(line.as_bytes()).unwrap();
    }

    fn all(writes: &Writes) -> String {
        String::from_utf8(writes.lock().unwrap().concat()).unwrap()
    }

    #[test]
    fn lines_come_in_order_and_whole_from_many_threads() {
        let (writer, writes) = writer(None);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let writer = &writer;
                scope.spawn(move || (0..500).for_each(|line| log(writer, &format!("{thread} {line}\n"))));
            }
        });
        writer.flush();
        let text = all(&writes);
        for thread in 0..8 {
            let of_thread: Vec<&str> =
                text.lines().filter(|line| line.starts_with(&format!("{thread} "))).collect();
            let expected: Vec<String> = (0..500).map(|line| format!("{thread} {line}")).collect();
            assert_eq!(of_thread, expected);
        }
        assert_eq!(text.lines().count(), 4000);
    }

    #[test]
    fn lines_of_one_moment_are_written_together_and_a_lone_one_soon() {
        let (writer, writes) = writer(None);
        (0..100).for_each(|line| log(&writer, &format!("{line}\n")));
        writer.flush();
        assert!(writes.lock().unwrap().len() < 50, "{}", writes.lock().unwrap().len());
        log(&writer, "alone\n");
        let start = Instant::now();
        // Nobody flushes: it comes by itself.
        while !all(&writes).ends_with("alone\n") {
            assert!(start.elapsed() < Duration::from_secs(60), "it never came");
            std::thread::yield_now();
        }
    }

    #[test]
    fn where_nobody_reads_those_who_log_wait_and_nothing_is_lost() {
        let (go, may_write) = mpsc::channel();
        let (writer, writes) = writer(Some(may_write));
        let line = format!("{}\n", "x".repeat(1023));
        let (done, is_done) = mpsc::channel();
        let lines = 4 * MOST / line.len();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                (0..lines).for_each(|_| log(&writer, &line));
                done.send(()).unwrap();
            });
            // Nothing has been written, and two buffers full at most have been taken.
            assert!(is_done.recv_timeout(Duration::from_millis(200)).is_err());
            assert!(writer.shared.lock().gathered.len() <= MOST);
            drop(go);
        });
        writer.flush();
        assert_eq!(all(&writes).len(), lines * line.len());
    }

    #[test]
    fn a_line_larger_than_all_goes_alone() {
        let (writer, writes) = writer(None);
        log(&writer, "small\n");
        log(&writer, &"x".repeat(MOST + 1));
        writer.flush();
        assert_eq!(all(&writes).len(), MOST + 7);
    }
}
