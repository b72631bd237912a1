//! The classes of users' values: how an instance is taken down, and how its class is found again by name.
//!
//! A file names a class, and nothing more. The class itself comes from here: a process knows the classes
//! whose instances it has taken down before, and those it was given when loading.
use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple, PyType};

/// What instances of a class are made of.
pub enum Shape {
    /// The fields of a dataclass.
    Dataclass(Vec<Py<PyString>>),
    /// The items of a named tuple.
    NamedTuple,
    /// The members of an enumeration.
    Enum,
    /// Whatever attributes an instance has: a user's node.
    Node,
}

/// A class whose instances are data.
pub struct Class {
    /// `module:qualname`.
    pub key: String,
    /// The class itself.
    pub object: Py<PyType>,
    /// What its instances are made of.
    pub shape: Shape,
}

struct Registry {
    by_address: BTreeMap<usize, Arc<Class>>,
    by_key: BTreeMap<String, Arc<Class>>,
}

/// No Python code runs while it is locked. Classes stay for good, so an address is never another class's.
static REGISTRY: Mutex<Registry> =
    Mutex::new(Registry { by_address: BTreeMap::new(), by_key: BTreeMap::new() });

/// The class of a value, if instances of it are data.
pub fn of(class: &Bound<'_, PyType>) -> PyResult<Option<Arc<Class>>> {
    let known = REGISTRY.lock().by_address.get(&(class.as_ptr() as usize)).cloned();
    if let Some(known) = known {
        return Ok((!matches!(known.shape, Shape::Node)).then_some(known));
    }
    shape_of(class)?.map(|shape| enter(class, shape)).transpose()
}

/// Makes a class known: a node's, or one that a file to be loaded names.
pub fn remember(class: &Bound<'_, PyType>) -> PyResult<Arc<Class>> {
    let known = REGISTRY.lock().by_address.get(&(class.as_ptr() as usize)).cloned();
    match known {
        Some(known) => Ok(known),
        None => enter(class, shape_of(class)?.unwrap_or(Shape::Node)),
    }
}

/// The class last seen under a name.
pub fn named(key: &str) -> Option<Arc<Class>> {
    REGISTRY.lock().by_key.get(key).cloned()
}

fn enter(class: &Bound<'_, PyType>, shape: Shape) -> PyResult<Arc<Class>> {
    let key = format!("{}:{}", class.module()?.to_str()?, class.qualname()?.to_str()?);
    let entry = Arc::new(Class { key: key.clone(), object: class.clone().unbind(), shape });
    let mut registry = REGISTRY.lock();
    registry.by_address.insert(class.as_ptr() as usize, entry.clone());
    let replaced = registry.by_key.insert(key, entry.clone());
    drop(registry);
    drop(replaced);
    Ok(entry)
}

fn shape_of(class: &Bound<'_, PyType>) -> PyResult<Option<Shape>> {
    let py = class.py();
    if let Some(fields) = class.getattr_opt(intern!(py, "__dataclass_fields__"))? {
        // Node classes may be dataclasses too: what they hold beside the fields counts as well.
        let node = py.import(intern!(py, "distlab.node"))?.getattr(intern!(py, "Node"))?;
        return if class.is_subclass(&node)? { Ok(None) } else { dataclass(&fields).map(Some) };
    }
    if class.is_subclass(&py.import(intern!(py, "enum"))?.getattr(intern!(py, "Enum"))?)? {
        return Ok(Some(Shape::Enum));
    }
    let named = class.is_subclass_of::<PyTuple>()? && class.hasattr(intern!(py, "_fields"))?;
    Ok(named.then_some(Shape::NamedTuple))
}

fn dataclass(fields: &Bound<'_, PyAny>) -> PyResult<Shape> {
    let py = fields.py();
    let kind = py.import(intern!(py, "dataclasses"))?.getattr(intern!(py, "_FIELD"))?;
    let mut names = Vec::new();
    for field in fields.call_method0(intern!(py, "values"))?.try_iter()? {
        let field = field?;
        if field.getattr(intern!(py, "_field_type"))?.is(&kind) {
            names.push(field.getattr(intern!(py, "name"))?.cast_into::<PyString>()?.unbind());
        }
    }
    Ok(Shape::Dataclass(names))
}
