//! Reference strings: traces read from files and written to them, and generators.
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use numpy::{PyArray1, PyReadonlyArray1};
use parking_lot::Mutex;
use pyo3::exceptions::{PyMemoryError, PyOSError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::machines::memory::reference::csv::{Base, Column, Csv, Table};
use crate::machines::memory::reference::error::Foreign;
use crate::machines::memory::reference::generate::Generator;
use crate::machines::memory::reference::lackey::{self, Lackey, Malformed, Modify};
use crate::machines::memory::reference::oracle_general::{self, OracleGeneral, Requests};
use crate::machines::memory::reference::pieces::{self, Uncut};
use crate::machines::memory::reference::reader::{Format, Reader, Step};
use crate::machines::memory::reference::stream::{Blocks, Packing, Sink};
use crate::machines::memory::reference::{Pieces, Place, References, TraceError};
use crate::py::errors::{bad_type, class, from_invalid};
use crate::sim::Invalid;

/// How long to wait for a trace before Ctrl-C is heard.
const PATIENCE: Duration = Duration::from_millis(20);
/// How many references are made, cut or written before Ctrl-C is heard.
const PIECE: usize = 1 << 16;

/// Adds what is here to the native module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<TraceReader>()?;
    m.add_class::<RequestReader>()?;
    m.add_function(wrap_pyfunction!(trace_split, m)?)?;
    m.add_function(wrap_pyfunction!(trace_save, m)?)?;
    m.add_function(wrap_pyfunction!(requests_save, m)?)?;
    m.add_function(wrap_pyfunction!(requests_next, m)?)?;
    m.add_function(wrap_pyfunction!(generate_steps, m)?)?;
    m.add_function(wrap_pyfunction!(generate_uniform, m)?)?;
    m.add_function(wrap_pyfunction!(generate_zipf, m)?)?;
    m.add_function(wrap_pyfunction!(generate_phases, m)?)?;
    m.add_function(wrap_pyfunction!(generate_matrix, m)?)?;
    m.add_function(wrap_pyfunction!(generate_chase, m)?)?;
    m.add_function(wrap_pyfunction!(generate_mixed, m)?)
}

type Columns<'py> = (Bound<'py, PyArray1<u64>>, Bound<'py, PyArray1<u8>>, Bound<'py, PyArray1<u32>>);
type RequestColumns<'py> = (
    Bound<'py, PyArray1<u32>>,
    Bound<'py, PyArray1<u64>>,
    Bound<'py, PyArray1<u32>>,
    Bound<'py, PyArray1<i64>>,
);

