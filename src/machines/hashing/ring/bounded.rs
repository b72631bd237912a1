//! Consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam 2018): a key goes on round the ring
//! until it finds a server that is not full.
//!
//! Invariant: of K keys, no server of weight w has more than ceil((1 + epsilon) K w / W), W the sum of weights.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::hashring::{HashRing, Settings};
use super::keys::{Key, Keys};
use super::placement::{Placement, Tally};
use super::servers::{Error, Server, Servers};
use crate::sim::Invalid;

/// A ring whose servers have room for little more than their part, and the keys that it holds.
///
/// When a key is released and the room shrinks, servers that are too full send keys on. When servers join or
/// leave, all keys are placed again in the order in which they came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoundedRing {
    ring: HashRing,
    epsilon: f64,
    /// By key, its number: they increase in the order in which keys came.
    numbers: BTreeMap<Name, u64>,
    held: BTreeMap<u64, Held>,
    next: u64,
    /// By server, the numbers of its keys.
    stacks: Vec<std::collections::BTreeSet<u64>>,
}

/// What a key is, to be remembered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Name {
    Int(u64, bool),
    Large(u128),
    Bytes(Box<[u8]>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Held {
    name: Name,
    slot: usize,
    server: u32,
}

impl Name {
    fn of(key: Key<'_>) -> Self {
        match key {
            Key::Int { bits, negative } => Self::Int(bits, negative),
            Key::Large(bits) => Self::Large(bits),
            Key::Bytes(bytes) => Self::Bytes(bytes.into()),
        }
    }

    fn key(&self) -> Key<'_> {
        match self {
            Self::Int(bits, negative) => Key::Int { bits: *bits, negative: *negative },
            Self::Large(bits) => Key::Large(*bits),
            Self::Bytes(bytes) => Key::Bytes(bytes),
        }
    }
}

impl BoundedRing {
    /// A ring without keys whose servers have room for `1 + epsilon` times their part.
    pub fn new(settings: Settings, servers: Vec<Server>, epsilon: f64) -> Result<Self, Error> {
        if !(epsilon.is_finite() && epsilon > 0.0) {
            return Err(Invalid::new("epsilon", epsilon, "a finite number above 0").into());
        }
        let ring = HashRing::new(settings, servers)?;
        let stacks = vec![Default::default(); ring.servers().len()];
        Ok(Self { ring, epsilon, numbers: BTreeMap::new(), held: BTreeMap::new(), next: 0, stacks })
    }

    /// The ring below.
    pub fn ring(&self) -> &HashRing {
        &self.ring
    }

    /// How much more than their part servers have room for.
    pub fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// How many keys it holds.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// How many keys each server holds.
    pub fn loads(&self) -> Vec<u64> {
        self.stacks.iter().map(|it| it.len() as u64).collect()
    }

    /// For how many of so many keys each server has room.
    pub fn room(&self, keys: u64) -> Vec<u64> {
        let all = self.ring.servers().all();
        let total: f64 = all.iter().map(|it| it.weight).sum();
        all.iter().map(|it| ((1.0 + self.epsilon) * keys as f64 * it.weight / total).ceil() as u64).collect()
    }

    /// The server that holds a key.
    pub fn holder(&self, key: Key<'_>) -> Option<u32> {
        let number = self.numbers.get(&Name::of(key))?;
        self.held.get(number).map(|it| it.server)
    }

    /// Gives a key to a server, unless one has it.
    pub fn place(&mut self, key: Key<'_>) -> Result<u32, Error> {
        if let Some(server) = self.holder(key) {
            return Ok(server);
        }
        let slot = self.ring.slot(key)?;
        let room = self.room(self.held.len() as u64 + 1);
        let number = self.next;
        self.next += 1;
        self.numbers.insert(Name::of(key), number);
        Ok(self.put(number, Held { name: Name::of(key), slot, server: 0 }, &room))
    }

    /// Takes a key away, and says how many others moved because there is less room now.
    pub fn release(&mut self, key: Key<'_>) -> Result<usize, Invalid> {
        let held = self.numbers.remove(&Name::of(key)).and_then(|it| Some((it, self.held.remove(&it)?)));
        let Some((number, held)) = held else {
            return Err(Invalid::new("key", "not here", "a key that was placed"));
        };
        self.stacks[held.server as usize].remove(&number);
        let room = self.room(self.held.len() as u64);
        let mut moved = 0;
        for server in 0..self.stacks.len() {
            while self.stacks[server].len() as u64 > room[server] {
                // The last to come is the first to go on.
                let Some(number) = self.stacks[server].pop_last() else { break };
                if let Some(held) = self.held.remove(&number) {
                    self.put(number, held, &room);
                    moved += 1;
                }
            }
        }
        Ok(moved)
    }

    fn put(&mut self, number: u64, mut held: Held, room: &[u64]) -> u32 {
        let full = |it: u32| self.stacks[it as usize].len() as u64 >= room[it as usize];
        held.server = first_with_room(self.ring.owners(), held.slot, full);
        self.stacks[held.server as usize].insert(number);
        let server = held.server;
        self.held.insert(number, held);
        server
    }

    /// Changes the ring and places all keys again.
    fn change(&mut self, change: impl FnOnce(&mut HashRing) -> Result<(), Error>) -> Result<(), Error> {
        change(&mut self.ring)?;
        self.stacks = vec![Default::default(); self.ring.servers().len()];
        let room = self.room(self.held.len() as u64);
        for (number, mut held) in std::mem::take(&mut self.held) {
            held.slot = self.ring.slot(held.name.key())?;
            self.put(number, held, &room);
        }
        Ok(())
    }
}

