//! Checks as Python asks for them: off the interpreter lock, with a clock, and with Ctrl-C.
#![expect(clippy::disallowed_types, reason = "a time limit is about the wall clock")]
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyMapping};

use super::PyHistory;
use super::own::Own;
use crate::check::consistency::judge::{Judgement, Objects, judge, judge_and_shrink};
use crate::check::consistency::spec::{Machine, Spec, StateMachine};
use crate::check::consistency::{Budget, Error, Flaw, Model, Verdict, Witness};
use crate::machines::store::MachineKind;
use crate::py::errors::class::{BudgetExceeded, HistoryError, ParameterError};
use crate::py::errors::{bad_type, bad_value};
use crate::py::fault;
use crate::py::value::value_of;
use crate::py::world::guarded;

/// How often a check looks whether Ctrl-C was pressed.
const PATIENCE: Duration = Duration::from_millis(20);

/// What a check may spend.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub seconds: Option<f64>,
    pub states: Option<u64>,
    pub memory_bytes: u64,
    pub shrink: bool,
}

/// What is known of the objects without asking Python: it may go to another thread.
enum Known {
    Spec(Spec),
    Versions(Vec<(u32, Vec<u32>)>),
}

impl Known {
    fn objects(self) -> Objects<'static> {
        match self {
            Self::Spec(spec) => Objects::Spec(spec),
            Self::Versions(versions) => Objects::Versions(versions),
        }
    }
}

/// The model of a name.
pub(super) fn model(name: &Bound<'_, PyAny>) -> PyResult<Model> {
    let text: String = name.extract()?;
    let names: Vec<_> = Model::ALL.iter().map(|it| it.name()).collect();
    Model::parse(&text).ok_or_else(|| bad_value("model", name, format!("one of {}", names.join(", "))))
}

/// Holds the history against a model.
pub(super) fn check<'py>(
    py: Python<'py>,
    history: &PyHistory,
    model: Model,
    spec: &Bound<'py, PyAny>,
    versions: Option<&Bound<'py, PyAny>>,
    limits: Limits,
) -> PyResult<Bound<'py, PyDict>> {
    let judgement = if let Some(versions) = versions {
        let versions = Known::Versions(read_versions(history, versions)?);
        off_the_lock(py, history, model, versions, limits)?
    } else if let Ok(name) = spec.extract::<String>() {
        let named = Spec::parse(&name).ok_or_else(|| {
            bad_value("spec", spec, format!("one of {}, or an object of your own", Spec::NAMES.join(", ")))
        })?;
        off_the_lock(py, history, model, Known::Spec(named), limits)?
    } else if spec.is_none() {
        off_the_lock(py, history, model, Known::Spec(Spec::infer(&history.core)), limits)?
    } else if !matches!(model, Model::Linearizable | Model::Sequential) {
        let allowed = format!("none for {model}: only linearizable and sequential take one");
        return Err(bad_type("spec", spec, allowed));
    } else if let Ok((kind, questions)) = spec.extract::<(String, Vec<bool>)>() {
        let kind = MachineKind::Custom(kind.into());
        let mut machine = StateMachine::new(kind, &history.core, &questions, fault::waits);
        let judged = on_the_lock(history, model, &mut machine, limits)?;
        match fault::take() {
            Some(fault) => return Err(fault.error),
            None => judged.map_err(|error| refused(&error))?,
        }
    } else {
        let mut own = Own::new(spec.clone());
        let judged = on_the_lock(history, model, &mut own, limits)?;
        match own.raised() {
            Some(raised) => return Err(raised),
            None => judged.map_err(|error| refused(&error))?,
        }
    };
    show(py, history, &judgement)
}

/// The numbers of a mapping of keys to values; what does not occur in the history says nothing about it.
fn read_versions(history: &PyHistory, given: &Bound<'_, PyAny>) -> PyResult<Vec<(u32, Vec<u32>)>> {
    let wrong = || bad_type("versions", given, "a mapping of keys to lists of values, the oldest first");
    let mapping = given.cast::<PyMapping>().map_err(|_| wrong())?;
    let number = |it: &Bound<'_, PyAny>| Ok::<_, PyErr>(history.core.names.values.number(&value_of(it)?));
    let mut versions = vec![];
    for pair in mapping.items()?.try_iter()? {
        let (key, values): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair?.extract()?;
        let mut numbers = vec![];
        for value in values.try_iter().map_err(|_| wrong())? {
            numbers.extend(number(&value?)?);
        }
        versions.extend(number(&key)?.map(|key| (key, numbers)));
    }
    Ok(versions)
}

