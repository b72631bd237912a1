//! How placements are made.
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use parking_lot::Mutex;
use pyo3::prelude::*;

use super::{Column, Placement, complain};
use crate::machines::hashing::ring::hashring::Settings;
use crate::machines::hashing::ring::tokens::Rule;
use crate::machines::hashing::ring::{
    Alphabet, BoundedRing, Error, Hash, HashRing, Jump, Maglev, Modulo, MultiProbe, RandomTable, Rendezvous,
    Scheme, Server,
};
use crate::sim::Invalid;

/// Servers of these names; Python has brought the lists to one length.
pub fn servers(names: Vec<String>, weights: Vec<f64>, racks: Vec<Option<String>>) -> Vec<Server> {
    let all = names.into_iter().zip(weights).zip(racks);
    all.map(|((name, weight), rack)| Server { name, weight, rack }).collect()
}

const RULES: [(&str, Rule); 6] = [
    ("hashed", Rule::Hashed),
    ("even", Rule::Even),
    ("given", Rule::Given),
    ("uhashring", Rule::Uhashring),
    ("uhashring-ketama", Rule::UhashringKetama),
    ("ketama", Rule::Libketama),
];

fn rule(placement: &str) -> Result<Rule, Invalid> {
    let found = RULES.iter().find(|(name, _)| *name == placement);
    found.map(|(_, it)| *it).ok_or_else(|| Invalid::new("placement", placement, "'hashed' or 'even'"))
}

/// What a rule is called.
pub fn name(rule: Rule) -> &'static str {
    RULES.iter().find(|(_, it)| *it == rule).map_or("", |(name, _)| name)
}

fn settings(bits: u32, hash: &str, vnodes: u32, placement: &str, seed: u64) -> Result<Settings, Invalid> {
    let rule = rule(placement)?;
    let decimal = matches!(rule, Rule::Uhashring | Rule::UhashringKetama | Rule::Libketama);
    Ok(Settings { bits, hash: hash.parse()?, vnodes, rule, seed, decimal })
}

/// How often to listen for Ctrl-C.
const PATIENCE: Duration = Duration::from_millis(20);

/// Up to so many virtual nodes or entries of a table, a placement is made before anybody could press a key.
const SMALL: u64 = 1 << 18;

/// Makes a placement of that size while this thread listens for Ctrl-C. When it comes, what is being made is left
/// alone: it shares nothing with anybody, is done within seconds, for sizes have bounds, and is dropped then.
fn made(
    py: Python<'_>,
    size: u64,
    build: impl FnOnce() -> Result<Scheme, Error> + Send + 'static,
) -> PyResult<Placement> {
    if size <= SMALL {
        return py.detach(build).map(Placement::of).map_err(|it| complain(py, it));
    }
    let (sender, receiver) = channel();
    let receiver = Mutex::new(receiver);
    let worker = std::thread::spawn(move || {
        // Nobody listens any more after Ctrl-C.
        let _ = sender.send(build());
    });
    loop {
        match py.detach(|| receiver.lock().recv_timeout(PATIENCE)) {
            Ok(found) => return found.map(Placement::of).map_err(|it| complain(py, it)),
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(RecvTimeoutError::Disconnected) => {
                let panic = py.detach(|| worker.join()).expect_err("it went away without an answer");
                std::panic::resume_unwind(panic);
            }
        }
    }
}

/// A ring.
#[pyfunction]
#[pyo3(signature = (names, weights, racks, *, bits, hash, vnodes, placement, seed, tokens = None, epsilon = None))]
#[allow(clippy::too_many_arguments)]
fn hash_ring(
    py: Python<'_>,
    names: Vec<String>,
    weights: Vec<f64>,
    racks: Vec<Option<String>>,
    bits: u32,
    hash: &str,
    vnodes: u32,
    placement: &str,
    seed: u64,
    tokens: Option<Vec<Vec<u128>>>,
    epsilon: Option<f64>,
) -> PyResult<Placement> {
    let servers = servers(names, weights, racks);
    let size = servers.len() as u64 * u64::from(vnodes);
    let (hash, placement) = (hash.to_owned(), placement.to_owned());
    let build = move || -> Result<Scheme, Error> {
        let settings = settings(bits, &hash, vnodes, &placement, seed)?;
        match (tokens, epsilon) {
            (_, Some(epsilon)) => BoundedRing::new(settings, servers, epsilon).map(Scheme::Bounded),
            (Some(tokens), None) => HashRing::given(settings, servers, tokens).map(Scheme::Ring),
            (None, None) => HashRing::new(settings, servers).map(Scheme::Ring),
        }
    };
    made(py, size, build)
}

/// A placement without a ring: `size` is what the kind needs of one.
#[pyfunction]
#[pyo3(signature = (kind, names, weights, *, hash, seed = 0, size = 0))]
fn other_placement(
    py: Python<'_>,
    kind: &str,
    names: Vec<String>,
    weights: Vec<f64>,
    hash: &str,
    seed: u64,
    size: u32,
) -> PyResult<Placement> {
    let racks = vec![None; names.len()];
    let servers = servers(names, weights, racks);
    let (kind, hash) = (kind.to_owned(), hash.to_owned());
    let build = move || -> Result<Scheme, Error> {
        let hash: Hash = hash.parse()?;
        match &*kind {
            "modulo" => Modulo::new(servers, hash).map(Scheme::Modulo),
            "jump" => Jump::new(servers, hash).map(Scheme::Jump),
            "rendezvous" => Rendezvous::new(servers, hash, seed).map(Scheme::Rendezvous),
            "maglev" => Maglev::new(servers, hash, seed, size).map(Scheme::Maglev),
            "multi-probe" => MultiProbe::new(servers, hash, seed, size).map(Scheme::MultiProbe),
            "random-table" => RandomTable::new(servers, hash, seed, size).map(Scheme::RandomTable),
            _ => Err(Invalid::new("kind", kind, "a kind of placement").into()),
        }
    };
    made(py, u64::from(size), build)
}

/// Ranges of keys in their order, by boundaries or by a sample.
#[pyfunction]
fn alphabet<'py>(
    py: Python<'py>,
    names: Vec<String>,
    weights: Vec<f64>,
    by: &str,
    kind: &str,
    data: &Bound<'py, PyAny>,
    width: usize,
) -> PyResult<Placement> {
    let racks = vec![None; names.len()];
    let servers = servers(names, weights, racks);
    let keys = Column::new(kind, data, width)?;
    let built = keys.whole(py, |keys| match by {
        "boundaries" => Alphabet::by_boundaries(servers, keys),
        _ => Alphabet::by_sample(servers, keys),
    })?;
    built.map(|it| Placement::of(Scheme::Alphabet(it))).map_err(|it| complain(py, it))
}

/// Adds what is here to the native module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(hash_ring, m)?)?;
    m.add_function(wrap_pyfunction!(other_placement, m)?)?;
    m.add_function(wrap_pyfunction!(alphabet, m)?)
}
