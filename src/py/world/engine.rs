//! The one way from Python into the engine: locks, panics, exceptions of handlers, Ctrl-C.
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};
use pyo3::intern;
use pyo3::prelude::*;

use super::interrupt::Deferred;
use crate::py::actor::Actor;
use crate::py::context::{Scene, in_scene};
use crate::py::errors::class::{ClusterBusy, ClusterHalted, InternalError};
use crate::py::errors::from_engine;
use crate::py::fault;
use crate::sim::{Error, Fault, Time, World};

/// A world with what Python needs around it.
pub struct Engine {
    inner: Mutex<Inner>,
    gauge: Gauge,
}

/// What can be read, and set, while the world runs in another thread.
#[derive(Default)]
struct Gauge {
    now: AtomicU64,
    events: AtomicU64,
    cancelled: AtomicBool,
}

/// What only one thread at a time may touch.
pub struct Inner {
    pub world: World<Actor>,
    pub scene: Scene,
    /// Whether there is something written in Python, nodes or state machines: they need the interpreter at every step.
    pub calls_out: bool,
    /// What the engine said when it panicked.
    halted: Option<String>,
}

/// How long the world may run before somebody looks whether it still should.
const SLICE_NS: u128 = 10_000_000;

/// What a slice of a run comes to: whether there is more to do.
pub type Slice = Result<bool, Error>;

impl Engine {
    pub fn new(world: World<Actor>, scene: Scene, calls_out: bool) -> Self {
        let engine = Self {
            inner: Mutex::new(Inner { world, scene, calls_out, halted: None }),
            gauge: Gauge::default(),
        };
        engine.gauge.show(&engine.inner.lock().world);
        engine
    }

    /// The world's time, also while it runs.
    pub fn now(&self) -> Time {
        self.gauge.now.load(Ordering::Relaxed)
    }

    /// How many inputs nodes have handled, also while it runs.
    pub fn events(&self) -> u64 {
        self.gauge.events.load(Ordering::Relaxed)
    }

    /// Ends what runs in another thread.
    pub fn cancel(&self) {
        self.gauge.cancelled.store(true, Ordering::Relaxed);
    }

    /// Looks at the world. Never waits: whoever holds the lock may be waiting for the interpreter.
    pub fn open(&self) -> PyResult<MutexGuard<'_, Inner>> {
        let inner = self.inner.try_lock().ok_or_else(|| {
            ClusterBusy::new_err(
                "the cluster is running: in another thread, or this is one of its own handlers",
            )
        })?;
        match &inner.halted {
            Some(detail) => Err(ClusterHalted::new_err(format!("the cluster was stopped by {detail}"))),
            None => Ok(inner),
        }
    }

    /// Does something short to the world.
    pub fn enter<R>(
        &self,
        py: Python<'_>,
        body: impl FnOnce(&mut World<Actor>) -> Result<R, Error>,
    ) -> PyResult<R> {
        let mut inner = self.open()?;
        let result = inner.enter(py, body);
        self.gauge.show(&inner.world);
        result
    }

    /// Runs the world in slices of as many events as take about ten milliseconds, until a slice is the last.
    /// In between looks for Ctrl-C, and calls `between`.
    pub fn run(
        &self,
        py: Python<'_>,
        slice: impl FnMut(&mut World<Actor>, u64) -> Slice + Send,
        between: impl FnMut() -> PyResult<()>,
    ) -> PyResult<()> {
        self.gauge.cancelled.store(false, Ordering::Relaxed);
        let mut inner = self.open()?;
        let deferred = if inner.calls_out { Deferred::begin(py)? } else { Deferred::not() };
        let ran = self.slices(py, &mut inner, &deferred, slice, between);
        drop(inner);
        deferred.finish(py).and(ran)
    }

    fn slices(
        &self,
        py: Python<'_>,
        inner: &mut Inner,
        deferred: &Deferred,
        mut slice: impl FnMut(&mut World<Actor>, u64) -> Slice + Send,
        mut between: impl FnMut() -> PyResult<()>,
    ) -> PyResult<()> {
        let (mut most, mut started) = (256, None);
        loop {
            let more = if inner.calls_out {
                inner.enter(py, |world| slice(world, most))
            } else {
                py.detach(|| inner.guarded(|world| slice(world, most))).map_err(|stop| stop.raise(py, inner))
            };
            self.gauge.show(&inner.world);
            let more = more?;
            py.check_signals()?;
            between()?;
            if !more || deferred.came() || self.gauge.cancelled.load(Ordering::Relaxed) {
                return Ok(());
            }
            let now = clock(py)?;
            if let Some(started) = started.replace(now) {
                let fitting = u128::from(most) * SLICE_NS / u128::from((now - started).max(1));
                most = u64::try_from(fitting).unwrap_or(u64::MAX).clamp(most / 4 + 1, most * 4);
            }
        }
    }

    /// Runs the world event by event while `goes_on()` is true; it may look at the world. False: time or
    /// events ran out first.
    pub fn run_while(&self, goes_on: &Bound<'_, PyAny>, deadline: Option<Time>) -> PyResult<bool> {
        self.gauge.cancelled.store(false, Ordering::Relaxed);
        let py = goes_on.py();
        let deferred = if self.open()?.calls_out { Deferred::begin(py)? } else { Deferred::not() };
        let ran = self.events_while(goes_on, deadline, &deferred);
        deferred.finish(py).and(ran)
    }

    fn events_while(
        &self,
        goes_on: &Bound<'_, PyAny>,
        deadline: Option<Time>,
        deferred: &Deferred,
    ) -> PyResult<bool> {
        let py = goes_on.py();
        while goes_on.call0()?.is_truthy()? {
            py.check_signals()?;
            let more = self.enter(py, |world| some(world, deadline, 1, |_| true))?;
            if !more || deferred.came() || self.gauge.cancelled.load(Ordering::Relaxed) {
                return Ok(!goes_on.call0()?.is_truthy()?);
            }
        }
        Ok(true)
    }
}