fn columns(py: Python<'_>, mut it: References) -> Columns<'_> {
    // Columns grow by doubling; what they did not need goes back.
    it.addresses.shrink_to_fit();
    it.kinds.shrink_to_fit();
    it.sizes.shrink_to_fit();
    let (addresses, kinds) = (PyArray1::from_vec(py, it.addresses), PyArray1::from_vec(py, it.kinds));
    (addresses, kinds, PyArray1::from_vec(py, it.sizes))
}

// --- reading ---------------------------------------------------------------------------------------------

/// A reference string that is being read.
#[pyclass(frozen, module = "distlab._core")]
struct TraceReader(Mutex<Reading>);

/// A reader, and what it read beyond what was asked for.
struct Reading {
    source: Source,
    surplus: References,
}

enum Source {
    Lackey(Reader<Lackey>),
    Csv(Reader<Csv>),
}

#[pymethods]
impl TraceReader {
    /// Reads Lackey's text.
    #[staticmethod]
    fn lackey(
        py: Python<'_>,
        path: &Bound<'_, PyAny>,
        page_bits: Option<u32>,
        modify: &str,
        malformed: &str,
        fetches: bool,
    ) -> PyResult<Self> {
        let pieces = Pieces::of(page_bits).map_err(|it| from_invalid(py, &it))?;
        let modify = if modify == "write" { Modify::Write } else { Modify::Both };
        let malformed = if malformed == "skip" { Malformed::Skip } else { Malformed::Refuse };
        let format = Lackey::new(pieces, modify, malformed, fetches);
        let source = Source::Lackey(Reader::new(format, open::<Lackey>(py, path)?));
        Ok(Self(Mutex::new(Reading { source, surplus: References::default() })))
    }

    /// Reads a table.
    #[staticmethod]
    #[expect(clippy::too_many_arguments, reason = "Python's facade gives them names and defaults")]
    fn csv(
        py: Python<'_>,
        path: &Bound<'_, PyAny>,
        address: &Bound<'_, PyAny>,
        kind: &Bound<'_, PyAny>,
        size: &Bound<'_, PyAny>,
        header: Option<bool>,
        delimiter: u8,
        base: &str,
        page_bits: Option<u32>,
    ) -> PyResult<Self> {
        let table = Table {
            delimiter,
            header,
            address: column(address)?,
            kind: if kind.is_none() { None } else { Some(column(kind)?) },
            size: if size.is_none() { None } else { Some(column(size)?) },
            base: match base {
                "10" => Base::Ten,
                "16" => Base::Sixteen,
                _ => Base::Told,
            },
            pieces: Pieces::of(page_bits).map_err(|it| from_invalid(py, &it))?,
        };
        let format = Csv::new(table).map_err(|it| from_invalid(py, &it))?;
        let source = Source::Csv(Reader::new(format, open::<Csv>(py, path)?));
        Ok(Self(Mutex::new(Reading { source, surplus: References::default() })))
    }

    /// The next references, at most `limit`; None at the end.
    fn next<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Option<Columns<'py>>> {
        let Some(mut reading) = self.0.try_lock() else { return Err(busy(py)) };
        let mut out = std::mem::take(&mut reading.surplus);
        let ended = match &mut reading.source {
            Source::Lackey(it) => drive(py, it, &mut out, limit)?,
            Source::Csv(it) => drive(py, it, &mut out, limit)?,
        };
        if out.len() > limit {
            reading.surplus = out.split_off(limit);
        }
        Ok(if ended && out.is_empty() { None } else { Some(columns(py, out)) })
    }

    /// How many lines were skipped so far.
    #[getter]
    fn skipped(&self, py: Python<'_>) -> PyResult<u64> {
        match &self.0.try_lock().ok_or_else(|| busy(py))?.source {
            Source::Lackey(it) => Ok(it.format().skipped()),
            Source::Csv(_) => Ok(0),
        }
    }
}

/// Requests of libCacheSim that are being read.
#[pyclass(frozen, module = "distlab._core")]
struct RequestReader(Mutex<Reader<OracleGeneral>>);

#[pymethods]
impl RequestReader {
    #[new]
    fn new(py: Python<'_>, path: &Bound<'_, PyAny>) -> PyResult<Self> {
        let blocks = open::<OracleGeneral>(py, path)?;
        Ok(Self(Mutex::new(Reader::new(OracleGeneral::default(), blocks))))
    }

    /// The next requests, at most `limit`; None at the end.
    fn next<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Option<RequestColumns<'py>>> {
        let Some(mut reader) = self.0.try_lock() else { return Err(busy(py)) };
        let mut out = Requests::default();
        let ended = drive(py, &mut reader, &mut out, limit)?;
        if ended && out.objects.is_empty() {
            return Ok(None);
        }
        let (times, objects) = (PyArray1::from_vec(py, out.times), PyArray1::from_vec(py, out.objects));
        Ok(Some((times, objects, PyArray1::from_vec(py, out.sizes), PyArray1::from_vec(py, out.next))))
    }
}

fn busy(py: Python<'_>) -> PyErr {
    bad_type("trace", &py.None().into_bound(py), "a reader that no other thread is reading from")
}

fn column(given: &Bound<'_, PyAny>) -> PyResult<Column> {
    Ok(match given.extract::<String>() {
        Ok(name) => Column::Name(name),
        Err(_) => Column::Number(given.extract()?),
    })
}

