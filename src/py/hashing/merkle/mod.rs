//! Merkle trees, and how replicas compare them.
mod read;

use std::sync::Arc;

use numpy::PyArray1;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use super::keys::{CHUNK, Column};
use crate::machines::hashing::merkle::{
    Builder, Content, Diff, Encoding, Error, Hash, Key, Order, Proof, Scheme, Shape, Tree,
};
use crate::py::errors::{bad_value, class, from_invalid};
use crate::sim::Invalid;
use read::{Chunk, Columns, Given, Values, key, read_keys, show, show_all};

/// A Merkle tree. Readers share it; who changes it while somebody reads has a copy of his own.
///
/// The lock is never held while waiting for the interpreter, so whoever holds the interpreter may wait for it.
#[pyclass(frozen, module = "distlab._core")]
pub struct MerkleTree {
    tree: Mutex<Arc<Tree>>,
}

/// Where a leaf begins and before which key it ends.
type Bounds<'py> = (Option<Bound<'py, PyAny>>, Option<Bound<'py, PyAny>>);

/// Leaf, hashes before and after in it, siblings from it up.
type Path<'py> = (u32, Bound<'py, PyList>, Bound<'py, PyList>, Bound<'py, PyList>);

fn complain(py: Python<'_>, error: Error) -> PyErr {
    match error {
        Error::Invalid(it) => from_invalid(py, &it),
        Error::Missing => class::MissingKey::new_err(py.None()),
        Error::Mismatch { what, ours, theirs } => class::TreeMismatch::new_err((what, ours, theirs)),
        Error::Outside { key, position, first, last } => match show(py, &key) {
            Ok(key) => {
                let allowed =
                    format!("a key from position {first} to {last} of the ring; it is at {position}");
                bad_value("key", &key, allowed)
            }
            Err(error) => error,
        },
    }
}

/// The same; who knows the key names it.
fn complain_about(error: Error, key: &Bound<'_, PyAny>) -> PyErr {
    match error {
        Error::Missing => class::MissingKey::new_err(key.clone().unbind()),
        other => complain(key.py(), other),
    }
}

fn one(item: &Bound<'_, PyAny>) -> PyResult<Key> {
    key(item, &|| "key".to_owned())
}

impl MerkleTree {
    fn of(py: Python<'_>, scheme: Result<Scheme, Invalid>, shape: Result<Shape, Invalid>) -> PyResult<Self> {
        let tree = scheme.and_then(|scheme| py.detach(|| Tree::new(scheme, shape?)));
        Ok(Self { tree: Mutex::new(Arc::new(tree.map_err(|it| from_invalid(py, &it))?)) })
    }

    fn now(&self) -> Arc<Tree> {
        Arc::clone(&self.tree.lock())
    }

    fn change<T>(&self, change: impl FnOnce(&mut Tree) -> Result<T, Error>) -> Result<T, Error> {
        change(Arc::make_mut(&mut self.tree.lock()))
    }
}

#[pymethods]
impl MerkleTree {
    /// A tree of the same kind without pairs.
    fn like(&self, py: Python<'_>) -> PyResult<Self> {
        let tree = self.now();
        Self::of(py, Ok(*tree.scheme()), Ok(tree.shape().clone()))
    }

    /// A tree of its own that is equal.
    fn copy(&self) -> Self {
        Self { tree: Mutex::new(self.now()) }
    }

