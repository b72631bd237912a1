//! Explorations as Python asks for them: with a clock, with Ctrl-C, and off the interpreter lock where the model
//! does without Python.
#![expect(clippy::disallowed_types, reason = "a time limit is about the wall clock")]
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use super::settings::Settings;
use crate::check::explore::{Failed, Model, Progress, Report, explore};
use crate::py::errors::from_invalid;
use crate::py::world::guarded;

/// How often to look for Ctrl-C, and to report.
const PATIENCE: Duration = Duration::from_millis(20);

/// Where a model runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// It calls Python: on this thread, which keeps the lock.
    Kept,
    /// It does not.
    Released,
}

/// What came of an exploration.
pub struct Ran<M: Model> {
    /// What it found, or where the model failed.
    pub result: Result<Report<M>, Failed<M>>,
    /// Whether it was the time that ran out.
    pub timed_out: bool,
    /// Whether what the model itself remembers has outgrown the limit of memory.
    pub outgrown: bool,
}

/// Explores; `progress(distinct, generated, depth, frontier, memory_bytes)` is called now and then. What the model itself
/// remembers counts against the limit of memory.
pub fn run<M: Model>(
    py: Python<'_>,
    model: &M,
    settings: &Settings,
    progress: Option<&Bound<'_, PyAny>>,
    lock: Lock,
    remembered_bytes: impl Fn() -> u64 + Sync,
) -> PyResult<Ran<M>> {
    let options = settings.options();
    options.check().map_err(|it| from_invalid(py, &it))?;
    let mut watch = Watch {
        progress: progress.map(|it| it.clone().unbind()),
        deadline: settings
            .seconds
            .and_then(|it| Duration::try_from_secs_f64(it).ok())
            .and_then(|it| Instant::now().checked_add(it)),
        looked: Instant::now(),
        raised: None,
        timed_out: false,
    };
    let mut outgrown = false;
    let mut body = || {
        let mut goes_on = |progress: &Progress| {
            let bytes = progress.memory_bytes.saturating_add(remembered_bytes());
            outgrown |= bytes > options.limits.memory_bytes;
            !outgrown && watch.goes_on(progress)
        };
        guarded(None, || explore(model, &options, &mut goes_on))
    };
    let result = match lock {
        Lock::Kept => body(),
        Lock::Released => py.detach(body),
    }?;
    match watch.raised {
        Some(raised) => Err(raised),
        None => Ok(Ran { result, timed_out: watch.timed_out, outgrown }),
    }
}

/// Whoever decides whether an exploration goes on.
struct Watch {
    progress: Option<Py<PyAny>>,
    deadline: Option<Instant>,
    looked: Instant,
    raised: Option<PyErr>,
    timed_out: bool,
}

impl Watch {
    fn goes_on(&mut self, progress: &Progress) -> bool {
        let now = Instant::now();
        if self.deadline.is_some_and(|it| now >= it) {
            self.timed_out = true;
            return false;
        }
        if now - self.looked < PATIENCE {
            return true;
        }
        self.looked = now;
        let looked = Python::attach(|py| {
            py.check_signals()?;
            let Some(report) = &self.progress else { return Ok(()) };
            let Progress { distinct, generated, depth, frontier, memory_bytes } = *progress;
            report.call1(py, (distinct, generated, depth, frontier, memory_bytes)).map(drop)
        });
        self.raised = looked.err();
        self.raised.is_none()
    }
}
