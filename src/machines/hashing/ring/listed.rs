//! Placements that number the servers: the remainder of a division, and jump consistent hash.
use serde::{Deserialize, Serialize};

use super::hash::Hash;
use super::keys::Keys;
use super::placement::{Placement, Tally, by_hash, unweighted};
use super::servers::{Error, Server, Servers};
use crate::sim::Invalid;

/// The hash modulo the number of servers (notes, figure 2.49): whoever joins or leaves moves nearly all keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Modulo {
    servers: Servers,
    hash: Hash,
}

/// Jump consistent hash (Lamping and Veach 2014): as even as can be without a table, in O(ln n), but servers can
/// only leave from the end of the list. So the last one takes the place of one that leaves from elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Jump {
    servers: Servers,
    hash: Hash,
}

/// The bucket of a key among `buckets`, bit for bit as the paper's C++ has it.
#[inline(always)]
pub fn jump(mut key: u64, buckets: u32) -> u32 {
    let (mut bucket, mut next) = (0i64, 0i64);
    while next < i64::from(buckets) {
        bucket = next;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        next = ((bucket + 1) as f64 * ((1i64 << 31) as f64 / ((key >> 33) + 1) as f64)) as i64;
    }
    bucket as u32
}

const NO_WEIGHTS: &str = "1: only rings, rendezvous, Maglev and random tables have weights";

impl Modulo {
    /// Of these servers.
    pub fn new(servers: Vec<Server>, hash: Hash) -> Result<Self, Error> {
        let servers = Servers::new(servers)?;
        unweighted(&servers, NO_WEIGHTS)?;
        Ok(Self { servers, hash })
    }
}

impl Jump {
    /// Of these servers.
    pub fn new(servers: Vec<Server>, hash: Hash) -> Result<Self, Error> {
        let servers = Servers::new(servers)?;
        unweighted(&servers, NO_WEIGHTS)?;
        Ok(Self { servers, hash })
    }
}

fn joined(servers: &Servers, more: Vec<Server>) -> Result<Servers, Error> {
    let mut servers = servers.clone();
    servers.add(more)?;
    unweighted(&servers, NO_WEIGHTS)?;
    Ok(servers)
}

fn reweighted(servers: &Servers, name: &str, weight: f64) -> Result<(), Error> {
    servers.number(name)?;
    match weight {
        1.0 => Ok(()),
        _ => Err(Invalid::new("weights", weight, NO_WEIGHTS).into()),
    }
}

impl Placement for Modulo {
    fn servers(&self) -> &Servers {
        &self.servers
    }
    fn assign(&self, keys: &Keys<'_>, from: usize, _: &mut Tally, out: &mut [i32]) -> Result<(), Invalid> {
        let count = self.servers.len() as u64;
        by_hash(self.hash, keys, from, out, |hash| (hash % count) as u32)
    }
    fn add(&mut self, more: Vec<Server>) -> Result<(), Error> {
        self.servers = joined(&self.servers, more)?;
        Ok(())
    }
    fn remove(&mut self, names: &[String]) -> Result<(), Error> {
        self.servers.remove(names).map(drop)
    }
    fn reweight(&mut self, name: &str, weight: f64) -> Result<(), Error> {
        reweighted(&self.servers, name, weight)
    }
    fn size_bytes(&self) -> usize {
        self.servers.size_bytes()
    }
}

impl Placement for Jump {
    fn servers(&self) -> &Servers {
        &self.servers
    }
    fn assign(&self, keys: &Keys<'_>, from: usize, _: &mut Tally, out: &mut [i32]) -> Result<(), Invalid> {
        let count = self.servers.len() as u32;
        by_hash(self.hash, keys, from, out, |hash| jump(hash, count))
    }
    fn add(&mut self, more: Vec<Server>) -> Result<(), Error> {
        self.servers = joined(&self.servers, more)?;
        Ok(())
    }
    fn remove(&mut self, names: &[String]) -> Result<(), Error> {
        self.servers.clone().remove(names)?;
        for name in names {
            let number = self.servers.number(name)?;
            self.servers.swap_remove(number);
        }
        Ok(())
    }
    fn reweight(&mut self, name: &str, weight: f64) -> Result<(), Error> {
        reweighted(&self.servers, name, weight)
    }
    fn size_bytes(&self) -> usize {
        self.servers.size_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jump_is_the_published_one() {
        // From the test of Guava's Hashing.consistentHash, which is the same function.
        assert_eq!(jump(10_863_919_174_838_991, 11), 6);
        assert_eq!(jump(2_016_238_256_797_177_309, 11), 3);
        assert_eq!(jump(1_673_758_223_894_951_030, 11), 5);
        assert_eq!(jump(2, 100_001), 80_343);
        assert_eq!(jump(2_201, 100_001), 22_152);
        assert_eq!(jump(2_202, 100_001), 15_018);
    }

    #[test]
    fn a_bucket_more_moves_keys_only_into_it() {
        for key in 0..2_000 {
            for n in 1..40 {
                let (few, more) = (jump(key, n), jump(key, n + 1));
                assert!(few == more || more == n, "key {key}, {n} buckets");
            }
        }
    }
}
