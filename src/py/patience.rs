//! Long work off the interpreter lock, while this thread listens for Ctrl-C.
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use parking_lot::Mutex;
use pyo3::prelude::*;

/// How often to listen.
const PATIENCE: Duration = Duration::from_millis(20);

/// Works in a thread of its own. When Ctrl-C comes, `work` is told by its argument and waited for, and what it found by
/// then is dropped.
pub fn listening<T: Send>(py: Python<'_>, work: impl FnOnce(&AtomicBool) -> T + Send) -> PyResult<T> {
    let cancelled = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (sender, receiver) = channel();
        // A thread that lets the lock go may share nothing that only one thread can use.
        let receiver = Mutex::new(receiver);
        let cancelled = &cancelled;
        let worker = scope.spawn(move || {
            // Nobody listens any more only after a panic on the other side.
            let _ = sender.send(work(cancelled));
        });
        loop {
            match py.detach(|| receiver.lock().recv_timeout(PATIENCE)) {
                Ok(found) => return Ok(found),
                Err(RecvTimeoutError::Timeout) => {
                    if let Err(interrupt) = py.check_signals() {
                        cancelled.store(true, Ordering::Relaxed);
                        return py
                            .detach(|| worker.join())
                            .map_or_else(|it| std::panic::resume_unwind(it), |()| Err(interrupt));
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let panic = py.detach(|| worker.join()).expect_err("it went away without an answer");
                    std::panic::resume_unwind(panic);
                }
            }
        }
    })
}