/// Reads until there is enough; true: the trace is at its end.
fn drive<F>(py: Python<'_>, reader: &mut Reader<F>, out: &mut F::Columns, limit: usize) -> PyResult<bool>
where
    F: Format<Columns: Send> + Send,
{
    let reader = Mutex::new(reader);
    py.detach(|| {
        let mut reader = reader.lock();
        loop {
            match reader.step(out, limit, PATIENCE) {
                Ok(Step::More) => Python::attach(|py| py.check_signals())?,
                Ok(step) => return Ok(step == Step::End),
                Err(error) => return Err(Python::attach(|py| from_trace(py, error))),
            }
        }
    })
}

/// The blocks of a file, or of an object with a method `read`.
fn open<F: Format>(py: Python<'_>, from: &Bound<'_, PyAny>) -> PyResult<Blocks> {
    if from.hasattr("read")? {
        let object = PythonFile { object: from.clone().unbind(), rest: vec![], read: 0 };
        return Blocks::inline(Box::new(object), F::UNIT).map_err(|it| from_io(py, it));
    }
    let allowed = "a path, or a file object open for reading";
    let path: PathBuf = from.extract().map_err(|_| bad_type("path", from, allowed))?;
    let blocks = py.detach(|| File::open(&path).and_then(|file| Blocks::ahead(Box::new(file), F::UNIT)));
    blocks.map_err(|it| about_file(it, &path))
}

/// A file object of Python's.
struct PythonFile {
    object: Py<PyAny>,
    rest: Vec<u8>,
    read: usize,
}

impl Read for PythonFile {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.read == self.rest.len() {
            let wanted = to.len().clamp(1 << 16, 1 << 20);
            let foreign = |error: PyErr| io::Error::other(Foreign(Box::new(error)));
            self.rest = Python::attach(|py| self.more(py, wanted)).map_err(foreign)?;
            self.read = 0;
        }
        let count = to.len().min(self.rest.len() - self.read);
        to[..count].copy_from_slice(&self.rest[self.read..self.read + count]);
        self.read += count;
        Ok(count)
    }
}

impl PythonFile {
    fn more(&self, py: Python<'_>, wanted: usize) -> PyResult<Vec<u8>> {
        let got = self.object.bind(py).call_method1("read", (wanted,))?;
        if let Ok(bytes) = got.cast::<PyBytes>() {
            return Ok(bytes.as_bytes().to_vec());
        }
        if let Ok(text) = got.cast::<PyString>() {
            let text: Cow<'_, str> = text.extract()?;
            return Ok(text.as_bytes().to_vec());
        }
        let bytes: Result<Vec<u8>, _> = got.extract();
        bytes.map_err(|_| bad_type("path.read()", &got, "bytes or text"))
    }
}

// --- errors ----------------------------------------------------------------------------------------------

fn from_trace(py: Python<'_>, error: TraceError) -> PyErr {
    let text = error.to_string();
    let about = |place: Place| match place {
        Place::Line(it) => (Some(it), None),
        Place::Record(it) => (None, Some(it)),
    };
    match error {
        TraceError::Malformed { place, found, allowed } => {
            let (line, record) = about(place);
            class::TraceError::new_err((place.to_string(), found, allowed, None::<String>, line, record))
        }
        TraceError::Truncated { place } | TraceError::Damaged { place, .. } => {
            let (line, record) = about(place);
            class::TraceError::new_err(("path", None::<String>, "a whole trace", text, line, record))
        }
        TraceError::Io(error) => from_io(py, error),
        TraceError::Invalid(it) => from_invalid(py, &it),
    }
}

/// What a file object raised is raised as it was.
fn from_io(py: Python<'_>, error: io::Error) -> PyErr {
    if error.get_ref().is_some_and(|it| it.is::<Foreign>()) {
        let foreign = error.into_inner().and_then(|it| it.downcast::<Foreign>().ok());
        return match foreign.map(|it| it.0.downcast::<PyErr>()) {
            Some(Ok(raised)) => *raised,
            _ => PyOSError::new_err("the source cannot be read"),
        };
    }
    let place = Place::Line(0);
    match error.kind() {
        // Bytes that end before they were unpacked for the first time.
        io::ErrorKind::UnexpectedEof => from_trace(py, TraceError::Truncated { place }),
        _ => error.into(),
    }
}

/// An error of the operating system, about a file.
fn about_file(error: io::Error, path: &std::path::Path) -> PyErr {
    match error.raw_os_error() {
        Some(number) => {
            let text = error.to_string();
            let text = text.split(" (os error").next().unwrap_or_default().to_owned();
            PyOSError::new_err((number, text, path.to_path_buf()))
        }
        None => error.into(),
    }
}

