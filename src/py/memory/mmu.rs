//! Page tables, MMUs, and their replay over arrays.
use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::Serialize;

use crate::machines::memory::mmu::{
    Backing, Batch, Config, Counters, Denial, Error, Geometry, Job, Kind, Machine, Mapping, Range, Results,
    Rights, Schedule, Stopped, Turns, Why,
};
use crate::py::bridge::{from_python, to_python};
use crate::py::errors::{class, from_invalid};
use crate::sim::Invalid;

/// How many accesses are replayed before Ctrl-C is heard.
const PIECE: usize = 1 << 18;

/// Adds what is here to the native module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(memory_geometry, m)?)?;
    m.add_class::<Mmu>()
}

/// A geometry in full, by its name or of its parts, with what follows from them.
#[pyfunction]
fn memory_geometry<'py>(py: Python<'py>, given: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let found = match given.extract::<String>() {
        Ok(name) => Geometry::preset(&name),
        Err(_) => {
            let (bits, page_bits, word_bits): (Vec<u8>, u8, u8) = given.extract()?;
            Geometry::new(bits, page_bits, word_bits)
        }
    };
    let geometry = found.map_err(|it| from_invalid(py, &it))?;
    to_python(py, None, &geometry)
}

/// A machine with memory.
#[pyclass(frozen, module = "distlab._core")]
struct Mmu(Mutex<Machine>);

/// What came of a replay.
#[derive(Serialize)]
pub(super) struct Replayed {
    pub(super) counters: Counters,
    pub(super) time_ns: f64,
    /// The access that was refused, and why.
    pub(super) stopped: Option<(usize, Denial)>,
}

/// What came of a schedule; or which process's access was refused, and why.
#[derive(Serialize)]
struct Scheduled {
    timetable: Option<Schedule>,
    stopped: Option<(u32, usize, Denial)>,
}

#[pymethods]
impl Mmu {
    #[new]
    fn new(py: Python<'_>, config: &Bound<'_, PyDict>) -> PyResult<Self> {
        let config: Config = from_python(config.as_any(), None, "mmu")?;
        let machine = Machine::new(&config).map_err(|it| from_invalid(py, &it))?;
        Ok(Self(Mutex::new(machine)))
    }

    /// The same machine once more, in the state in which it is.
    fn copy(&self, py: Python<'_>) -> Self {
        Self(Mutex::new(self.look(py, |it| it.clone())))
    }

