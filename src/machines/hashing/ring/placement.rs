//! What every placement of keys on servers can do.
use serde::{Deserialize, Serialize};

use super::hash::Hash;
use super::keys::{BLOCK, Hashing, Keys};
use super::servers::{Error, Server, Servers};
use crate::sim::Invalid;

/// Says for every key which server holds it.
pub trait Placement {
    /// The servers, in the order of their numbers.
    fn servers(&self) -> &Servers;

    /// The numbers of the servers that hold the keys `from..from + out.len()`, after those that the tally knows.
    fn assign(&self, keys: &Keys<'_>, from: usize, tally: &mut Tally, out: &mut [i32])
    -> Result<(), Invalid>;

    /// Servers join.
    fn add(&mut self, more: Vec<Server>) -> Result<(), Error>;

    /// Servers leave; at least one stays.
    fn remove(&mut self, names: &[String]) -> Result<(), Error>;

    /// A server gets another weight, where weights mean something.
    fn reweight(&mut self, name: &str, weight: f64) -> Result<(), Error>;

    /// What it takes in memory, names included.
    fn size_bytes(&self) -> usize;
}

/// What has been assigned so far of keys that are assigned together: matters where servers can be full.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How many keys there will be.
    pub total: u64,
    /// How many each server has; empty at the start.
    pub loads: Vec<u64>,
}

impl Tally {
    /// Of so many keys, none assigned yet.
    pub fn of(total: usize) -> Self {
        Self { total: total as u64, loads: Vec::new() }
    }
}

/// What a placement without a history is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// The servers.
    pub servers: Servers,
    /// How keys and names are hashed.
    pub hash: Hash,
    /// Other seeds, other hashes of the names.
    pub seed: u64,
    /// A table's size, or a number of probes.
    pub size: u32,
}

impl Made {
    /// As many hashes of a server's name, the positions of its virtual nodes.
    pub fn of_name(&self, server: &Server, count: usize) -> Vec<u64> {
        let hashed = super::tokens::Rule::Hashed;
        let tokens = super::tokens::hashed(hashed, self.named(), 64, self.seed, &server.name, 0, count);
        tokens.into_iter().map(|it| it as u64).collect()
    }

    /// The hash of names: integers that are keys may be their own hashes, names cannot.
    fn named(&self) -> Hash {
        match self.hash {
            Hash::Identity | Hash::Ketama => Hash::Xxh3,
            hash => hash,
        }
    }

    /// Of a list without weights.
    pub fn unweighted(&self, what: &'static str) -> Result<(), Invalid> {
        unweighted(&self.servers, what)
    }

    /// What it takes in memory.
    pub fn size_bytes(&self) -> usize {
        self.servers.size_bytes()
    }
}

/// Refuses weights where they mean nothing.
pub fn unweighted(servers: &Servers, allowed: &'static str) -> Result<(), Invalid> {
    match servers.all().iter().find(|it| it.weight != 1.0) {
        Some(it) => Err(Invalid::new("weights", it.weight, allowed)),
        None => Ok(()),
    }
}

/// Assigns keys by their 64-bit hashes.
#[inline(always)]
pub fn by_hash(
    hash: Hash,
    keys: &Keys<'_>,
    from: usize,
    out: &mut [i32],
    place: impl Fn(u64) -> u32,
) -> Result<(), Invalid> {
    let hashing = Hashing::of(hash);
    let mut hashes = [0u64; BLOCK];
    let mut from = from;
    for out in out.chunks_mut(BLOCK) {
        let hashes = &mut hashes[..out.len()];
        hashing.block(keys, from, hashes)?;
        for (out, hash) in out.iter_mut().zip(&*hashes) {
            *out = place(*hash) as i32;
        }
        from += out.len();
    }
    Ok(())
}

/// The finalizer of SplitMix64: a bijection that spreads every bit over all.
#[inline(always)]
pub const fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}