// --- cutting and writing ---------------------------------------------------------------------------------

/// Asked often, answers seldom: whether nobody wants to stop, and what stopped it.
fn listen(interrupted: &mut Option<PyErr>) -> bool {
    *interrupted = Python::attach(|py| py.check_signals()).err();
    interrupted.is_none()
}

/// References cut where pages begin.
#[pyfunction]
fn trace_split<'py>(
    py: Python<'py>,
    addresses: PyReadonlyArray1<'py, u64>,
    kinds: PyReadonlyArray1<'py, u8>,
    sizes: PyReadonlyArray1<'py, u32>,
    page_bits: u32,
) -> PyResult<Columns<'py>> {
    let (addresses, kinds, sizes) = (addresses.as_slice()?, kinds.as_slice()?, sizes.as_slice()?);
    let pieces = Pieces::of(Some(page_bits)).map_err(|it| from_invalid(py, &it))?;
    let mut interrupted = None;
    let result = py.detach(|| {
        let mut asked = 0u32;
        let mut go_on = || {
            asked += 1;
            !asked.is_multiple_of(16) || listen(&mut interrupted)
        };
        pieces::cut(addresses, kinds, sizes, pieces, &mut go_on)
    });
    match result {
        Ok(it) => Ok(columns(py, it)),
        Err(Uncut::TooMany(total)) => {
            Err(PyMemoryError::new_err(format!("{total} references of one page each do not fit into memory")))
        }
        Err(Uncut::PastTheEnd(at)) => Err(class::ParameterError::new_err((
            format!("sizes[{at}]"),
            sizes[at],
            "a size within the 64-bit address space",
        ))),
        Err(Uncut::Cancelled) => Err(interrupted.unwrap_or_else(|| PyErr::fetch(py))),
    }
}

fn packing(name: &str) -> Packing {
    match name {
        "gzip" => Packing::Gzip,
        "zstd" => Packing::Zstd,
        _ => Packing::Plain,
    }
}

/// Writes `count` rows, a few at a time.
fn save(
    py: Python<'_>,
    path: &std::path::Path,
    packed: &str,
    level: i32,
    count: usize,
    bytes: impl Fn(std::ops::Range<usize>) -> io::Result<Vec<u8>> + Send + Sync,
) -> PyResult<()> {
    let mut interrupted = None;
    let written = py.detach(|| {
        let mut sink = Sink::create(path, packing(packed), level)?;
        for from in (0..count).step_by(PIECE) {
            let written = bytes(from..count.min(from + PIECE)).and_then(|it| sink.write_all(&it));
            if written.is_err() || !listen(&mut interrupted) {
                sink.abandon();
                return written;
            }
        }
        sink.finish()
    });
    match interrupted {
        Some(error) => Err(error),
        None => written.map_err(|it| about_file(it, path)),
    }
}

/// Writes Lackey's text.
#[pyfunction]
fn trace_save(
    py: Python<'_>,
    path: PathBuf,
    packing: &str,
    level: i32,
    addresses: PyReadonlyArray1<'_, u64>,
    kinds: PyReadonlyArray1<'_, u8>,
    sizes: PyReadonlyArray1<'_, u32>,
) -> PyResult<()> {
    let (addresses, kinds, sizes) = (addresses.as_slice()?, kinds.as_slice()?, sizes.as_slice()?);
    save(py, &path, packing, level, addresses.len(), |rows| {
        let mut text = vec![];
        lackey::write(&addresses[rows.clone()], &kinds[rows.clone()], &sizes[rows], &mut text)?;
        Ok(text)
    })
}

/// Writes libCacheSim's records.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "Python's facade gives them names and defaults")]
fn requests_save(
    py: Python<'_>,
    path: PathBuf,
    packing: &str,
    level: i32,
    times: PyReadonlyArray1<'_, u32>,
    objects: PyReadonlyArray1<'_, u64>,
    sizes: PyReadonlyArray1<'_, u32>,
    next: PyReadonlyArray1<'_, i64>,
) -> PyResult<()> {
    let (times, objects, sizes, next) =
        (times.as_slice()?, objects.as_slice()?, sizes.as_slice()?, next.as_slice()?);
    save(py, &path, packing, level, objects.len(), |rows| {
        Ok(oracle_general::write(&Requests {
            times: times[rows.clone()].to_vec(),
            objects: objects[rows.clone()].to_vec(),
            sizes: sizes[rows.clone()].to_vec(),
            next: next[rows].to_vec(),
        }))
    })
}

