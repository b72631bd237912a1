//! Maglev hashing (Eisenbud et al. 2016): a table that the servers fill in turn, each in an order of its own.
use serde::{Deserialize, Serialize};

use super::hash::Hash;
use super::keys::Keys;
use super::placement::{Made, Placement, Tally, by_hash};
use super::servers::{Error, Server, Servers};
use crate::sim::Invalid;

/// Servers hold as many entries of the table as each other, give or take one; a key is in the entry of its hash
/// modulo the table's size, which is a prime. Whoever joins or leaves moves a little more than needed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Made", into = "Made")]
pub struct Maglev {
    made: Made,
    table: Vec<u32>,
}

const NO_ONE: u32 = u32::MAX;

/// The table of so many entries, a prime, that servers of these offsets, skips and weights fill.
///
/// In a round each server of the highest weight takes the next entry of its order that is free; the others take
/// turns in proportion to their weights.
pub fn populate(orders: &[(u64, u64)], weights: &[f64], size: u32) -> Vec<u32> {
    let mut table = vec![NO_ONE; size as usize];
    let heaviest = weights.iter().copied().fold(0.0, f64::max);
    let mut next: Vec<u64> = orders.iter().map(|it| it.0).collect();
    let mut credit = vec![0.0; orders.len()];
    let mut free = size;
    loop {
        for (server, (_, skip)) in orders.iter().enumerate() {
            credit[server] += weights[server] / heaviest;
            if credit[server] < 1.0 {
                continue;
            }
            credit[server] -= 1.0;
            let entry = &mut next[server];
            while table[*entry as usize] != NO_ONE {
                *entry = (*entry + skip) % u64::from(size);
            }
            table[*entry as usize] = server as u32;
            free -= 1;
            if free == 0 {
                return table;
            }
        }
    }
}

fn is_prime(number: u32) -> bool {
    number > 1 && (2..).take_while(|it| it * it <= u64::from(number)).all(|it| u64::from(number) % it != 0)
}

impl Maglev {
    /// Of these servers and a table of that size, a prime above their number.
    pub fn new(servers: Vec<Server>, hash: Hash, seed: u64, size: u32) -> Result<Self, Error> {
        Self::try_from(Made { servers: Servers::new(servers)?, hash, seed, size })
    }

    /// The server of each entry.
    pub fn table(&self) -> &[u32] {
        &self.table
    }

    fn change(&mut self, change: impl FnOnce(&mut Servers) -> Result<(), Error>) -> Result<(), Error> {
        let mut made = self.made.clone();
        change(&mut made.servers)?;
        *self = Self::try_from(made)?;
        Ok(())
    }
}

impl TryFrom<Made> for Maglev {
    type Error = Error;
    fn try_from(made: Made) -> Result<Self, Error> {
        const MOST: u32 = 1 << 26;
        let allowed = "a prime above the number of nodes, at most 2^26";
        if !is_prime(made.size) || made.size as usize <= made.servers.len() || made.size > MOST {
            return Err(Invalid::new("size", made.size, allowed).into());
        }
        let size = u64::from(made.size);
        let order = |it: &Server| {
            let hashes = made.of_name(it, 2);
            (hashes[0] % size, hashes[1] % (size - 1) + 1)
        };
        let orders: Vec<_> = made.servers.all().iter().map(order).collect();
        let weights: Vec<_> = made.servers.all().iter().map(|it| it.weight).collect();
        let table = populate(&orders, &weights, made.size);
        let mut idle = vec![true; orders.len()];
        table.iter().for_each(|it| idle[*it as usize] = false);
        if let Some(it) = idle.iter().position(|it| *it) {
            return Err(Invalid::new("weights", weights[it], "enough for one entry of the table").into());
        }
        Ok(Self { made, table })
    }
}

impl From<Maglev> for Made {
    fn from(it: Maglev) -> Self {
        it.made
    }
}

impl Placement for Maglev {
    fn servers(&self) -> &Servers {
        &self.made.servers
    }
    fn assign(&self, keys: &Keys<'_>, from: usize, _: &mut Tally, out: &mut [i32]) -> Result<(), Invalid> {
        let size = self.table.len() as u64;
        by_hash(self.made.hash, keys, from, out, |hash| self.table[(hash % size) as usize])
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
        self.made.size_bytes() + size_of_val(&*self.table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_1_of_the_paper() {
        let [b0, b1, b2] = [(3, 4), (0, 2), (3, 1)];
        assert_eq!(populate(&[b0, b1, b2], &[1.0; 3], 7), [1, 0, 1, 0, 2, 2, 0]);
        assert_eq!(populate(&[b0, b2], &[1.0; 2], 7), [0, 0, 0, 0, 1, 1, 1]);
    }

    #[test]
    fn entries_differ_by_one_at_most_and_follow_weights() {
        for n in 1..60 {
            let servers = (0..n).map(|i| Server::new(format!("s{i}"))).collect();
            let maglev = Maglev::new(servers, Hash::Xxh3, 0, 251).unwrap();
            let mut counts = vec![0; n];
            maglev.table().iter().for_each(|it| counts[*it as usize] += 1);
            let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            assert!(most - least <= 1, "{counts:?}");
        }
        let table = populate(&[(0, 1), (0, 2), (0, 3)], &[1.0, 2.0, 0.5], 701);
        let count = |server| table.iter().filter(|it| **it == server).count();
        assert_eq!([count(0), count(1), count(2)], [200, 401, 100]);
    }

    #[test]
    fn only_primes_above_the_number_of_servers_will_do() {
        let of = |size| Maglev::new(vec![Server::new("a"), Server::new("b")], Hash::Xxh3, 0, size);
        assert!([0, 1, 2, 4, 65_536, 65_535].into_iter().all(|it| of(it).is_err()));
        assert!(of(3).is_ok() && of(65_537).is_ok());
    }
}