/// The judges work on a thread of their own, while this one looks after signals.
fn off_the_lock(
    py: Python<'_>,
    history: &PyHistory,
    model: Model,
    known: Known,
    limits: Limits,
) -> PyResult<Judgement> {
    let core = history.core.clone();
    let cancelled = AtomicBool::new(false);
    let deadline = deadline(limits);
    let stop = || cancelled.load(Ordering::Relaxed) || deadline.is_some_and(|it| Instant::now() >= it);
    let budget = budget(limits, &stop);
    let result = std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(1);
        let receiver = Mutex::new(receiver); // so that it may be waited for off the lock
        let wait = |patience| receiver.lock().expect("nobody else locks it").recv_timeout(patience);
        let core = &core;
        let budget = &budget;
        scope.spawn(move || {
            let judged = guarded(None, || run(core, model, &mut known.objects(), budget, limits.shrink));
            let _ = sender.send(judged);
        });
        loop {
            match py.detach(|| wait(PATIENCE)) {
                Ok(judged) => return judged,
                Err(RecvTimeoutError::Timeout) => {
                    if let Err(interrupt) = py.check_signals() {
                        cancelled.store(true, Ordering::Relaxed);
                        let _ = py.detach(|| wait(Duration::MAX));
                        return Err(interrupt);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(BudgetExceeded::new_err(("check", "the checker's thread could not run")));
                }
            }
        }
    })?;
    result.map_err(|error| refused(&error))
}

/// What is written in Python needs the interpreter at every step.
fn on_the_lock(
    history: &PyHistory,
    model: Model,
    machine: &mut dyn Machine,
    limits: Limits,
) -> PyResult<Result<Judgement, Error>> {
    let deadline = deadline(limits);
    let stop = || deadline.is_some_and(|it| Instant::now() >= it);
    let budget = budget(limits, &stop);
    guarded(None, || run(&history.core, model, &mut Objects::Own(machine), &budget, limits.shrink))
}

fn deadline(limits: Limits) -> Option<Instant> {
    let seconds = limits.seconds.and_then(|it| Duration::try_from_secs_f64(it).ok())?;
    Instant::now().checked_add(seconds)
}

fn budget<'a>(limits: Limits, stop: &'a (dyn Fn() -> bool + Sync)) -> Budget<'a> {
    Budget { states: limits.states.unwrap_or(u64::MAX), memory_bytes: limits.memory_bytes, stop }
}

fn run(
    history: &crate::check::consistency::History,
    model: Model,
    objects: &mut Objects<'_>,
    budget: &Budget<'_>,
    shrink: bool,
) -> Result<Judgement, Error> {
    if shrink {
        return judge_and_shrink(history, model, objects, budget);
    }
    Ok(Judgement { verdict: judge(history, model, objects, budget)?, counterexample: None })
}

fn refused(error: &Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::NotDefined { model, .. } => ParameterError::new_err(("model", model.name(), "", text)),
        _ => HistoryError::new_err(("history", None::<()>, "", text)),
    }
}

fn show<'py>(py: Python<'py>, history: &PyHistory, judged: &Judgement) -> PyResult<Bound<'py, PyDict>> {
    let Verdict { ok, model, algorithm, states, witness, flaw } = &judged.verdict;
    let nothing = Flaw::default();
    let flaw = flaw.as_ref().unwrap_or(&nothing);
    let shown = PyDict::new(py);
    shown.set_item("ok", ok)?;
    shown.set_item("model", model.name())?;
    shown.set_item("algorithm", algorithm)?;
    shown.set_item("states", states)?;
    shown.set_item("reason", &flaw.reason)?;
    shown.set_item("anomaly", &flaw.anomaly)?;
    shown.set_item("culprits", &flaw.culprits)?;
    let edges: Vec<_> = flaw.cycle.iter().map(|it| (it.from, it.to, &*it.kind, &*it.why)).collect();
    shown.set_item("cycle", edges)?;
    shown.set_item("order", None::<()>)?;
    shown.set_item("views", None::<()>)?;
    match witness {
        Some(Witness::Order(order)) => shown.set_item("order", PyArray1::from_slice(py, order))?,
        Some(Witness::Views(views)) => {
            let views = views.iter().map(|(process, order)| (*process, PyArray1::from_slice(py, order)));
            shown.set_item("views", PyList::new(py, views.collect::<Vec<_>>())?)?;
        }
        Some(Witness::Absence) | None => {}
    }
    shown.set_item("processes", history.core.names.processes.iter().map(|it| &**it).collect::<Vec<_>>())?;
    let part =
        judged.counterexample.as_ref().map(|it| (&it.rows, history.part(&it.rows, it.history.clone())));
    shown.set_item("rows", part.as_ref().map_or(&vec![], |(rows, _)| rows))?;
    shown.set_item("counterexample", part.map(|(_, it)| Py::new(py, it)).transpose()?)?;
    Ok(shown)
}
