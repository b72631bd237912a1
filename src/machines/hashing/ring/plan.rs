//! What has to be copied from whom to whom when the servers of a ring change.
//!
//! The virtual nodes of both rings cut it into arcs whose keys are all held by the same servers before, and all
//! by the same after. Whoever is new among the holders of an arc gets a copy: from a holder that gives its own
//! up, if there is one, else from whoever has sent the least so far.
use std::collections::BTreeMap;

use super::hashring::{HashRing, Walk};
use super::keys::Keys;
use super::placement::Placement as _;
use super::servers::Error;
use crate::sim::Invalid;

/// Positions, from the first round to the last, whose keys are held by the same servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Arc {
    first: u128,
    last: u128,
    before: usize,
    after: usize,
}

/// A copy of the keys at some positions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transfer {
    /// The first position.
    pub first: u128,
    /// The last position; below the first one where they go past zero.
    pub last: u128,
    /// Who sends.
    pub source: u32,
    /// Who receives.
    pub target: u32,
    /// How many bytes.
    pub bytes: u64,
    /// How many holders of before are still there.
    pub survivors: u32,
}

/// What has to be copied.
#[derive(Clone, Debug, PartialEq)]
pub struct Moves {
    /// The servers of before, and behind them those that are new.
    pub nodes: Vec<String>,
    /// Copies, in the order of the ring.
    pub transfers: Vec<Transfer>,
    /// Bytes of which nobody has a copy any more.
    pub lost_bytes: u64,
}

/// How much there is on an arc.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// So many bytes on the ring, evenly.
    Even(u64),
    /// Keys and their sizes in bytes.
    Keys(&'a Keys<'a>, &'a [u64]),
}

/// What is asked of a plan.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// How many servers hold each key.
    pub copies: usize,
    /// Whether they are in different racks, as far as can be.
    pub racks_apart: bool,
    /// Who of before has nothing to send any more.
    pub lost: &'a [String],
}

/// What has to be copied from one ring to the other.
pub fn moves(
    before: &HashRing,
    after: &HashRing,
    content: Content<'_>,
    wanted: &Wanted<'_>,
) -> Result<Moves, Error> {
    let (old, new) = (before.settings(), after.settings());
    if (old.bits, old.hash, old.decimal) != (new.bits, new.hash, new.decimal) {
        let given = format!("{} of {} bits", new.hash, new.bits);
        return Err(Invalid::new("after", given, "a ring of the same bits and hash").into());
    }
    let arcs = arcs(before, after);
    let bytes = bytes(&arcs, before, content)?;
    // No sum of what is copied can overflow, then.
    let all: u128 = bytes.iter().map(|it| u128::from(*it)).sum::<u128>() * wanted.copies as u128;
    if all > u128::from(u64::MAX) {
        return Err(Invalid::new("bytes", all, "less than 2^64 in all copies together").into());
    }
    let walks =
        (before.walk(wanted.copies, wanted.racks_apart)?, after.walk(wanted.copies, wanted.racks_apart)?);
    let mut nodes: Vec<String> = before.servers().all().iter().map(|it| it.name.clone()).collect();
    let known: BTreeMap<String, u32> = nodes.iter().cloned().zip(0..).collect();
    let mut renamed = Vec::new();
    for server in after.servers().all() {
        renamed.push(known.get(&server.name).copied().unwrap_or_else(|| {
            nodes.push(server.name.clone());
            nodes.len() as u32 - 1
        }));
    }
    let mut gone = vec![false; nodes.len()];
    for name in wanted.lost {
        gone[before.servers().number(name)?] = true;
    }
    let mut all =
        Collected { sent: vec![0; nodes.len()], open: BTreeMap::new(), transfers: Vec::new(), lost: 0 };
    for (arc, bytes) in arcs.iter().zip(bytes) {
        all.arc(arc, bytes, &walks, &renamed, &gone);
    }
    Ok(Moves { nodes, transfers: all.transfers, lost_bytes: all.lost })
}