    /// One access, with everything it did.
    fn translate<'py>(
        &self,
        py: Python<'py>,
        process: u32,
        address: u64,
        kind: u8,
        supervisor: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let kind = Kind::of(kind).unwrap_or(Kind::Read);
        let found = self.with(py, |it| it.translate(process, address, kind, supervisor))?;
        to_python(py, None, &found)
    }

    /// Many accesses: what they counted, and arrays of what came of each if asked for.
    #[allow(clippy::too_many_arguments, clippy::type_complexity)]
    fn replay<'py>(
        &self,
        py: Python<'py>,
        addresses: PyReadonlyArray1<'py, u64>,
        kinds: Option<PyReadonlyArray1<'py, u8>>,
        processes: Option<PyReadonlyArray1<'py, u32>>,
        supervisor: bool,
        lenient: bool,
        outcomes: bool,
        latencies: bool,
    ) -> PyResult<(Bound<'py, PyAny>, Option<Bound<'py, PyArray1<u8>>>, Option<Bound<'py, PyArray1<f64>>>)>
    {
        let addresses = addresses.as_slice()?;
        let kinds = kinds.as_ref().map(|it| it.as_slice()).transpose()?;
        let processes = processes.as_ref().map(|it| it.as_slice()).transpose()?;
        let batch = Batch { addresses, kinds, processes, supervisor, lenient };
        let shown_outcomes = outcomes.then(|| PyArray1::<u8>::zeros(py, addresses.len(), false));
        let shown_latencies = latencies.then(|| PyArray1::<f64>::zeros(py, addresses.len(), false));
        let mut outcomes = shown_outcomes.as_ref().map(|it| it.readwrite());
        let mut latencies = shown_latencies.as_ref().map(|it| it.readwrite());
        let replayed = self.pieces(
            py,
            batch,
            outcomes.as_mut().map(|it| it.as_slice_mut()).transpose()?,
            latencies.as_mut().map(|it| it.as_slice_mut()).transpose()?,
        )?;
        drop((outcomes, latencies));
        Ok((to_python(py, None, &replayed)?, shown_outcomes, shown_latencies))
    }

    /// Several processes on one processor.
    fn schedule<'py>(
        &self,
        py: Python<'py>,
        jobs: Vec<(u32, PyReadonlyArray1<'py, u64>, Option<PyReadonlyArray1<'py, u8>>)>,
        quantum_ns: f64,
        dma: bool,
        most_turns: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut slices = Vec::new();
        for (space, addresses, kinds) in &jobs {
            let kinds = kinds.as_ref().map(|it| it.as_slice()).transpose()?;
            slices.push(Job { space: *space, addresses: addresses.as_slice()?, kinds });
        }
        let turns = Turns { quantum_ns, dma, most_turns };
        let mut interrupted = None;
        let result = py.detach(|| {
            let poll =
                || Python::attach(|py| py.check_signals()).map_err(|it| interrupted = Some(it)).is_err();
            self.0.lock().schedule(&slices, turns, poll)
        });
        if let Some(error) = interrupted {
            return Err(error);
        }
        let scheduled = match result {
            Ok(it) => Scheduled { timetable: Some(it), stopped: None },
            // Whose turn it was still runs.
            Err(Stopped { at, why }) => match (why, self.look(py, |it| it.current())) {
                (Why::Denied(denial), process) => {
                    Scheduled { timetable: None, stopped: Some((process, at, denial)) }
                }
                (Why::Error(Error::NoProcess(process)), _) => {
                    return Err(self.refused(py, &format!("jobs[{process}]"), Error::NoProcess(process)));
                }
                (Why::Error(error), process) => {
                    return Err(self.refused(
                        py,
                        "process",
                        renamed(error, "address", &format!("jobs[{process}][{at}]")),
                    ));
                }
            },
        };
        to_python(py, None, &scheduled)
    }

    /// What was counted so far.
    fn counters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (counters, time_ns) = self.look(py, |it| (*it.counters(), it.counters().time_ns(it.times())));
        to_python(py, None, &Replayed { counters, time_ns, stopped: None })
    }

    fn reset_counters(&self, py: Python<'_>) {
        self.look(py, Machine::reset_counters);
    }

    /// How much there is of everything.
    fn usage<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, None, &self.look(py, |it| it.usage()))
    }

    /// The tables of one process by level, and what they take.
    fn tables_of(&self, py: Python<'_>, process: u32) -> PyResult<(Vec<u64>, u64)> {
        self.with(py, |it| it.tables_of(process))
    }

    fn processes(&self, py: Python<'_>) -> Vec<u32> {
        self.look(py, |it| it.processes())
    }

    fn current(&self, py: Python<'_>) -> u32 {
        self.look(py, |it| it.current())
    }

    fn switch(&self, py: Python<'_>, process: u32) -> PyResult<()> {
        self.with(py, |it| it.switch(process))
    }

    fn add_process(&self, py: Python<'_>) -> PyResult<u32> {
        self.with(py, |it| Ok(it.add_space()?))
    }

    fn fork(&self, py: Python<'_>, process: u32) -> PyResult<u32> {
        self.with(py, |it| it.fork(process))
    }

    fn exit(&self, py: Python<'_>, process: u32) -> PyResult<()> {
        self.with(py, |it| it.exit(process))
    }

    /// Maps pages now.
    fn map(
        &self,
        py: Python<'_>,
        process: u32,
        address: u64,
        length: u64,
        mapping: &Bound<'_, PyDict>,
        frame: Option<u32>,
    ) -> PyResult<()> {
        let wanted: Wanted = from_python(mapping.as_any(), None, "mapping")?;
        self.with(py, |it| {
            let mapping = wanted.mapping(it)?;
            let range = range(it, address, length, mapping.level)?;
            it.map(process, range, mapping, frame)
        })
    }

    /// Sets a region aside; says where it begins.
    fn reserve(
        &self,
        py: Python<'_>,
        process: u32,
        address: Option<u64>,
        length: u64,
        mapping: &Bound<'_, PyDict>,
    ) -> PyResult<u64> {
        let wanted: Wanted = from_python(mapping.as_any(), None, "mapping")?;
        self.with(py, |it| {
            let mapping = wanted.mapping(it)?;
            let size = it.geometry().span_bytes(mapping.level);
            let address = match address {
                Some(address) => address,
                None => {
                    let first = it.gap(process, length.div_ceil(size), mapping.level);
                    it.geometry().address(first.map_err(|it| revalued(it, "length", length))?)
                }
            };
            let range = range(it, address, length, mapping.level)?;
            it.reserve(process, range, mapping).map(|()| address)
        })
    }

    fn unmap(&self, py: Python<'_>, process: u32, address: u64, length: u64) -> PyResult<()> {
        self.with(py, |it| it.unmap(process, small_range(it, address, length)?))
    }

    fn protect(
        &self,
        py: Python<'_>,
        process: u32,
        address: u64,
        length: u64,
        rights: (bool, bool, bool),
    ) -> PyResult<()> {
        self.with(py, |it| it.protect(process, small_range(it, address, length)?, rights_of(rights)))
    }

    /// Maps pages of one process into another one, too.
    fn share(
        &self,
        py: Python<'_>,
        source: (u32, u64, u64),
        target: (u32, u64),
        rights: Option<(bool, bool, bool)>,
    ) -> PyResult<()> {
        let ((from, address, length), (to, at)) = (source, target);
        self.with(py, |it| {
            let pages = small_range(it, address, length)?;
            let there = small_range(it, at, length).map_err(|it| renamed(it, "address", "at"))?;
            let shared = it.share((from, pages), (to, there.first), rights.map(rights_of));
            shared.map_err(|error| match error {
                // What is in the way is there, not here.
                Error::Invalid(it) if it.allowed == "where nothing is mapped yet" => {
                    renamed(Error::Invalid(it), "address", "at")
                }
                other => other,
            })
        })
    }

    /// The entry that stands for an address, and its level.
    fn entry<'py>(&self, py: Python<'py>, process: u32, address: u64) -> PyResult<Bound<'py, PyAny>> {
        let found = self.with(py, |it| it.entry(process, page_of(it, address)?))?;
        to_python(py, None, &found)
    }

    /// Forgets a page, a process, or (neither given) everything; says how many entries of TLBs that were.
    fn invalidate(
        &self,
        py: Python<'_>,
        process: Option<u32>,
        address: Option<u64>,
        keep_global: bool,
    ) -> PyResult<u64> {
        self.with(py, |it| match (process, address) {
            (process, Some(address)) => {
                let page = page_of(it, address)?;
                it.invalidate_page(process.unwrap_or(it.current()), page)
            }
            (Some(process), None) => it.invalidate_space(process),
            (None, None) => Ok(it.invalidate_all(keep_global)),
        })
    }
}

