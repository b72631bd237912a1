//! Ctrl-C while nodes written in Python run: it waits for the end of the event, because a handler that was
//! left half way would leave its node in a state that no run can have. A second one does not wait.
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::intern;
use pyo3::prelude::*;

/// Takes the place of Python's own handler of SIGINT.
#[pyclass(frozen, module = "distlab._core")]
pub struct Interrupt {
    came: AtomicBool,
    previous: Py<PyAny>,
}

#[pymethods]
impl Interrupt {
    fn __call__(&self, py: Python<'_>, signal: i32, frame: &Bound<'_, PyAny>) -> PyResult<()> {
        let again = self.came.swap(true, Ordering::Relaxed);
        if again { self.previous.call1(py, (signal, frame)).map(drop) } else { Ok(()) }
    }
}

/// Makes Ctrl-C wait until [`Deferred::finish`].
pub struct Deferred(Option<Py<Interrupt>>);

impl Deferred {
    /// Does nothing where Ctrl-C would not be handled in this thread, or not by Python.
    pub fn begin(py: Python<'_>) -> PyResult<Self> {
        let signal = py.import(intern!(py, "signal"))?;
        let sigint = signal.getattr(intern!(py, "SIGINT"))?;
        let previous = signal.call_method1(intern!(py, "getsignal"), (&sigint,))?;
        if !previous.is_callable() {
            return Ok(Self(None));
        }
        let interrupt = Py::new(py, Interrupt { came: AtomicBool::new(false), previous: previous.unbind() })?;
        match signal.call_method1(intern!(py, "signal"), (sigint, &interrupt)) {
            Ok(_) => Ok(Self(Some(interrupt))),
            // Only the main thread may; and only the main thread is interrupted.
            Err(_) => Ok(Self(None)),
        }
    }

    /// Does not defer.
    pub fn not() -> Self {
        Self(None)
    }

    /// Whether Ctrl-C came.
    pub fn came(&self) -> bool {
        self.0.as_ref().is_some_and(|it| it.get().came.load(Ordering::Relaxed))
    }

    /// Puts things back, and lets Ctrl-C do now what it would have done.
    pub fn finish(self, py: Python<'_>) -> PyResult<()> {
        let came = self.came();
        let Some(interrupt) = self.0 else { return Ok(()) };
        let signal = py.import(intern!(py, "signal"))?;
        let sigint = signal.getattr(intern!(py, "SIGINT"))?;
        let previous = &interrupt.get().previous;
        signal.call_method1(intern!(py, "signal"), (&sigint, previous))?;
        if came { previous.call1(py, (sigint, py.None())).map(drop) } else { Ok(()) }
    }
}
