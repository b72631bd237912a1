//! The one world class, for every protocol. Its documentation for Python is in `_core.pyi`.
mod columns;
mod cross;
mod engine;
mod interrupt;
mod save;
mod snapshot;

use std::collections::BTreeSet;

use parking_lot::MutexGuard;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyList, PyString};

use super::actor::{Actor, Watch};
use super::bridge::{Parts, from_python, to_python};
use super::context::Scene;
use super::duration;
use super::errors::{bad_type, bad_value, from_engine};
use super::explore;
use super::fault;
use super::node::allow;
use crate::sim::workload::Workload;
use crate::sim::{Config, Fault, Invariants, Monitor, Nemesis, NodeId, OpId, Protocol, Time, World, trials};
pub use columns::history;
use engine::Engine;
pub use engine::{Inner, guarded};

/// A deterministic world of nodes.
#[pyclass(frozen, module = "distlab._core", name = "World")]
pub struct PyWorld(Engine);

type Object<'py> = Bound<'py, PyAny>;

impl PyWorld {
    /// The world, with what Python needs around it, for as long as nobody else may touch it.
    pub fn inner(&self) -> PyResult<MutexGuard<'_, Inner>> {
        self.0.open()
    }
}

#[pymethods]
impl PyWorld {
    #[new]
    #[pyo3(signature = (config = None))]
    fn new(py: Python<'_>, config: Option<&Object<'_>>) -> PyResult<Self> {
        let config: Config = config.map(|it| from_python(it, None, "")).transpose()?.unwrap_or_default();
        let scene = Scene::new(py)?;
        config.check().map_err(|error| from_engine(py, &error, &scene.names))?;
        let world = guarded(Some(config.seed), || World::new(config))?;
        Ok(Self(Engine::new(world, scene, false)))
    }

    fn spawn(&self, py: Python<'_>, nodes: &Object<'_>) -> PyResult<Vec<u32>> {
        let nodes =
            nodes.cast::<PyDict>().map_err(|_| bad_type("nodes", nodes, "a dict of nodes by name"))?;
        let mut inner = self.0.open()?;
        let before = inner.scene.names.all().len();
        let spawned = inner.spawn(py, nodes);
        if spawned.is_err() {
            inner.scene.names.truncate(before);
        }
        spawned
    }

    fn start_nodes(&self, py: Python<'_>) -> PyResult<()> {
        self.0.enter(py, World::start_nodes)
    }

    #[getter]
    fn seed(&self) -> PyResult<u64> {
        Ok(self.0.open()?.world.seed())
    }