fn arcs(before: &HashRing, after: &HashRing) -> Vec<Arc> {
    let mask = u128::MAX >> (128 - before.settings().bits);
    let (old, new) = (before.lasts(), after.lasts());
    let mut lasts: Vec<u128> = old.iter().chain(&new).copied().collect();
    lasts.sort_unstable();
    lasts.dedup();
    let mut previous = lasts.last().copied().unwrap_or(0);
    let mut arcs = Vec::with_capacity(lasts.len());
    let (mut i, mut j) = (0, 0);
    for last in lasts {
        while i < old.len() && old[i] < last {
            i += 1;
        }
        while j < new.len() && new[j] < last {
            j += 1;
        }
        arcs.push(Arc { first: previous.wrapping_add(1) & mask, last, before: i, after: j });
        previous = last;
    }
    arcs
}

/// The bytes on each arc; they add up to all.
fn bytes(arcs: &[Arc], ring: &HashRing, content: Content<'_>) -> Result<Vec<u64>, Error> {
    let bits = ring.settings().bits;
    match content {
        Content::Even(total) => {
            let mask = u128::MAX >> (128 - bits);
            let (mut upto, mut given) = (0.0, 0);
            let whole = libm::exp2(f64::from(bits));
            let mut part = |arc: &Arc| {
                upto += ((arc.last.wrapping_sub(arc.first) & mask) as f64 + 1.0) / whole;
                let all = ((total as f64 * upto).round() as u64).clamp(given, total);
                all - std::mem::replace(&mut given, all)
            };
            Ok(arcs.iter().map(&mut part).collect())
        }
        Content::Keys(keys, sizes) => {
            if keys.len() != sizes.len() {
                return Err(Invalid::new("sizes", sizes.len(), "one for every key").into());
            }
            let mut bytes = vec![0u64; arcs.len()];
            let mut positions = vec![0; keys.len()];
            ring.positions(keys, 0, &mut positions)?;
            for (position, size) in positions.iter().zip(sizes) {
                let arc = arcs.partition_point(|it| it.last < *position) % arcs.len();
                bytes[arc] = bytes[arc]
                    .checked_add(*size)
                    .ok_or_else(|| Invalid::new("sizes", size, "less than 2^64 bytes in all"))?;
            }
            Ok(bytes)
        }
    }
}

struct Collected {
    /// By server, what it sends.
    sent: Vec<u64>,
    /// By source and target, the last transfer so far.
    open: BTreeMap<(u32, u32), usize>,
    transfers: Vec<Transfer>,
    lost: u64,
}

impl Collected {
    fn arc(&mut self, arc: &Arc, bytes: u64, walks: &(Walk<'_>, Walk<'_>), renamed: &[u32], gone: &[bool]) {
        let old = walks.0.from(arc.before);
        let new: Vec<u32> = walks.1.from(arc.after).iter().map(|it| renamed[*it as usize]).collect();
        let alive: Vec<u32> = old.iter().copied().filter(|it| !gone[*it as usize]).collect();
        if alive.is_empty() {
            self.lost += bytes;
            return;
        }
        let mut giving: Vec<u32> = alive.iter().copied().filter(|it| !new.contains(it)).rev().collect();
        // Who comes back under the name of one who is lost has to be filled again.
        for target in new.iter().copied().filter(|it| !old.contains(it) || gone[*it as usize]) {
            let least = alive.iter().copied().min_by_key(|it| self.sent[*it as usize]);
            let Some(source) = giving.pop().or(least) else { continue };
            self.sent[source as usize] += bytes;
            self.push(Transfer {
                first: arc.first,
                last: arc.last,
                source,
                target,
                bytes,
                survivors: alive.len() as u32,
            });
        }
    }

    /// Adds a transfer, to the one before it if that one ends where this one begins.
    fn push(&mut self, next: Transfer) {
        let place = self.open.entry((next.source, next.target)).or_insert(usize::MAX);
        if let Some(open) = self.transfers.get_mut(*place)
            && open.last.wrapping_add(1) == next.first
            && open.survivors == next.survivors
        {
            open.last = next.last;
            open.bytes += next.bytes;
            return;
        }
        *place = self.transfers.len();
        self.transfers.push(next);
    }
}

/// What goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// What has the fewest holders left, and of that the largest.
    Endangered,
    /// The largest.
    Largest,
    /// As they come round the ring.
    Ring,
}