/// Lets at most `most` events happen, none after `deadline` (none: until nothing is left), and no more once
/// `goes_on` is false or a handler has raised an exception.
pub fn some(
    world: &mut World<Actor>,
    deadline: Option<Time>,
    most: u64,
    goes_on: impl Fn(&World<Actor>) -> bool,
) -> Slice {
    if let Some(deadline) = deadline {
        return world.run_while(deadline, most, &mut 0, |world| !fault::waits() && goes_on(world));
    }
    for _ in 0..most {
        if !world.step()? {
            return Ok(false);
        }
        if fault::waits() || !goes_on(world) {
            break;
        }
    }
    Ok(true)
}

/// Python's clock, in nanoseconds: it decides when to look for Ctrl-C, and nothing else.
fn clock(py: Python<'_>) -> PyResult<u64> {
    py.import(intern!(py, "time"))?.call_method0(intern!(py, "monotonic_ns"))?.extract()
}

impl Gauge {
    fn show(&self, world: &World<Actor>) {
        self.now.store(world.now(), Ordering::Relaxed);
        self.events.store(world.metrics().events, Ordering::Relaxed);
    }
}

/// Why the engine came back without a result.
enum Stop {
    Refused(Error),
    Panicked(String),
}

impl Stop {
    fn raise(self, py: Python<'_>, inner: &mut Inner) -> PyErr {
        match self {
            Self::Refused(error) => from_engine(py, &error, &inner.scene.names),
            Self::Panicked(detail) => {
                inner.halted = Some(format!("an internal error: {detail}"));
                InternalError::new_err((detail, inner.world.seed()))
            }
        }
    }
}

impl Inner {
    /// Does something to the world, with the interpreter at hand. An exception in a handler stops its node
    /// and comes out here as it is.
    pub fn enter<R>(
        &mut self,
        py: Python<'_>,
        body: impl FnOnce(&mut World<Actor>) -> Result<R, Error>,
    ) -> PyResult<R> {
        let result = self.guarded(body);
        let Some(fault) = fault::take() else { return result.map_err(|stop| stop.raise(py, self)) };
        if let Err(stop @ Stop::Panicked(_)) = result {
            return Err(stop.raise(py, self)); // the world is torn, whatever else happened
        }
        if fault.halts {
            self.halted = Some("an exception of its state machine".to_owned());
        }
        if let Some(node) = fault.node {
            let note = self.where_and_when(node);
            // What the crash itself might come to is nothing beside the exception.
            let _ = self.guarded(|world| world.apply(&Fault::crash(node)));
            fault.error.value(py).call_method1(intern!(py, "add_note"), (note,))?;
        }
        Err(fault.error)
    }

    fn where_and_when(&self, node: crate::sim::NodeId) -> String {
        let (name, now, seed) =
            (self.world.node(node).name(), self.world.now() as f64 / 1e9, self.world.seed());
        format!("in a handler of node '{name}', at t = {now} s (seed {seed}); the node was stopped")
    }

    /// A panic must not reach the interpreter. The world may be torn after one, so it is not used any more.
    fn guarded<R>(&mut self, body: impl FnOnce(&mut World<Actor>) -> Result<R, Error>) -> Result<R, Stop> {
        let Self { world, scene, .. } = self;
        let result = catch_unwind(AssertUnwindSafe(|| in_scene(scene, || body(world))));
        result.map_err(|panic| Stop::Panicked(words(&*panic)))?.map_err(Stop::Refused)
    }
}

/// Does something that makes a new world, and may panic on the way.
pub fn guarded<R>(seed: Option<u64>, body: impl FnOnce() -> R) -> PyResult<R> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|panic| InternalError::new_err((words(&*panic), seed)))
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("the engine panicked").to_owned()
}