    #[getter]
    fn names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.0.open()?.scene.names.all())
    }

    #[getter]
    fn manual(&self) -> PyResult<bool> {
        Ok(self.0.open()?.world.is_manual())
    }

    #[setter]
    fn set_manual(&self, value: bool) -> PyResult<()> {
        self.0.open()?.world.set_manual(value);
        Ok(())
    }

    fn is_up(&self, node: &Object<'_>) -> PyResult<bool> {
        let inner = self.0.open()?;
        Ok(inner.world.node(inner.scene.names.find(node)?).is_up())
    }

    fn is_paused(&self, node: &Object<'_>) -> PyResult<bool> {
        let inner = self.0.open()?;
        Ok(inner.world.node(inner.scene.names.find(node)?).is_paused())
    }

    #[pyo3(signature = (node, parts = None))]
    fn state<'py>(
        &self,
        node: &Object<'py>,
        parts: Option<&Object<'py>>,
    ) -> PyResult<(Object<'py>, Object<'py>)> {
        let py = node.py();
        let parts = parts.map_or(Ok(Parts::Whole), Parts::read);
        let wanted = parts.and_then(|it| it.split(["state", "disk"]));
        let [state, disk] = wanted.map_err(|error| error.into_pyerr(py, "parts"))?;
        let inner = self.0.open()?;
        inner.show_node(py, inner.scene.names.find(node)?, (state.as_ref(), disk.as_ref()))
    }

    #[pyo3(signature = (node, state = None, disk = None))]
    fn edit(&self, node: &Object<'_>, state: Option<&Object<'_>>, disk: Option<&Object<'_>>) -> PyResult<()> {
        let inner = self.0.open()?;
        let id = inner.scene.names.find(node)?;
        let state = state.map(|it| inner.read_state(id, it)).transpose()?;
        let disk = disk.map(|it| inner.read_disk(id, it)).transpose()?;
        drop(inner);
        self.0.enter(node.py(), |world| {
            world.edit(id, |own_state, own_disk| {
                if let Some(state) = state {
                    *own_state.core_mut() = state;
                }
                if let Some(disk) = disk {
                    *own_disk = disk;
                }
            })
        })
    }

    fn status<'py>(&self, node: &Object<'py>) -> PyResult<Bound<'py, PyDict>> {
        let py = node.py();
        let inner = self.0.open()?;
        let node = inner.world.node(inner.scene.names.find(node)?);
        let facts = PyDict::new(py);
        for (name, value) in node.state().unwrap_or(node.spawned()).status(node.disk()) {
            facts.set_item(PyString::intern(py, name), to_python(py, None, &value)?)?;
        }
        Ok(facts)
    }

    fn object<'py>(&self, node: &Object<'py>) -> PyResult<Option<Object<'py>>> {
        let inner = self.0.open()?;
        match inner.world.node(inner.scene.names.find(node)?).state().map(Actor::core) {
            None => Ok(None),
            Some(Actor::Theirs(it)) => Ok(Some(it.object(node.py()).clone())),
            Some(_) => Err(bad_value("node", node, "a node written in Python")),
        }
    }

    fn cuts(&self, py: Python<'_>) -> PyResult<Vec<(Py<PyString>, Py<PyString>)>> {
        let inner = self.0.open()?;
        let name = |id| inner.scene.names.get(id).expect("every node has a name").clone_ref(py);
        Ok(inner.world.cuts().into_iter().map(|(from, to)| (name(from), name(to))).collect())
    }

    fn clocks<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        columns::clocks(py, &*self.0.open()?)
    }

    fn call(&self, node: &Object<'_>, call: &Object<'_>) -> PyResult<u64> {
        let inner = self.0.open()?;
        let id = inner.scene.names.find(node)?;
        let call = inner.read_call(id, call)?;
        drop(inner);
        self.0.enter(node.py(), |world| world.call(id, call)).map(|op| op.0)
    }

    fn op<'py>(&self, py: Python<'py>, op: u64) -> PyResult<Bound<'py, PyDict>> {
        let inner = self.0.open()?;
        match inner.world.op(OpId(op)) {
            Some(it) => inner.show_op(py, op, it),
            None => Err(no_operation(py, op)),
        }
    }

    fn inject(&self, src: &Object<'_>, dst: &Object<'_>, message: &Object<'_>) -> PyResult<u64> {
        let inner = self.0.open()?;
        let (from, to) = (inner.scene.names.find(src)?, inner.scene.names.find(dst)?);
        let msg = inner.read_msg(to, message)?;
        drop(inner);
        self.0.enter(src.py(), |world| world.inject(from, to, msg))
    }

    fn add_load(&self, workload: &Object<'_>) -> PyResult<u32> {
        let load: Workload = from_python(workload, Some(&self.0.open()?.scene.names), "workload")?;
        self.0.enter(workload.py(), |world| world.load(load))
    }

    fn post(&self, src: &Object<'_>, dst: &Object<'_>, message: &Object<'_>) -> PyResult<()> {
        let inner = self.0.open()?;
        let (from, to) = (inner.scene.names.find(src)?, inner.scene.names.find(dst)?);
        let msg = inner.read_msg(to, message)?;
        drop(inner);
        self.0.enter(src.py(), |world| world.post(from, to, msg))
    }

    #[getter]
    fn now(&self) -> Time {
        self.0.now()
    }

    #[getter]
    fn events(&self) -> u64 {
        self.0.events()
    }

    fn cancel(&self) {
        self.0.cancel();
    }

    fn step(&self, py: Python<'_>) -> PyResult<bool> {
        self.0.enter(py, World::step)
    }

    #[pyo3(signature = (time_ns, progress = None))]
    fn run_until(
        &self,
        py: Python<'_>,
        time_ns: Option<Time>,
        progress: Option<&Object<'_>>,
    ) -> PyResult<u64> {
        let before = self.0.events();
        self.0.run(
            py,
            |world, most| engine::some(world, time_ns, most, |_| true),
            || match progress {
                Some(progress) => progress.call1((self.0.now(), self.0.events())).map(drop),
                None => Ok(()),
            },
        )?;
        Ok(self.0.events() - before)
    }

    #[pyo3(signature = (goes_on, deadline_ns = None))]
    fn run_while(&self, goes_on: &Object<'_>, deadline_ns: Option<Time>) -> PyResult<bool> {
        self.0.run_while(goes_on, deadline_ns)
    }

    #[pyo3(signature = (op, deadline_ns = None))]
    fn run_op(&self, py: Python<'_>, op: u64, deadline_ns: Option<Time>) -> PyResult<bool> {
        let answered = |world: &World<Actor>| world.op(OpId(op)).map(|it| it.answer.is_some());
        let done = answered(&self.0.open()?.world).ok_or_else(|| no_operation(py, op))?;
        if done {
            return Ok(true);
        }
        let open = |world: &World<Actor>| answered(world) == Some(false);
        self.0.run(
            py,
            |world, most| Ok(engine::some(world, deadline_ns, most, open)? && open(world)),
            || Ok(()),
        )?;
        Ok(answered(&self.0.open()?.world) == Some(true))
    }

    fn plan<'py>(
        &self,
        nemesis: &Object<'py>,
        seed: u64,
        nodes: Vec<Object<'py>>,
    ) -> PyResult<Vec<(Time, Object<'py>)>> {
        let (py, inner) = (nemesis.py(), self.0.open()?);
        let names = Some(&inner.scene.names);
        let nemesis: Nemesis = from_python(nemesis, names, "nemesis")?;
        let nodes: Vec<NodeId> =
            nodes.iter().map(|it| inner.scene.names.find(it)).collect::<PyResult<_>>()?;
        let plan =
            nemesis.plan(seed, &nodes).map_err(|it| from_engine(py, &it.into(), &inner.scene.names))?;
        plan.into_iter().map(|(at, fault)| Ok((at, to_python(py, names, &fault)?))).collect()
    }

    fn apply(&self, fault: &Object<'_>) -> PyResult<()> {
        let it: Fault = from_python(fault, Some(&self.0.open()?.scene.names), "fault")?;
        self.0.enter(fault.py(), |world| world.apply(&it))
    }

    fn schedule(&self, time_ns: Time, fault: &Object<'_>) -> PyResult<u64> {
        let it: Fault = from_python(fault, Some(&self.0.open()?.scene.names), "fault")?;
        self.0.enter(fault.py(), |world| world.schedule(time_ns, it))
    }

    fn watch(&self, invariants: &Object<'_>) -> PyResult<()> {
        let which = match invariants.cast::<PyBool>() {
            Ok(it) if it.is_true() => Some(Invariants::All),
            Ok(_) => None,
            Err(_) => {
                Some(Invariants::Named(from_python::<BTreeSet<String>>(invariants, None, "invariants")?))
            }
        };
        self.0.enter(invariants.py(), |world| match which {
            Some(which) => world.watch(which),
            None => {
                world.unwatch();
                Ok(())
            }
        })
    }

    #[staticmethod]
    fn invariants() -> Vec<&'static str> {
        Watch::INVARIANTS.to_vec()
    }

    #[pyo3(signature = (payload = true))]
    fn pending<'py>(&self, py: Python<'py>, payload: bool) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let inner = self.0.open()?;
        inner.world.pending().iter().map(|it| inner.show_pending(py, it, payload)).collect()
    }

    fn deliver(&self, py: Python<'_>, id: u64) -> PyResult<()> {
        self.0.enter(py, |world| world.deliver(id))
    }

    fn discard(&self, py: Python<'_>, id: u64) -> PyResult<()> {
        self.0.enter(py, |world| world.discard(id))
    }

    fn duplicate(&self, py: Python<'_>, id: u64) -> PyResult<u64> {
        self.0.enter(py, |world| world.duplicate(id))
    }

    fn fire(&self, node: &Object<'_>, timer: &Object<'_>) -> PyResult<()> {
        let inner = self.0.open()?;
        let id = inner.scene.names.find(node)?;
        let timer = inner.read_timer(id, timer)?;
        drop(inner);
        self.0.enter(node.py(), |world| world.fire(id, &timer))
    }

    fn arm(&self, node: &Object<'_>, timer: &Object<'_>, after: &Object<'_>) -> PyResult<()> {
        let inner = self.0.open()?;
        let id = inner.scene.names.find(node)?;
        let timer = inner.read_timer(id, timer)?;
        let span = duration::span(after, "after")?;
        drop(inner);
        self.0.enter(node.py(), |world| world.arm(id, timer, span))
    }

    fn disarm(&self, node: &Object<'_>, timer: &Object<'_>) -> PyResult<()> {
        let inner = self.0.open()?;
        let id = inner.scene.names.find(node)?;
        let timer = inner.read_timer(id, timer)?;
        drop(inner);
        self.0.enter(node.py(), |world| world.disarm(id, &timer))
    }

    fn complete_write(&self, node: &Object<'_>) -> PyResult<()> {
        let id = self.0.open()?.scene.names.find(node)?;
        self.0.enter(node.py(), |world| world.complete_write(id))
    }

    #[pyo3(signature = (most = 100_000))]
    fn settle(&self, py: Python<'_>, most: u64) -> PyResult<u64> {
        self.0.enter(py, |world| world.settle(most))
    }

    #[getter]
    fn fingerprint(&self) -> PyResult<u64> {
        Ok(self.0.open()?.world.fingerprint())
    }

    fn metrics<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        to_python(py, None, self.0.open()?.world.metrics())
    }

    fn set_trace(&self, level: &Object<'_>) -> PyResult<()> {
        let level = from_python(level, None, "level")?;
        self.0.open()?.world.set_trace(level);
        Ok(())
    }

    fn clear_trace(&self) -> PyResult<()> {
        self.0.open()?.world.clear_trace();
        Ok(())
    }

    #[pyo3(signature = (start = 0))]
    fn trace<'py>(&self, py: Python<'py>, start: usize) -> PyResult<Bound<'py, PyDict>> {
        columns::trace(py, &*self.0.open()?, start)
    }

    #[pyo3(signature = (start = 0))]
    fn history<'py>(&self, py: Python<'py>, start: usize) -> PyResult<Bound<'py, PyDict>> {
        let inner = self.0.open()?;
        columns::history(py, &inner.scene.names, inner.world.history(), start)
    }

    #[pyo3(signature = (seed = None))]
    fn fork(&self, py: Python<'_>, seed: Option<u64>) -> PyResult<Self> {
        let inner = self.0.open()?;
        let mut world = guarded(Some(inner.world.seed()), || inner.world.clone())?;
        if let Some(fault) = fault::take() {
            return Err(fault.error);
        }
        if let Some(seed) = seed {
            world.reseed(seed);
        }
        Ok(Self(Engine::new(world, inner.scene.copy(py)?, inner.calls_out)))
    }

    #[pyo3(signature = (setup, claims, settings, progress = None))]
    fn explore<'py>(
        &self,
        py: Python<'py>,
        setup: &Bound<'py, PyDict>,
        claims: Vec<(String, String, Py<PyAny>)>,
        settings: &Object<'py>,
        progress: Option<&Object<'py>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        explore::world::explore(py, self, setup, &claims, settings, progress)
    }

    fn begin_replay(&self, calls: &Object<'_>) -> PyResult<()> {
        explore::replay::begin(calls.py(), &mut *self.inner()?, calls)
    }

    fn replay(&self, step: &Object<'_>, index: usize) -> PyResult<()> {
        explore::replay::step(step.py(), &mut *self.inner()?, step, index)
    }

    #[pyo3(signature = (seeds, until_note, deadline_ns, faults = Vec::new(), messages = Vec::new()))]
    fn trials<'py>(
        &self,
        py: Python<'py>,
        seeds: Vec<u64>,
        until_note: String,
        deadline_ns: Time,
        faults: Vec<(Time, Object<'_>)>,
        messages: Vec<(Object<'_>, Object<'_>, Object<'_>)>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let plan = self.0.open()?.read_plan(until_note, deadline_ns, &faults, &messages)?;
        let (mut rows, mut done) = (Vec::with_capacity(seeds.len()), 0);
        self.0.run(
            py,
            |world, most| {
                let chunk = &seeds[done..seeds.len().min(done + most as usize / 64 + 16)];
                done += chunk.len();
                rows.extend(trials(world, chunk, &plan)?);
                Ok(done < seeds.len())
            },
            || Ok(()),
        )?;
        columns::trials(py, &rows)
    }

    fn channels<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        snapshot::channels(py, &*self.0.open()?)
    }

    fn begin_snapshot(&self, initiator: &Object<'_>, algorithm: &Object<'_>) -> PyResult<u64> {
        let algorithm = from_python(algorithm, None, "algorithm")?;
        let by = self.0.open()?.scene.names.find(initiator)?;
        self.0.enter(initiator.py(), |world| snapshot::begin(world, by, algorithm))
    }

    fn snapshot<'py>(&self, initiator: &Object<'py>, number: u64) -> PyResult<Bound<'py, PyDict>> {
        snapshot::show(initiator.py(), &*self.0.open()?, initiator, number)
    }

    fn is_complete(&self, initiator: &Object<'_>, number: u64) -> PyResult<bool> {
        Ok(snapshot::find(&*self.0.open()?, initiator, number)?.is_some_and(|it| it.is_complete()))
    }

    fn restore(&self, initiator: &Object<'_>, number: u64) -> PyResult<Self> {
        let inner = self.0.open()?;
        let world = snapshot::restored(initiator.py(), &inner, initiator, number)?;
        Ok(Self(Engine::new(world, inner.scene.copy(initiator.py())?, inner.calls_out)))
    }

    fn save<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &save::save(&self.0.open()?.world)?))
    }

    #[staticmethod]
    #[pyo3(signature = (saved, nodes = Vec::new()))]
    fn load(py: Python<'_>, saved: &[u8], nodes: Vec<Object<'_>>) -> PyResult<Self> {
        nodes.iter().try_for_each(|class| allow(class).map(drop))?;
        let world = save::load(saved)?;
        let mut scene = Scene::new(py)?;
        world.nodes().iter().for_each(|node| scene.names.push(py, node.name()));
        let calls_out = world.nodes().iter().any(|node| node.spawned().calls_out());
        Ok(Self(Engine::new(world, scene, calls_out)))
    }

    fn __repr__(&self) -> String {
        format!("<World at {} ns, {} events>", self.0.now(), self.0.events())
    }
}

fn no_operation(py: Python<'_>, op: u64) -> PyErr {
    match op.into_pyobject(py) {
        Ok(op) => bad_value("op", op.as_any(), "the number of an operation"),
        Err(never) => match never {},
    }
}