/// The first server from that slot on that is not full; rooms add up to more than there are keys, so there is one.
fn first_with_room(owners: &[u32], slot: usize, full: impl Fn(u32) -> bool) -> u32 {
    let slot = slot % owners.len();
    let round = owners[slot..].iter().chain(&owners[..slot]);
    round.copied().find(|it| !full(*it)).unwrap_or(owners[slot])
}

impl Placement for BoundedRing {
    fn servers(&self) -> &Servers {
        self.ring.servers()
    }

    /// Where these keys go together, in their order, onto a ring without others. One key alone: where it is, or
    /// where it would go.
    fn assign(
        &self,
        keys: &Keys<'_>,
        from: usize,
        tally: &mut Tally,
        out: &mut [i32],
    ) -> Result<(), Invalid> {
        let owners = self.ring.owners();
        if tally.total == 0 {
            let room = self.room(self.held.len() as u64 + 1);
            let mut slots = [0];
            self.ring.slots(keys, from, &mut slots)?;
            let full = |it: u32| self.stacks[it as usize].len() as u64 >= room[it as usize];
            let mut found = first_with_room(owners, slots[0], full);
            keys.visit(from, 1, |key| found = self.holder(key).unwrap_or(found));
            out.fill(found as i32);
            return Ok(());
        }
        let room = self.room(tally.total);
        tally.loads.resize(room.len(), 0);
        let mut slots = vec![0; out.len()];
        self.ring.slots(keys, from, &mut slots)?;
        for (out, slot) in out.iter_mut().zip(slots) {
            let server = first_with_room(owners, slot, |it| tally.loads[it as usize] >= room[it as usize]);
            tally.loads[server as usize] += 1;
            *out = server as i32;
        }
        Ok(())
    }

    fn add(&mut self, more: Vec<Server>) -> Result<(), Error> {
        self.change(|it| it.add(more))
    }
    fn remove(&mut self, names: &[String]) -> Result<(), Error> {
        self.change(|it| it.remove(names))
    }
    fn reweight(&mut self, name: &str, weight: f64) -> Result<(), Error> {
        self.change(|it| it.reweight(name, weight))
    }

    fn size_bytes(&self) -> usize {
        let text = |it: &Name| if let Name::Bytes(bytes) = it { bytes.len() } else { 0 };
        let keys: usize = self.numbers.keys().map(|it| 2 * (size_of::<Name>() + text(it)) + 48).sum();
        self.ring.size_bytes() + keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machines::hashing::ring::Hash;
    use crate::machines::hashing::ring::tokens::Rule;
    use crate::sim::{Purpose, Rng};

    fn ring(servers: u32, epsilon: f64) -> BoundedRing {
        let settings =
            Settings { bits: 64, hash: Hash::Xxh3, vnodes: 5, rule: Rule::Hashed, seed: 0, decimal: false };
        let weight = |i: u32| f64::from(1 + i % 3);
        let servers = (0..servers).map(|i| Server { weight: weight(i), ..Server::new(format!("s{i}")) });
        BoundedRing::new(settings, servers.collect(), epsilon).unwrap()
    }

    fn check(it: &BoundedRing) {
        let loads = it.loads();
        assert_eq!(loads.iter().sum::<u64>(), it.len() as u64);
        assert_eq!(it.numbers.len(), it.len());
        assert!(loads.iter().zip(it.room(it.len() as u64)).all(|(load, room)| *load <= room), "{loads:?}");
        for (server, stack) in it.stacks.iter().enumerate() {
            assert!(stack.iter().all(|number| it.held[number].server == server as u32));
        }
    }

    #[test]
    fn nobody_is_ever_too_full() {
        for seed in 0..20 {
            let mut rng = Rng::stream(seed, Purpose::Hashing, 0, 0);
            let mut it = ring(2 + rng.below(8) as u32, 0.05 + rng.unit());
            for step in 0..400u32 {
                let key = rng.below(150);
                match rng.below(40) {
                    0 => it.add(vec![Server::new(format!("x{step}"))]).unwrap(),
                    1 if it.servers().len() > 1 => {
                        let name =
                            it.servers().all()[rng.below(it.servers().len() as u64) as usize].name.clone();
                        it.remove(&[name]).unwrap();
                    }
                    2..14 if it.holder(key.into()).is_some() => drop(it.release(key.into()).unwrap()),
                    _ => {
                        let server = it.place(key.into()).unwrap();
                        assert_eq!(it.holder(key.into()), Some(server));
                        assert_eq!(it.place(key.into()).unwrap(), server);
                    }
                }
                check(&it);
            }
            assert!(it.release(Key::Bytes(b"never placed")).is_err());
        }
    }

    #[test]
    fn together_means_one_by_one_with_the_room_of_all() {
        let it = ring(7, 0.25);
        let bits: Vec<u64> = (0..1000).collect();
        let keys = Keys::Ints { bits: &bits, signed: false };
        let (mut tally, mut all) = (Tally::of(1000), vec![0; 1000]);
        let (first, rest) = all.split_at_mut(300);
        it.assign(&keys, 0, &mut tally, first).unwrap();
        it.assign(&keys, 300, &mut tally, rest).unwrap();
        let (room, mut loads) = (it.room(1000), vec![0u64; 7]);
        for (key, found) in bits.iter().zip(&all) {
            let list = it.ring.preference((*key).into(), 7, false).unwrap();
            let expected = list.iter().find(|it| loads[**it as usize] < room[**it as usize]).unwrap();
            loads[*expected as usize] += 1;
            assert_eq!(*found, *expected as i32);
        }
        assert_eq!(tally.loads, loads);
    }
}
