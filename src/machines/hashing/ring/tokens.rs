//! Where the virtual nodes of a server are.
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use serde::{Deserialize, Serialize};

use super::hash::{Hash, Word, ketama_points};
use super::servers::{Error, Server};
use crate::sim::Invalid;

/// How many virtual nodes there can be in all: a ring of them takes about a gigabyte.
pub const MOST: usize = 1 << 24;

/// By which rule virtual nodes get their positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rule {
    /// The hash of `name#i`, for i from 0; of `seed:name#i` if there is a seed.
    Hashed,
    /// As far apart as possible: for pictures.
    Even,
    /// Given by hand; who joins goes where the gaps are widest.
    Given,
    /// As uhashring 2.5 does by default: MD5 of `name-i`.
    Uhashring,
    /// As uhashring 2.5 does with `hash_fn="ketama"`: four points an MD5, as many as the weight's part of all.
    UhashringKetama,
    /// As libketama does: the same, but the number of points is reckoned in 32-bit floating point.
    Libketama,
}

impl Rule {
    /// Whether the tokens of a server depend on who else is there.
    pub fn is_relative(self) -> bool {
        matches!(self, Self::UhashringKetama | Self::Libketama)
    }

    /// Whether a hash equal to a virtual node's belongs to the next one.
    pub fn passes_equals(self) -> bool {
        matches!(self, Self::Uhashring | Self::UhashringKetama)
    }
}

/// How many virtual nodes a server of that weight has.
pub fn count(rule: Rule, vnodes: u32, weight: f64) -> Result<usize, Invalid> {
    let wanted = f64::from(vnodes) * weight;
    if rule == Rule::Uhashring && weight.fract() != 0.0 {
        return Err(Invalid::new("weights", weight, "whole numbers, as uhashring has them"));
    }
    if !(0.5..=MOST as f64).contains(&wanted) {
        let allowed = "vnodes times weight from 0.5 to 2^24 virtual nodes";
        return Err(Invalid::new("weights", weight, allowed));
    }
    Ok(libm::round(wanted) as usize)
}

/// The tokens of a server by its name, numbers `from..to`.
pub fn hashed(rule: Rule, hash: Hash, bits: u32, seed: u64, name: &str, from: usize, to: usize) -> Vec<u128> {
    use std::io::Write as _;
    let mut label = match seed {
        0 => name.as_bytes().to_vec(),
        _ if rule == Rule::Uhashring => name.as_bytes().to_vec(),
        _ => format!("{seed}:{name}").into_bytes(),
    };
    label.push(if rule == Rule::Uhashring { b'-' } else { b'#' });
    let stem = label.len();
    let token = |i: usize| {
        label.truncate(stem);
        let _ = write!(label, "{i}");
        match bits {
            ..=64 => hash.of_bytes::<u64>(&label).position(bits),
            _ => hash.of_bytes::<u128>(&label).position(bits),
        }
    };
    (from..to).map(token).collect()
}

/// The tokens of all servers where they depend on each other.
pub fn relative(rule: Rule, vnodes: u32, servers: &[Server]) -> Result<Vec<Vec<u128>>, Invalid> {
    few(4 * u128::from(vnodes) * servers.len() as u128)?;
    let total: f64 = servers.iter().map(|it| it.weight).sum();
    let digests = |weight: f64| match rule {
        Rule::Libketama => {
            let part = weight as f32 / total as f32;
            (part * vnodes as f32 * servers.len() as f32).floor() as usize
        }
        _ => (f64::from(vnodes) * servers.len() as f64 * weight / total).floor() as usize,
    };
    let points = |server: &Server| {
        let points = |i| ketama_points(format!("{}-{i}", server.name).as_bytes()).map(u128::from);
        (0..digests(server.weight)).flat_map(points).collect()
    };
    Ok(servers.iter().map(points).collect())
}

/// The tokens of all servers as far apart as a ring of `bits` lets them be. Each round of one virtual node a
/// server goes through the servers with another stride, so that different servers follow each one.
pub fn even(counts: &[usize], bits: u32) -> Result<Vec<Vec<u128>>, Error> {
    let total = counts.iter().sum::<usize>() as u128;
    room(total, bits)?;
    let mut tokens: Vec<Vec<u128>> = counts.iter().map(|it| Vec::with_capacity(*it)).collect();
    let mut slot = 0;
    for round in 0..counts.iter().copied().max().unwrap_or(0) {
        let members: Vec<usize> = (0..counts.len()).filter(|it| counts[*it] > round).collect();
        let stride = stride(members.len(), round);
        for i in 0..members.len() {
            tokens[members[i * stride % members.len()]].push(spread(slot, total, bits));
            slot += 1;
        }
    }
    Ok(tokens)
}

