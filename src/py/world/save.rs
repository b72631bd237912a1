//! Saved worlds: data, never code.
use std::hash::Hasher;

use pyo3::prelude::*;

use super::engine::guarded;
use crate::py::actor::Actor;
use crate::py::errors::class::SaveFileError;
use crate::py::fault;
use crate::sim::{Fingerprint, World};

/// How a saved world begins. The version of the package that wrote it follows: a world is saved as it is in
/// memory, so another version may not know what to make of it.
const MAGIC: &[u8] = b"distlab world\n";
const VERSION: &[u8] = concat!(env!("CARGO_PKG_VERSION"), "\n").as_bytes();

pub fn save(world: &World<Actor>) -> PyResult<Vec<u8>> {
    let body = guarded(Some(world.seed()), || postcard::to_stdvec(world))?;
    if let Some(fault) = fault::take() {
        return Err(fault.error);
    }
    let body =
        body.map_err(|error| SaveFileError::new_err(format!("this cluster cannot be saved: {error}")))?;
    Ok([MAGIC, VERSION, &checksum(&body), &body].concat())
}

pub fn load(saved: &[u8]) -> PyResult<World<Actor>> {
    let rest = saved.strip_prefix(MAGIC).ok_or_else(|| SaveFileError::new_err("this is no saved cluster"))?;
    let rest = rest.strip_prefix(VERSION).ok_or_else(|| {
        let version = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let version = String::from_utf8_lossy(&version[..version.len().min(40)]).into_owned();
        let own = env!("CARGO_PKG_VERSION");
        SaveFileError::new_err(format!(
            "this cluster was saved by version {version:?}, and this is version {own:?}"
        ))
    })?;
    let damaged = || SaveFileError::new_err("this saved cluster is damaged or cut short");
    let (sum, body) = rest.split_first_chunk().ok_or_else(damaged)?;
    if *sum != checksum(body) {
        return Err(damaged());
    }
    let world = guarded(None, || postcard::from_bytes(body))?;
    if let Some(fault) = fault::take() {
        return Err(fault.error);
    }
    world.map_err(|_| damaged())
}

fn checksum(bytes: &[u8]) -> [u8; 8] {
    let mut hasher = Fingerprint::new(bytes.len() as u64);
    hasher.write(bytes);
    hasher.finish().to_le_bytes()
}
