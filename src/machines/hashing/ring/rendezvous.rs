//! Rendezvous hashing (Thaler and Ravishankar 1998): every server draws a number for the key, the highest wins.
use serde::{Deserialize, Serialize};

use super::hash::Hash;
use super::keys::Keys;
use super::placement::{Made, Placement, Tally, by_hash, mix};
use super::servers::{Error, Server, Servers};
use crate::sim::Invalid;

/// No table, no virtual nodes, exact weights; but O(n) a look-up.
///
/// With weights a server's number is `-weight / ln(u)`, u uniform in (0, 1): the highest of them is a server's
/// with a probability in proportion to its weight (Mosharaf et al. call it weighted rendezvous hashing).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Made", into = "Made")]
pub struct Rendezvous {
    made: Made,
    /// By server, the hash of its name.
    seeds: Vec<u64>,
    /// By server, one over its weight; empty where all weigh the same.
    slowness: Vec<f64>,
}

impl Rendezvous {
    /// Of these servers.
    pub fn new(servers: Vec<Server>, hash: Hash, seed: u64) -> Result<Self, Error> {
        Ok(Made { servers: Servers::new(servers)?, hash, seed, size: 0 }.into())
    }

    fn change(&mut self, change: impl FnOnce(&mut Servers) -> Result<(), Error>) -> Result<(), Error> {
        let mut made = self.made.clone();
        change(&mut made.servers)?;
        *self = made.into();
        Ok(())
    }

    /// Who draws the highest number; of equal ones, who comes first.
    #[inline(always)]
    fn highest(&self, hash: u64) -> u32 {
        let (mut best, mut winner) = (0, 0);
        for (server, seed) in self.seeds.iter().enumerate() {
            // 53 bits, as many as the numbers with weights have.
            let drawn = mix(hash ^ seed) >> 11;
            if drawn > best {
                (best, winner) = (drawn, server);
            }
        }
        winner as u32
    }

    /// The lowest of `-ln(u) / weight` is the highest of `-weight / ln(u)`.
    fn soonest(&self, hash: u64) -> u32 {
        const STEP: f64 = 1.0 / (1u64 << 53) as f64;
        let (mut best, mut winner) = (f64::INFINITY, 0);
        for (server, (seed, slowness)) in self.seeds.iter().zip(&self.slowness).enumerate() {
            let drawn = mix(hash ^ seed) >> 11;
            // -ln(u) >= 1 - u: who cannot be sooner by this much need not take the logarithm.
            let unit = (drawn as f64 + 0.5) * STEP;
            if (1.0 - unit) * slowness >= best {
                continue;
            }
            let time = -libm::log(unit) * slowness;
            if time < best {
                (best, winner) = (time, server);
            }
        }
        winner as u32
    }
}

impl From<Made> for Rendezvous {
    fn from(made: Made) -> Self {
        let seeds = made.servers.all().iter().map(|it| made.of_name(it, 1)[0]).collect();
        let slowness = match made.servers.alike() {
            true => Vec::new(),
            false => made.servers.all().iter().map(|it| 1.0 / it.weight).collect(),
        };
        Self { made, seeds, slowness }
    }
}

impl From<Rendezvous> for Made {
    fn from(it: Rendezvous) -> Self {
        it.made
    }
}

impl Placement for Rendezvous {
    fn servers(&self) -> &Servers {
        &self.made.servers
    }
    fn assign(&self, keys: &Keys<'_>, from: usize, _: &mut Tally, out: &mut [i32]) -> Result<(), Invalid> {
        match self.slowness.is_empty() {
            true => by_hash(self.made.hash, keys, from, out, |hash| self.highest(hash)),
            false => by_hash(self.made.hash, keys, from, out, |hash| self.soonest(hash)),
        }
    }
    fn add(&mut self, more: Vec<Server>) -> Result<(), Error> {
        self.change(|it| it.add(more))
    }
    fn remove(&mut self, names: &[String]) -> Result<(), Error> {
        self.change(|it| it.remove(names).map(drop))
    }
    fn reweight(&mut self, name: &str, weight: f64) -> Result<(), Error> {
        self.change(|it| it.reweight(it.number(name)?, weight))
    }
    fn size_bytes(&self) -> usize {
        self.made.size_bytes() + size_of_val(&*self.seeds) + size_of_val(&*self.slowness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_weights_are_no_weights() {
        let servers = || (0..9).map(|i| Server::new(format!("s{i}")));
        let plain = Rendezvous::new(servers().collect(), Hash::Xxh3, 0).unwrap();
        let mut weighted = plain.clone();
        weighted.slowness = vec![0.5; 9];
        for key in 0..20_000 {
            assert_eq!(plain.highest(mix(key)), weighted.soonest(mix(key)), "{key}");
        }
    }
}