    /// Whether the other one is of the same kind and has the same root.
    fn __eq__(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.now(), other.now());
        ours.comparable(&theirs).is_ok() && ours.root() == theirs.root()
    }

    /// Adds many pairs or replaces them: all or, if one is refused, none.
    fn update<'py>(&self, py: Python<'py>, keys: Given<'py>, values: Given<'py>) -> PyResult<()> {
        let columns = Columns::new(&keys, &values)?;
        let (count, others) = columns.lengths();
        if count != others {
            let wrong = Invalid::new("values", format!("{others} values"), "one for every key");
            return Err(from_invalid(py, &wrong));
        }
        let base = self.now();
        let mut builder = Builder::new(*base.scheme(), base.shape()).map_err(|it| from_invalid(py, &it))?;
        builder.reserve(count);
        let mut chunk = Chunk::default();
        for from in (0..count).step_by(CHUNK) {
            columns.read(from, count.min(from + CHUNK), &mut chunk)?;
            let (keys, values) = (&mut chunk.keys, &chunk.values);
            let push = || keys.drain(..).zip(values.iter()).try_for_each(|(key, it)| builder.push(key, it));
            py.detach(push).map_err(|it| complain(py, it))?;
            py.check_signals()?;
        }
        let pairs = builder.finish();
        if !base.is_empty() {
            drop(base); // So that the tree need not be copied.
            py.detach(|| Arc::make_mut(&mut self.tree.lock()).extend(pairs));
            return Ok(());
        }
        // Built aside: whoever holds the lock must not ask the interpreter about Ctrl-C.
        let mut interrupted = Ok(());
        let built = py.detach(|| {
            let mut fresh = (*base).clone();
            let mut go_on = || {
                interrupted = Python::attach(|py| py.check_signals());
                interrupted.is_ok()
            };
            fresh.extend_while(pairs, &mut go_on).then_some(fresh)
        });
        interrupted?;
        if let Some(fresh) = built {
            drop(base);
            py.detach(|| {
                let mut tree = self.tree.lock();
                if tree.is_empty() {
                    *tree = Arc::new(fresh);
                } else {
                    // Another thread has put something meanwhile.
                    Arc::make_mut(&mut tree).extend(fresh.into_pairs());
                }
            });
        }
        Ok(())
    }

    /// Adds a pair or replaces it; whether the key is new.
    fn put(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        let found = one(key)?;
        let mut values = Values::default();
        values.read(value, &|| "value".to_owned())?;
        let value = values.iter().next().unwrap_or_else(|| b"".as_slice().into());
        self.change(|tree| tree.put(found, value)).map_err(|it| complain(key.py(), it))
    }

    /// The same, by the hash of the pair.
    fn put_hash(&self, key: &Bound<'_, PyAny>, hash: &[u8]) -> PyResult<bool> {
        let found = one(key)?;
        self.change(|tree| tree.put_hash(found, hash)).map_err(|it| complain(key.py(), it))
    }

    /// Takes a pair out.
    fn delete(&self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        let found = one(key)?;
        self.change(|tree| tree.delete(found)).map_err(|it| complain_about(it, key))
    }

    /// The hash of the pair of a key; None if there is none.
    fn pair_hash<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let tree = self.now();
        match tree.pair(&one(key)?) {
            Ok(found) => Ok(found.map(|it| PyBytes::new(key.py(), it))),
            Err(Error::Outside { .. }) => Ok(None),
            Err(it) => Err(complain(key.py(), it)),
        }
    }

    /// The leaf of a key.
    fn leaf_of(&self, key: &Bound<'_, PyAny>) -> PyResult<u32> {
        let tree = self.now();
        tree.shape().leaf_of(&one(key)?).map_err(|it| complain(key.py(), it))
    }

    /// How many pairs.
    fn __len__(&self) -> usize {
        self.now().len()
    }

    /// The hash of a node; None if there is none.
    fn node<'py>(&self, py: Python<'py>, level: usize, index: usize) -> Option<Bound<'py, PyBytes>> {
        self.now().node(level, index).map(|it| PyBytes::new(py, it))
    }

    /// What it is made of: hash, encoding, bytes of a pair's hash, order, depth, memory in bytes.
    fn settings(&self) -> (&'static str, &'static str, usize, &'static str, u32, u64) {
        let tree = self.now();
        let (scheme, shape) = (tree.scheme(), tree.shape());
        let kind = (scheme.hash.name(), scheme.encoding.name(), scheme.width);
        (kind.0, kind.1, kind.2, shape.order().name(), shape.depth(), tree.size_bytes())
    }

    /// The ring whose positions the tree covers: hash, bits, first and last position. None if ordered by key.
    fn ring(&self) -> Option<(&'static str, u32, u128, u128)> {
        match *self.now().shape().order() {
            Order::Hashed { hash, bits, first, last } => Some((hash.name(), bits, first, last)),
            Order::Sorted { .. } => None,
        }
    }

    /// The first and the last position of a leaf; None if it has none, or if ordered by key.
    fn positions(&self, leaf: u32) -> Option<(u128, u128)> {
        self.now().shape().positions(leaf)
    }

    /// The keys at which a leaf begins and before which it ends; None if it has no keys, or if ordered by hash.
    fn bounds<'py>(&self, py: Python<'py>, leaf: u32) -> PyResult<Option<Bounds<'py>>> {
        let tree = self.now();
        let Some((from, to)) = tree.shape().bounds(leaf) else { return Ok(None) };
        let shown = |it: Option<&Key>| it.map(|it| show(py, it)).transpose();
        Ok(Some((shown(from)?, shown(to)?)))
    }

    /// The keys of the leaves from one on to before another.
    fn keys<'py>(&self, py: Python<'py>, first: u32, end: u32) -> PyResult<Bound<'py, PyList>> {
        let tree = self.now();
        let keys: Vec<_> = tree.keys(first, end).map(|(it, _)| show(py, it)).collect::<PyResult<_>>()?;
        PyList::new(py, keys)
    }

    /// In what another tree differs, and what it took to find out.
    fn diff<'py>(&self, py: Python<'py>, other: &Self) -> PyResult<Bound<'py, PyDict>> {
        let (ours, theirs) = (self.now(), other.now());
        let diff = py.detach(|| ours.diff(&theirs)).map_err(|it| complain(py, it))?;
        describe(py, &diff)
    }

    /// A proof that a key is there: leaf, hashes before and after in the leaf, siblings from the leaf up.
    fn proof<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Path<'py>> {
        let proof = self.now().proof(&one(key)?).map_err(|it| complain_about(it, key))?;
        let all =
            |hashes: &[Vec<u8>]| PyList::new(key.py(), hashes.iter().map(|it| PyBytes::new(key.py(), it)));
        Ok((proof.leaf, all(&proof.before)?, all(&proof.after)?, all(&proof.siblings)?))
    }

    /// As bytes.
    fn save<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let tree = self.now();
        let bytes = py.detach(|| postcard::to_stdvec(&*tree));
        Ok(PyBytes::new(py, &bytes.map_err(|it| class::SerializationError::new_err(it.to_string()))?))
    }

    /// From bytes.
    #[staticmethod]
    fn load(py: Python<'_>, bytes: &[u8]) -> PyResult<Self> {
        let tree: Result<Tree, _> = py.detach(|| postcard::from_bytes(bytes));
        let tree = tree.map_err(|it| class::SerializationError::new_err(it.to_string()))?;
        Ok(Self { tree: Mutex::new(Arc::new(tree)) })
    }
}