/// Of each request the number of the next for the same object.
#[pyfunction]
fn requests_next<'py>(
    py: Python<'py>,
    objects: PyReadonlyArray1<'py, u64>,
) -> PyResult<Bound<'py, PyArray1<i64>>> {
    let objects = objects.as_slice()?;
    let next = py.detach(|| oracle_general::next_requests(objects)).map_err(|it| from_invalid(py, &it))?;
    Ok(PyArray1::from_vec(py, next))
}

// --- generators ------------------------------------------------------------------------------------------

type Made<'py> = PyResult<Bound<'py, PyArray1<u64>>>;

/// The first `count` of a string.
fn made(
    py: Python<'_>,
    count: usize,
    generator: impl FnOnce() -> Result<Generator, Invalid> + Send,
) -> Made<'_> {
    let mut interrupted = None;
    let made = py.detach(|| {
        let mut generator = generator()?;
        let mut out = Vec::new();
        if out.try_reserve_exact(count).is_err() {
            return Ok(None);
        }
        while out.len() < count && (out.len() / PIECE % 16 != 15 || listen(&mut interrupted)) {
            let from = out.len();
            out.resize(count.min(from + PIECE), 0);
            generator.fill(&mut out[from..]);
        }
        Ok(Some(out))
    });
    if let Some(error) = interrupted {
        return Err(error);
    }
    let out = made.map_err(|it| from_invalid(py, &it))?;
    let out =
        out.ok_or_else(|| PyMemoryError::new_err(format!("{count} references do not fit into memory")))?;
    Ok(PyArray1::from_vec(py, out))
}

/// From `start` on in steps, starting again after `period` of them.
#[pyfunction]
fn generate_steps(py: Python<'_>, count: usize, start: u64, step: i64, period: u64) -> Made<'_> {
    made(py, count, || Generator::steps(start, step as u64, period))
}

/// Any page, all alike.
#[pyfunction]
fn generate_uniform(py: Python<'_>, count: usize, pages: u64, seed: u64) -> Made<'_> {
    made(py, count, || Generator::uniform(pages, seed))
}

/// A few pages often, most rarely.
#[pyfunction]
fn generate_zipf(py: Python<'_>, count: usize, pages: u64, alpha: f64, permute: bool, seed: u64) -> Made<'_> {
    made(py, count, || Generator::zipf(pages, alpha, permute, seed))
}

/// A working set for a while, then another.
#[pyfunction]
fn generate_phases(
    py: Python<'_>,
    count: usize,
    pages: u64,
    working_set: u64,
    phase_length: u64,
    outside: f64,
    seed: u64,
) -> Made<'_> {
    made(py, count, || Generator::phases(pages, working_set, phase_length, outside, seed))
}

/// The elements of a matrix.
#[pyfunction]
fn generate_matrix(
    py: Python<'_>,
    count: usize,
    rows: u64,
    columns: u64,
    element_size: u64,
    base: u64,
    by_columns: bool,
) -> Made<'_> {
    made(py, count, || Generator::matrix(rows, columns, element_size, base, by_columns))
}

/// All nodes in the order of a random cycle.
#[pyfunction]
fn generate_chase(
    py: Python<'_>,
    count: usize,
    nodes: u64,
    node_size: u64,
    base: u64,
    seed: u64,
) -> Made<'_> {
    made(py, count, || Generator::chase(nodes, node_size, base, seed))
}

/// A loop that is interrupted.
#[pyfunction]
fn generate_mixed(
    py: Python<'_>,
    count: usize,
    looped: u64,
    pages: u64,
    random_fraction: f64,
    seed: u64,
) -> Made<'_> {
    made(py, count, || Generator::mixed(looped, pages, random_fraction, seed))
}