/// When each transfer starts and stops, in seconds, if every server sends one at a time and receives one at a
/// time, at no more than its rates in bytes a second, and none waits that could start.
pub fn schedule(transfers: &[Transfer], order: Order, send: &[f64], receive: &[f64]) -> Vec<(f64, f64)> {
    let mut rank: Vec<usize> = (0..transfers.len()).collect();
    let largest = |it: &usize| (std::cmp::Reverse(transfers[*it].bytes), *it);
    match order {
        Order::Endangered => rank.sort_by_key(|it| (transfers[*it].survivors, largest(it))),
        Order::Largest => rank.sort_by_key(largest),
        Order::Ring => {}
    }
    // By source and target, what is still to do, the first at the end.
    let mut waiting: BTreeMap<(u32, u32), Vec<usize>> = BTreeMap::new();
    let mut place = vec![0; transfers.len()];
    for (i, transfer) in rank.iter().enumerate().rev() {
        place[*transfer] = i;
        let Transfer { source, target, .. } = transfers[*transfer];
        waiting.entry((source, target)).or_default().push(*transfer);
    }
    let mut times = vec![(0.0, 0.0); transfers.len()];
    let (mut sending, mut receiving) = (vec![false; send.len()], vec![false; send.len()]);
    let mut running: Vec<(f64, usize)> = Vec::new();
    let mut now = 0.0;
    loop {
        let mut heads: Vec<usize> = waiting.values().filter_map(|it| it.last().copied()).collect();
        heads.sort_unstable_by_key(|it| place[*it]);
        for transfer in heads {
            let Transfer { source, target, bytes, .. } = transfers[transfer];
            let (source, target) = (source as usize, target as usize);
            if sending[source] || receiving[target] {
                continue;
            }
            (sending[source], receiving[target]) = (true, true);
            let stop = now + bytes as f64 / send[source].min(receive[target]);
            times[transfer] = (now, stop);
            running.push((stop, transfer));
            let key = (source as u32, target as u32);
            if let Some(queue) = waiting.get_mut(&key) {
                queue.pop();
                if queue.is_empty() {
                    waiting.remove(&key);
                }
            }
        }
        let Some(next) = running.iter().map(|it| it.0).reduce(f64::min) else { return times };
        now = next;
        running.retain(|(stop, transfer)| {
            if *stop <= now {
                sending[transfers[*transfer].source as usize] = false;
                receiving[transfers[*transfer].target as usize] = false;
            }
            *stop > now
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machines::hashing::ring::hashring::Settings;
    use crate::machines::hashing::ring::tokens::Rule;
    use crate::machines::hashing::ring::{Hash, Key, Server};
    use crate::sim::{Purpose, Rng};

    fn ring(rule: Rule, bits: u32, vnodes: u32, names: &[&str]) -> HashRing {
        let settings = Settings { bits, hash: Hash::Xxh3, vnodes, rule, seed: 0, decimal: false };
        let rack = |i: usize| Some(format!("r{}", i % 3));
        let server = |(i, it): (usize, &&str)| Server { rack: rack(i), ..Server::new(*it) };
        HashRing::new(settings, names.iter().enumerate().map(server).collect()).unwrap()
    }

    fn wanted(copies: usize) -> Wanted<'static> {
        Wanted { copies, racks_apart: false, lost: &[] }
    }

    #[test]
    fn when_b_leaves_the_notes_ring_c_gets_its_range() {
        let before = ring(Rule::Even, 9, 1, &["A", "B", "C", "D"]);
        let mut after = before.clone();
        after.remove(&["B".into()]).unwrap();
        let plan = moves(&before, &after, Content::Even(512), &wanted(1)).unwrap();
        let only = Transfer { first: 1, last: 128, source: 1, target: 2, bytes: 128, survivors: 1 };
        assert_eq!((plan.transfers, plan.lost_bytes), (vec![only], 0));
        let lost = Wanted { lost: &["B".into()], ..wanted(1) };
        let plan = moves(&before, &after, Content::Even(512), &lost).unwrap();
        assert_eq!((plan.transfers.len(), plan.lost_bytes), (0, 128));
        let lost = Wanted { lost: &["B".into()], ..wanted(2) };
        let plan = moves(&before, &after, Content::Even(512), &lost).unwrap();
        let found: Vec<_> =
            plan.transfers.iter().map(|it| (it.source, it.target, it.bytes, it.survivors)).collect();
        // A's range, copied on B, goes to C; B's, copied on C, to D.
        assert_eq!((found, plan.lost_bytes), (vec![(0, 2, 128, 1), (2, 3, 128, 1)], 0));
    }

    /// The obvious way: every key on its own.
    #[test]
    fn every_key_gets_the_copies_that_it_lacks() {
        for seed in 0..60 {
            let mut rng = Rng::stream(seed, Purpose::Hashing, 9, 0);
            let bits = [6, 20, 64, 128][rng.below(4) as usize];
            let before = ring(Rule::Hashed, bits, 1 + rng.below(6) as u32, &["a", "b", "c", "d", "e"]);
            let mut after = before.clone();
            after.add(vec![Server::new("x"), Server::new("y")]).unwrap();
            after.remove(&[["a", "b", "y"][rng.below(3) as usize].into()]).unwrap();
            let copies = 1 + rng.below(3) as usize;
            let keys: Vec<u64> = (0..200).map(|_| rng.next_u64()).collect();
            let column = Keys::Ints { bits: &keys, signed: false };
            let wanted = Wanted { racks_apart: rng.below(2) == 0, ..wanted(copies) };
            let plan = moves(&before, &after, Content::Keys(&column, &[1; 200]), &wanted).unwrap();
            let name = |ring: &HashRing, it: &u32| ring.servers().all()[*it as usize].name.clone();
            let mut total = 0;
            for key in keys {
                let key: Key<'_> = key.into();
                let position = before.position(key).unwrap();
                let list = |ring: &HashRing| -> Vec<String> {
                    let list = ring.preference(key, copies, wanted.racks_apart).unwrap();
                    list.iter().map(|it| name(ring, it)).collect()
                };
                let (old, new) = (list(&before), list(&after));
                let covers = |it: &&Transfer| match it.first <= it.last {
                    true => (it.first..=it.last).contains(&position),
                    false => position >= it.first || position <= it.last,
                };
                let found: Vec<_> = plan.transfers.iter().filter(covers).collect();
                let mut targets: Vec<_> =
                    found.iter().map(|it| plan.nodes[it.target as usize].clone()).collect();
                let mut lacking: Vec<_> = new.into_iter().filter(|it| !old.contains(it)).collect();
                targets.sort();
                lacking.sort();
                assert_eq!(targets, lacking, "seed {seed}");
                assert!(found.iter().all(|it| old.contains(&plan.nodes[it.source as usize])), "seed {seed}");
                total += lacking.len() as u64;
            }
            assert_eq!(plan.transfers.iter().map(|it| it.bytes).sum::<u64>(), total, "seed {seed}");
        }
    }

    #[test]
    fn nobody_does_two_things_at_once_and_nobody_idles() {
        for seed in 0..200 {
            let mut rng = Rng::stream(seed, Purpose::Hashing, 8, 0);
            let transfer = |rng: &mut Rng| {
                let source = rng.below(5) as u32;
                let target = (source + 1 + rng.below(4) as u32) % 5;
                let (bytes, survivors) = (rng.below(100), 1 + rng.below(3) as u32);
                Transfer { first: 0, last: 0, source, target, bytes, survivors }
            };
            let transfers: Vec<_> = (0..rng.below(30)).map(|_| transfer(&mut rng)).collect();
            let rates = |rng: &mut Rng| (0..5).map(|_| 1.0 + rng.below(9) as f64).collect::<Vec<_>>();
            let (send, receive) = (rates(&mut rng), rates(&mut rng));
            for order in [Order::Endangered, Order::Largest, Order::Ring] {
                let times = schedule(&transfers, order, &send, &receive);
                for (i, (a, (start, stop))) in transfers.iter().zip(&times).enumerate() {
                    let rate = send[a.source as usize].min(receive[a.target as usize]);
                    assert!((stop - start - a.bytes as f64 / rate).abs() < 1e-9);
                    let shares = |b: &Transfer| a.source == b.source || a.target == b.target;
                    let others =
                        transfers.iter().zip(&times).enumerate().filter(|(j, (b, _))| *j != i && shares(b));
                    let others: Vec<_> = others.map(|(_, (_, times))| *times).collect();
                    assert!(others.iter().all(|(s, e)| e <= start || s >= stop || s == e), "seed {seed}");
                    // Whatever starts later than at once starts when something in its way has just stopped.
                    assert!(*start == 0.0 || others.iter().any(|(_, e)| e == start), "seed {seed}");
                }
            }
        }
    }
}