fn describe<'py>(py: Python<'py>, diff: &Diff) -> PyResult<Bound<'py, PyDict>> {
    let found = PyDict::new(py);
    found.set_item("missing_here", show_all(py, &diff.missing_here)?)?;
    found.set_item("missing_there", show_all(py, &diff.missing_there)?)?;
    found.set_item("different", show_all(py, &diff.different)?)?;
    found.set_item("leaves", PyArray1::from_slice(py, &diff.leaves))?;
    let levels = PyArray1::from_iter(py, diff.compared.iter().map(|it| it.level));
    let indices = PyArray1::from_iter(py, diff.compared.iter().map(|it| it.index));
    let differs = PyArray1::from_iter(py, diff.compared.iter().map(|it| it.differs));
    found.set_item("compared", (levels, indices, differs))?;
    let messages = diff.messages.iter().map(|it| {
        let (content, level) = match it.content {
            Content::Hashes(level) => ("hashes", Some(level)),
            Content::Keys => ("keys", None),
            Content::Verdict => ("verdict", None),
        };
        (content, level, it.is_answer, it.hashes, it.keys, it.bytes)
    });
    found.set_item("messages", messages.collect::<Vec<_>>())?;
    found.set_item("scan", (diff.scan.hashes, diff.scan.bytes, diff.scan.copy_bytes))?;
    Ok(found)
}

fn parsed<T: std::str::FromStr<Err = Invalid>>(py: Python<'_>, text: &str) -> PyResult<T> {
    text.parse().map_err(|it| from_invalid(py, &it))
}

fn scheme(py: Python<'_>, hash: &str, encoding: &str) -> PyResult<Result<Scheme, Invalid>> {
    Ok(Scheme::new(parsed(py, hash)?, parsed(py, encoding)?))
}

/// A tree over positions of a ring, from one round to another.
#[pyfunction]
#[pyo3(signature = (hash, encoding, leaves, ring_hash, bits, first, last))]
#[expect(clippy::too_many_arguments, reason = "all come from Python's constructor")]
fn merkle_hashed(
    py: Python<'_>,
    hash: &str,
    encoding: &str,
    leaves: u64,
    ring_hash: &str,
    bits: u32,
    first: u128,
    last: u128,
) -> PyResult<MerkleTree> {
    let shape = Shape::hashed(leaves, parsed(py, ring_hash)?, bits, first, last);
    MerkleTree::of(py, scheme(py, hash, encoding)?, shape)
}

fn all_keys(list: &Bound<'_, PyList>, parameter: &str) -> PyResult<Vec<Key>> {
    list.iter().enumerate().map(|(i, it)| key(&it, &|| format!("{parameter}[{i}]"))).collect()
}