/// How pages are to be mapped.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    rights: Rights,
    #[serde(rename = "global_")]
    global: bool,
    shared: bool,
    backing: Backing,
    /// The size of the pages; `None`: small.
    page_size: Option<u64>,
}

impl Wanted {
    fn mapping(&self, machine: &Machine) -> Result<Mapping, Error> {
        let geometry = machine.geometry();
        let level = match self.page_size {
            Some(size) => geometry.level_of(size)?,
            None => geometry.levels() - 1,
        };
        let &Self { rights, global, shared, backing, .. } = self;
        Ok(Mapping { rights, global, shared, backing, level })
    }
}

/// A complaint about one parameter, made about another one.
fn renamed(error: Error, from: &str, to: &str) -> Error {
    match error {
        Error::Invalid(mut it) if it.parameter == from => {
            to.clone_into(&mut it.parameter);
            Error::Invalid(it)
        }
        other => other,
    }
}

/// A complaint about a parameter, with the value that was given for it.
fn revalued(error: Error, parameter: &str, value: u64) -> Error {
    match error {
        Error::Invalid(mut it) if it.parameter == parameter => {
            it.value = value.to_string();
            Error::Invalid(it)
        }
        other => other,
    }
}

fn rights_of((writable, user, executable): (bool, bool, bool)) -> Rights {
    Rights { writable, user, executable }
}