/// Position `slot` of `total` equally far apart: slot * 2^bits / total, rounded down.
fn spread(slot: u128, total: u128, bits: u32) -> u128 {
    // In two steps of 64 bits: totals are far below 2^64, so neither product overflows.
    let (high, low) = (bits.saturating_sub(64), bits.min(64));
    let whole = (slot << low) / total;
    let rest = (slot << low) % total;
    (whole << high) + (rest << high) / total
}

/// The number of that round among the strides that visit all of `n`.
fn stride(n: usize, round: usize) -> usize {
    let coprime = |it: &usize| {
        let (mut a, mut b) = (n, *it);
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a == 1
    };
    let units = (1..n.max(2)).filter(coprime).count();
    (1..n.max(2)).filter(coprime).nth(round % units).unwrap_or(1)
}

/// Whether there is room for so many virtual nodes, no two on one position.
fn room(total: u128, bits: u32) -> Result<(), Invalid> {
    few(total)?;
    if bits < 64 && total > 1 << bits {
        return Err(Invalid::new("vnodes", total, "at most 2^bits virtual nodes in all"));
    }
    Ok(())
}

/// Whether so many virtual nodes are not too many.
pub fn few(total: u128) -> Result<(), Invalid> {
    if total > MOST as u128 {
        return Err(Invalid::new("vnodes", total, "at most 2^24 virtual nodes in all"));
    }
    Ok(())
}

/// `counts` more tokens each, every one in the middle of the gap that is then the widest.
pub fn in_gaps(taken: &[Vec<u128>], counts: &[usize], bits: u32) -> Result<Vec<Vec<u128>>, Error> {
    let mut all: Vec<u128> = taken.iter().flatten().copied().collect();
    room((all.len() + counts.iter().sum::<usize>()) as u128, bits)?;
    all.sort_unstable();
    all.dedup();
    let mask = u128::MAX >> (128 - bits);
    let mut gaps = BinaryHeap::new();
    for (i, start) in all.iter().enumerate() {
        // Of a gap that goes all the way round, one less than its width fits in the word.
        let width = all[(i + 1) % all.len()].wrapping_sub(*start).wrapping_sub(1) & mask;
        gaps.push((width, Reverse(*start)));
    }
    let mut place = || {
        let Some((width, Reverse(start))) = gaps.pop() else { return 0 };
        let middle = start.wrapping_add(width / 2 + 1) & mask;
        gaps.push((width / 2, Reverse(start)));
        gaps.push((width - width / 2 - 1, Reverse(middle)));
        middle
    };
    if counts.iter().any(|it| *it > 0) && all.is_empty() {
        return Err(Invalid::new("tokens", "none", "tokens of at least one node").into());
    }
    Ok(counts.iter().map(|count| (0..*count).map(|_| place()).collect()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_tokens_are_the_figure_of_the_notes() {
        assert_eq!(even(&[1; 4], 9).unwrap(), [[0], [128], [256], [384]]);
        assert_eq!(even(&[1; 2], 128).unwrap(), [[0], [1 << 127]]);
        assert_eq!(even(&[1; 3], 2).unwrap(), [[0], [1], [2]]);
        assert!(even(&[2, 3], 2).is_err());
    }

    #[test]
    fn nobody_follows_himself_round_an_even_ring() {
        for n in 2..40 {
            let mut order: Vec<_> = even(&vec![9; n], 64).unwrap().into_iter().enumerate().collect();
            let mut ring: Vec<_> =
                order.drain(..).flat_map(|(i, tokens)| tokens.into_iter().map(move |it| (it, i))).collect();
            ring.sort_unstable();
            assert!((0..ring.len()).all(|i| ring[i].1 != ring[(i + 1) % ring.len()].1), "{n}");
        }
    }

    #[test]
    fn gaps_are_halved_widest_first() {
        let taken = [vec![0], vec![256]];
        assert_eq!(in_gaps(&taken, &[3], 9).unwrap(), [[128, 384, 64]]);
        assert_eq!(in_gaps(&[vec![5]], &[1, 1], 9).unwrap(), [[5 + 256], [5 + 128]]);
        let full = in_gaps(&[vec![0]], &[7], 3).unwrap();
        let mut all = full[0].clone();
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3, 4, 5, 6, 7]);
        assert!(in_gaps(&[vec![0]], &[8], 3).is_err());
        assert_eq!(in_gaps(&[vec![0, 1 << 127]], &[1], 128).unwrap(), [[1 << 126]]);
    }
}