/// A tree over keys in their order, cut at these; `width` bytes of given hashes make it one of concatenations.
#[pyfunction]
#[pyo3(signature = (hash, encoding, splits, width = None))]
fn merkle_sorted(
    py: Python<'_>,
    hash: &str,
    encoding: &str,
    splits: &Bound<'_, PyList>,
    width: Option<usize>,
) -> PyResult<MerkleTree> {
    let shape = Shape::sorted(all_keys(splits, "splits")?);
    let scheme = match width {
        Some(width) => Scheme::concatenation(width),
        None => scheme(py, hash, encoding)?,
    };
    MerkleTree::of(py, scheme, shape)
}

/// Where to cut so that as many leaves have equally many of these keys each; one leaf a key by default.
#[pyfunction]
#[pyo3(signature = (keys, leaves = None))]
fn merkle_splits<'py>(
    py: Python<'py>,
    keys: Given<'py>,
    leaves: Option<u64>,
) -> PyResult<Bound<'py, PyList>> {
    let column = Column::new(&keys.0, &keys.1, keys.2)?;
    let mut all = Vec::new();
    read_keys(&column, 0, column.len(), &mut all)?;
    let leaves = leaves.unwrap_or((all.len() as u64).max(1));
    let shape = py.detach(|| Shape::quantiles(all, leaves)).map_err(|it| from_invalid(py, &it))?;
    match shape.order() {
        Order::Sorted { splits } => show_all(py, splits),
        Order::Hashed { .. } => Ok(PyList::empty(py)),
    }
}

/// Where keys are on a ring, of at most 64 bits as an array.
#[pyfunction]
fn merkle_positions<'py>(
    py: Python<'py>,
    hash: &str,
    bits: u32,
    keys: Given<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    use crate::machines::hashing::merkle::shape::position;
    let hash = parsed(py, hash)?;
    let column = Column::new(&keys.0, &keys.1, keys.2)?;
    let (mut chunk, mut all) = (Vec::new(), Vec::with_capacity(column.len()));
    for from in (0..column.len()).step_by(CHUNK) {
        read_keys(&column, from, column.len().min(from + CHUNK), &mut chunk)?;
        for key in &chunk {
            all.push(position(hash, bits, key).map_err(|it| from_invalid(py, &it))?);
        }
        py.check_signals()?;
    }
    if bits > 64 {
        return Ok(PyList::new(py, all)?.into_any());
    }
    Ok(PyArray1::from_iter(py, all.into_iter().map(|it| it as u64)).into_any())
}

/// Whether a proof leads from a pair, or from its hash, to a root.
#[pyfunction]
#[pyo3(signature = (kind, leaf, before, after, siblings, root, key, value = None, hash = None))]
#[expect(clippy::too_many_arguments, reason = "the parts of a proof as Python keeps them")]
fn merkle_verify(
    py: Python<'_>,
    kind: (String, String, usize),
    leaf: u32,
    before: Vec<Vec<u8>>,
    after: Vec<Vec<u8>>,
    siblings: Vec<Vec<u8>>,
    root: &[u8],
    key: &Bound<'_, PyAny>,
    value: Option<&Bound<'_, PyAny>>,
    hash: Option<&[u8]>,
) -> PyResult<bool> {
    let function: Hash = parsed(py, &kind.0)?;
    let encoding: Encoding = parsed(py, &kind.1)?;
    let scheme = match function {
        Hash::Concatenation => Scheme::concatenation(kind.2),
        _ => Scheme::new(function, encoding),
    };
    let scheme = scheme.map_err(|it| from_invalid(py, &it))?;
    let proof = Proof { scheme, leaf, before, after, siblings };
    if let Some(hash) = hash {
        return Ok(proof.verify_hash(root, hash));
    }
    let Some(value) = value else { return Ok(false) };
    let key = one(key)?;
    let mut values = Values::default();
    values.read(value, &|| "value".to_owned())?;
    // Hashes of concatenations are given, not made.
    let is_made = function != Hash::Concatenation;
    Ok(is_made && values.iter().next().is_some_and(|it| proof.verify(root, &key, it)))
}

/// Adds what is here to the native module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<MerkleTree>()?;
    m.add_function(wrap_pyfunction!(merkle_hashed, m)?)?;
    m.add_function(wrap_pyfunction!(merkle_sorted, m)?)?;
    m.add_function(wrap_pyfunction!(merkle_splits, m)?)?;
    m.add_function(wrap_pyfunction!(merkle_positions, m)?)?;
    m.add_function(wrap_pyfunction!(merkle_verify, m)?)
}