fn page_of(machine: &Machine, address: u64) -> Result<u64, Error> {
    let geometry = machine.geometry();
    geometry.page_number(address).ok_or_else(|| {
        let allowed = if geometry.fits(address) {
            "a canonical address of the geometry"
        } else {
            "an address of the geometry's word"
        };
        Invalid::new("address", format!("{address:#x}"), allowed).into()
    })
}

fn small_range(machine: &Machine, address: u64, length: u64) -> Result<Range, Error> {
    range(machine, address, length, machine.geometry().levels() - 1)
}

/// Whole pages from an address on; the last one may be needed only in part.
fn range(machine: &Machine, address: u64, length: u64, level: usize) -> Result<Range, Error> {
    let geometry = machine.geometry();
    let first = page_of(machine, address)?;
    let size = geometry.span_bytes(level);
    if address & ((1 << geometry.page_bits) - 1) != 0 {
        return Err(Invalid::new("address", format!("{address:#x}"), "the beginning of a page").into());
    }
    let refuse =
        || Invalid::new("length", length, "1 or more bytes, up to the end of the addresses there are");
    let count = length.div_ceil(size);
    let pages = count.checked_mul(size >> geometry.page_bits).filter(|it| *it > 0).ok_or_else(refuse)?;
    let total = 1_u64 << geometry.page_number_bits();
    // Canonical addresses have a hole in their middle.
    let half = total / 2;
    let end =
        if geometry.word_bits == 64 && first < half && geometry.address_bits() < 64 { half } else { total };
    let last = first.checked_add(pages).filter(|it| *it <= end).ok_or_else(refuse)?;
    Ok(Range { first, end: last })
}

impl Mmu {
    /// Does something that may be refused.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        body: impl FnOnce(&mut Machine) -> Result<T, Error> + Send,
    ) -> PyResult<T> {
        py.detach(|| body(&mut self.0.lock())).map_err(|error| self.refused(py, "process", error))
    }

    /// Does something that always can be done.
    fn look<T: Send>(&self, py: Python<'_>, body: impl FnOnce(&mut Machine) -> T + Send) -> T {
        py.detach(|| body(&mut self.0.lock()))
    }

    fn refused(&self, py: Python<'_>, process: &str, error: Error) -> PyErr {
        match error {
            Error::Invalid(it) => from_invalid(py, &it),
            Error::NoProcess(id) => {
                let known: Vec<String> =
                    self.look(py, |it| it.processes()).iter().take(20).map(u32::to_string).collect();
                let allowed = format!("a process there is: {}", known.join(", "));
                class::ParameterError::new_err((process.to_owned(), id, allowed))
            }
            Error::OutOfMemory { what } => class::OutOfMemory::new_err(what),
        }
    }

    fn stopped(&self, py: Python<'_>, at: usize, error: Error) -> PyErr {
        let error = renamed(error, "address", &format!("addresses[{at}]"));
        self.refused(py, &format!("processes[{at}]"), error)
    }

    /// Replays piece by piece, so that Ctrl-C is heard.
    fn pieces(
        &self,
        py: Python<'_>,
        batch: Batch<'_>,
        mut outcomes: Option<&mut [u8]>,
        mut latencies: Option<&mut [f64]>,
    ) -> PyResult<Replayed> {
        let before = self.look(py, |it| *it.counters());
        let mut stopped = None;
        let mut from = 0;
        while from < batch.addresses.len() && stopped.is_none() {
            py.check_signals()?;
            let to = (from + PIECE).min(batch.addresses.len());
            let part = Batch {
                addresses: &batch.addresses[from..to],
                kinds: batch.kinds.map(|it| &it[from..to]),
                processes: batch.processes.map(|it| &it[from..to]),
                ..batch
            };
            let results = Results {
                outcomes: outcomes.as_mut().map(|it| &mut it[from..to]),
                latencies: latencies.as_mut().map(|it| &mut it[from..to]),
            };
            match py.detach(|| self.0.lock().replay(part, results)) {
                Ok(()) => {}
                Err(it) => match it.why {
                    Why::Denied(denial) => stopped = Some((from + it.at, denial)),
                    Why::Error(error) => return Err(self.stopped(py, from + it.at, error)),
                },
            }
            from = to;
        }
        let (counters, time_ns) = self.look(py, |it| {
            let counters = it.counters().since(&before);
            (counters, counters.time_ns(it.times()))
        });
        Ok(Replayed { counters, time_ns, stopped })
    }
}
