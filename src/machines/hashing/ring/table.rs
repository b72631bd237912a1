//! A table drawn at random (notes 2.9, "randomized"): balanced, but the table has to be kept and asked.
use serde::{Deserialize, Serialize};

use super::hash::Hash;
use super::keys::Keys;
use super::placement::{Placement, Tally, by_hash};
use super::servers::{Error, Server, Servers};
use crate::sim::{Invalid, Purpose, Rng};

/// Shards, each given to a server by lot; a key is in the shard of its hash modulo their number. Who joins gets
/// shards by lot from all, who leaves gives them to all by lot, and nothing else moves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RandomTable {
    servers: Servers,
    hash: Hash,
    rng: Rng,
    table: Vec<u32>,
}

impl RandomTable {
    /// Of these servers and so many shards.
    pub fn new(servers: Vec<Server>, hash: Hash, seed: u64, shards: u32) -> Result<Self, Error> {
        let servers = Servers::new(servers)?;
        if !(1..=1 << 26).contains(&shards) {
            return Err(Invalid::new("shards", shards, "from 1 to 2^26").into());
        }
        let mut rng = Rng::stream(seed, Purpose::Hashing, 1, 0);
        let lots = Lots::new(&servers, |_| true);
        let table = (0..shards).map(|_| lots.draw(&mut rng)).collect();
        Ok(Self { servers, hash, rng, table })
    }

    /// The server of each shard.
    pub fn table(&self) -> &[u32] {
        &self.table
    }
}

/// Servers by lot, in proportion to their weights.
struct Lots {
    /// By server, the weights up to and with its own.
    sums: Vec<f64>,
}

impl Lots {
    fn new(servers: &Servers, takes_part: impl Fn(usize) -> bool) -> Self {
        let mut sum = 0.0;
        let add = |(i, it): (usize, &Server)| {
            sum += if takes_part(i) { it.weight } else { 0.0 };
            sum
        };
        Self { sums: servers.all().iter().enumerate().map(add).collect() }
    }

    fn total(&self) -> f64 {
        self.sums.last().copied().unwrap_or(0.0)
    }

    fn draw(&self, rng: &mut Rng) -> u32 {
        let lot = rng.unit() * self.total();
        let server = self.sums.partition_point(|it| *it <= lot);
        // Rounding up to the total itself would pass the last one who takes part.
        server.min(self.sums.partition_point(|it| *it < self.total())) as u32
    }
}

impl Placement for RandomTable {
    fn servers(&self) -> &Servers {
        &self.servers
    }

    fn assign(&self, keys: &Keys<'_>, from: usize, _: &mut Tally, out: &mut [i32]) -> Result<(), Invalid> {
        let shards = self.table.len() as u64;
        by_hash(self.hash, keys, from, out, |hash| self.table[(hash % shards) as usize])
    }

    fn add(&mut self, more: Vec<Server>) -> Result<(), Error> {
        let old = self.servers.len();
        self.servers.add(more)?;
        let all = Lots::new(&self.servers, |_| true);
        let joined = Lots::new(&self.servers, |it| it >= old);
        let part = joined.total() / all.total();
        for shard in &mut self.table {
            if self.rng.unit() < part {
                *shard = joined.draw(&mut self.rng);
            }
        }
        Ok(())
    }

    fn remove(&mut self, names: &[String]) -> Result<(), Error> {
        let moved = self.servers.remove(names)?;
        let lots = Lots::new(&self.servers, |_| true);
        for shard in &mut self.table {
            *shard = moved[*shard as usize].unwrap_or_else(|| lots.draw(&mut self.rng));
        }
        Ok(())
    }

    fn reweight(&mut self, name: &str, weight: f64) -> Result<(), Error> {
        let number = self.servers.number(name)?;
        let part = |it: &Servers| it.all()[number].weight / it.all().iter().map(|it| it.weight).sum::<f64>();
        let was = part(&self.servers);
        self.servers.reweight(number, weight)?;
        let is = part(&self.servers);
        let others = Lots::new(&self.servers, |it| it != number);
        for shard in &mut self.table {
            if *shard == number as u32 {
                if self.rng.unit() < (was - is) / was && others.total() > 0.0 {
                    *shard = others.draw(&mut self.rng);
                }
            } else if self.rng.unit() < (is - was) / (1.0 - was) {
                *shard = number as u32;
            }
        }
        Ok(())
    }

    fn size_bytes(&self) -> usize {
        self.servers.size_bytes() + size_of_val(&*self.table) + size_of::<Rng>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(it: &RandomTable) -> Vec<f64> {
        let mut counts = vec![0.0; it.servers.len()];
        it.table.iter().for_each(|it| counts[*it as usize] += 1.0);
        counts
    }

    /// Within five standard deviations of the binomial distribution.
    fn near(count: f64, shards: f64, part: f64) -> bool {
        (count - shards * part).abs() < 5.0 * (shards * part * (1.0 - part)).sqrt()
    }

    #[test]
    fn shards_follow_the_weights_through_every_change() {
        let servers = (1..=4).map(|i| Server { weight: f64::from(i), ..Server::new(format!("s{i}")) });
        let mut table = RandomTable::new(servers.collect(), Hash::Xxh3, 5, 100_000).unwrap();
        let check = |table: &RandomTable| {
            let total: f64 = table.servers.all().iter().map(|it| it.weight).sum();
            let parts = table.servers.all().iter().map(|it| it.weight / total);
            assert!(
                counts(table).iter().zip(parts).all(|(it, part)| near(*it, 1e5, part)),
                "{:?}",
                counts(table)
            );
        };
        check(&table);
        let before = table.table.clone();
        table.add(vec![Server { weight: 10.0, ..Server::new("big") }]).unwrap();
        check(&table);
        assert!(before.iter().zip(&table.table).all(|(old, new)| old == new || *new == 4));
        for weight in [3.0, 30.0, 1.0] {
            let before = table.table.clone();
            table.reweight("s2", weight).unwrap();
            check(&table);
            assert!(before.iter().zip(&table.table).all(|(old, new)| old == new || *new == 1 || *old == 1));
        }
        table.remove(&["s1".into(), "big".into()]).unwrap();
        check(&table);
    }
}
