//! Multi-probe consistent hashing (Appleton and O'Reilly 2015): one point a server, several probes a key.
use serde::{Deserialize, Serialize};

use super::hash::{Hash, Word as _};
use super::keys::Keys;
use super::placement::{Made, Placement, Tally, by_hash, mix, unweighted};
use super::points::{Point, Points};
use super::servers::{Error, Server, Servers};
use crate::sim::Invalid;

/// A key belongs to the server that is the closest ahead of any of its probes. As even as hundreds of virtual
/// nodes (21 probes: the fullest server has about 1.05 times its part), in O(n) memory.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Made", into = "Made")]
pub struct MultiProbe {
    made: Made,
    points: Points<u64>,
}

const NO_WEIGHTS: &str = "1: multi-probe hashing has no weights";
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl MultiProbe {
    /// Of these servers, and so many probes a key.
    pub fn new(servers: Vec<Server>, hash: Hash, seed: u64, probes: u32) -> Result<Self, Error> {
        Self::try_from(Made { servers: Servers::new(servers)?, hash, seed, size: probes })
    }

    fn change(&mut self, change: impl FnOnce(&mut Servers) -> Result<(), Error>) -> Result<(), Error> {
        let mut made = self.made.clone();
        change(&mut made.servers)?;
        *self = Self::try_from(made)?;
        Ok(())
    }

    #[inline(always)]
    fn closest(&self, hash: u64) -> u32 {
        let (mut best, mut winner) = (u64::MAX, 0);
        let mut probe = hash;
        for _ in 0..self.made.size {
            let (distance, owner) = self.points.ahead(mix(probe));
            if distance <= best {
                (best, winner) = (distance, owner);
            }
            probe = probe.wrapping_add(GOLDEN);
        }
        winner
    }
}

impl TryFrom<Made> for MultiProbe {
    type Error = Error;
    fn try_from(made: Made) -> Result<Self, Error> {
        unweighted(&made.servers, NO_WEIGHTS)?;
        if !(1..=1024).contains(&made.size) {
            return Err(Invalid::new("probes", made.size, "from 1 to 1024").into());
        }
        let at = |(it, owner): (&Server, u32)| Point { last: made.of_name(it, 1)[0].last(64), owner };
        let mut points: Vec<_> = made.servers.all().iter().zip(0..).map(at).collect();
        let name = |it: &Point<u64>| &made.servers.all()[it.owner as usize].name;
        points.sort_unstable_by(|a, b| a.last.cmp(&b.last).then_with(|| name(a).cmp(name(b))));
        let points = Points::new(&points);
        Ok(Self { made, points })
    }
}

impl From<MultiProbe> for Made {
    fn from(it: MultiProbe) -> Self {
        it.made
    }
}

impl PartialEq for MultiProbe {
    fn eq(&self, other: &Self) -> bool {
        self.made == other.made
    }
}

impl Placement for MultiProbe {
    fn servers(&self) -> &Servers {
        &self.made.servers
    }
    fn assign(&self, keys: &Keys<'_>, from: usize, _: &mut Tally, out: &mut [i32]) -> Result<(), Invalid> {
        by_hash(self.made.hash, keys, from, out, |hash| self.closest(hash))
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
        self.made.size_bytes() + self.points.size_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_of_all_probes_wins() {
        let servers: Vec<_> = (0..7).map(|i| Server::new(format!("s{i}"))).collect();
        let scheme = MultiProbe::new(servers, Hash::Xxh3, 3, 5).unwrap();
        let at: Vec<u64> = scheme.made.servers.all().iter().map(|it| scheme.made.of_name(it, 1)[0]).collect();
        for key in 0..5_000 {
            let probes = (0..5u64).map(|i| mix(mix(key).wrapping_add(i.wrapping_mul(GOLDEN))));
            let all =
                probes.flat_map(|it| at.iter().zip(0..).map(move |(at, who)| (at.wrapping_sub(it), who)));
            assert_eq!(scheme.closest(mix(key)), all.min().unwrap().1);
        }
    }
}
