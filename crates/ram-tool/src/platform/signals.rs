//! Being told to end.

use std::io;
use std::sync::{Mutex, Once, PoisonError};

/// As shells tell a program that Ctrl-C has ended.
const INTERRUPTED: i32 = 130;

type Run = Box<dyn FnOnce() + Send>;

static AT_INTERRUPT: Mutex<Option<Run>> = Mutex::new(None);

/// Ctrl-C runs this and ends the process, from now on; what an earlier call gave is forgotten.
pub(crate) fn at_interrupt(run: impl FnOnce() + Send + 'static) {
    static LISTENING: Once = Once::new();
    *AT_INTERRUPT.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(run));
    // Without a thread Ctrl-C ends the process as it always does.
    LISTENING.call_once(|| drop(std::thread::Builder::new().spawn(listen)));
}

fn listen() {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
        let run = AT_INTERRUPT.lock().unwrap_or_else(PoisonError::into_inner).take();
        run.into_iter().for_each(|run| run());
        std::process::exit(INTERRUPTED);
    }
}

/// Done when a person presses Ctrl-C or the system ends this process politely. From the call on, such a signal ends
/// nothing by itself.
#[cfg(unix)]
pub(crate) fn ended() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
pub(crate) fn ended() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
