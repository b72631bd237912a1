//! Ranges of keys in their order (notes 2.9, "alphabetical"): no hash, so neighbours stay together, and so does
//! everything that begins alike.
use serde::{Deserialize, Serialize};

use super::keys::{Key, Keys};
use super::placement::{Placement, Tally, unweighted};
use super::servers::{Error, Server, Servers};
use crate::sim::Invalid;

/// Text and bytes are ordered by their bytes, integers by their value; each of the two is cut into one range a
/// server. A range begins at its boundary and ends before the next one; the first one has no beginning.
///
/// Boundaries are quantiles of a sample. Who joins gets the upper half of the fullest range, as the sample has
/// it; the range of one who leaves goes to its neighbour below.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alphabet {
    servers: Servers,
    texts: Ranges<Vec<u8>>,
    integers: Ranges<i128>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Ranges<T> {
    /// In order, where each range but the first begins.
    starts: Vec<T>,
    /// In the same order, and of the first one too: whose it is.
    owners: Vec<u32>,
    /// In order, keys to find further boundaries by.
    sample: Vec<T>,
}

/// How many keys a sample keeps.
const MOST: usize = 1 << 16;
const NO_WEIGHTS: &str = "1: ranges have no weights";

impl<T: Ord + Clone> Ranges<T> {
    /// One range a server, each with as many keys of a sorted sample as the others, as near as can be.
    fn quantiles(sample: Vec<T>, servers: usize) -> Result<Self, Invalid> {
        let starts: Vec<T> = (1..servers).map(|i| sample[i * sample.len() / servers].clone()).collect();
        Self::cut(starts, sample, servers)
    }

    fn cut(starts: Vec<T>, sample: Vec<T>, servers: usize) -> Result<Self, Invalid> {
        if !starts.is_sorted_by(|a, b| a < b) {
            let allowed = "increasing; a sample needs several different keys a node";
            return Err(Invalid::new("boundaries", "not increasing", allowed));
        }
        if starts.len() + 1 != servers {
            return Err(Invalid::new("boundaries", starts.len(), "one fewer than there are nodes"));
        }
        let step = sample.len().div_ceil(MOST).max(1);
        let sample = sample.into_iter().step_by(step).collect();
        Ok(Self { starts, owners: (0..servers as u32).collect(), sample })
    }

    fn owner(&self, key: &T) -> u32 {
        self.owners[self.starts.partition_point(|it| it <= key)]
    }

    /// Gives the upper half of the fullest range to a new owner.
    fn split(&mut self, owner: u32) -> Result<(), Invalid> {
        let inside = |i: usize| {
            let from =
                i.checked_sub(1).map_or(0, |it| self.sample.partition_point(|key| *key < self.starts[it]));
            let to = self
                .starts
                .get(i)
                .map_or(self.sample.len(), |end| self.sample.partition_point(|it| it < end));
            &self.sample[from..to]
        };
        let fullest = (0..self.owners.len()).max_by_key(|it| (inside(*it).len(), std::cmp::Reverse(*it)));
        let fullest = fullest.unwrap_or(0);
        let keys = inside(fullest);
        let middle = keys.get(keys.len() / 2).filter(|it| **it > keys[0]);
        // Of a half that begins as the whole does, the first key that differs.
        let start = middle.or_else(|| keys.iter().find(|it| **it > keys[0])).cloned();
        let start = start.ok_or_else(|| {
            Invalid::new("nodes", "one more", "a sample with several different keys in the fullest range")
        })?;
        self.starts.insert(fullest, start);
        self.owners.insert(fullest + 1, owner);
        Ok(())
    }

    /// Gives the ranges of those who leave to their neighbours below (the lowest: above).
    fn merge(&mut self, moved: &[Option<u32>]) {
        while let Some(i) = self.owners.iter().position(|it| moved[*it as usize].is_none()) {
            self.owners.remove(i);
            self.starts.remove(i.saturating_sub(1));
        }
        for owner in &mut self.owners {
            *owner = moved[*owner as usize].unwrap_or(0);
        }
    }
}

/// So many texts, evenly between a and z; and so many integers, evenly up to 2^64.
fn evenly(servers: usize) -> (Vec<Vec<u8>>, Vec<i128>) {
    let count = servers * 1024usize.div_ceil(servers);
    let text = |i: usize| {
        let mut rest = i as u64 * 26u64.pow(6) / count as u64;
        let mut letters = [b'a'; 6];
        for letter in letters.iter_mut().rev() {
            *letter += (rest % 26) as u8;
            rest /= 26;
        }
        let length = letters.iter().rposition(|it| *it != b'a').map_or(1, |it| it + 1);
        letters[..length].to_vec()
    };
    let integer = |i: usize| ((i as i128) << 64) / count as i128;
    ((0..count).map(text).collect(), (0..count).map(integer).collect())
}

fn value(key: Key<'_>) -> Result<i128, &[u8]> {
    match key {
        Key::Int { bits, negative: true } => Ok(i128::from(bits as i64)),
        Key::Int { bits, negative: false } => Ok(i128::from(bits)),
        Key::Large(bits) => Ok(i128::try_from(bits).unwrap_or(i128::MAX)),
        Key::Bytes(bytes) => Err(bytes),
    }
}

fn sorted(keys: &Keys<'_>) -> (Vec<Vec<u8>>, Vec<i128>) {
    let (mut texts, mut integers) = (Vec::new(), Vec::new());
    keys.visit(0, keys.len(), |key| match value(key) {
        Ok(it) => integers.push(it),
        Err(it) => texts.push(it.to_vec()),
    });
    texts.sort_unstable();
    integers.sort_unstable();
    (texts, integers)
}

impl Alphabet {
    /// Of these servers, with boundaries by a sample; where that has no text or no integers, evenly between a
    /// and z, or up to 2^64.
    pub fn by_sample(servers: Vec<Server>, sample: &Keys<'_>) -> Result<Self, Error> {
        let (texts, integers) = sorted(sample);
        let servers = Servers::new(servers)?;
        unweighted(&servers, NO_WEIGHTS)?;
        let count = servers.len();
        let (even_texts, even_integers) = evenly(count);
        let texts = if texts.is_empty() { even_texts } else { texts };
        let integers = if integers.is_empty() { even_integers } else { integers };
        Ok(Self {
            servers,
            texts: Ranges::quantiles(texts, count)?,
            integers: Ranges::quantiles(integers, count)?,
        })
    }

    /// Of these servers, with boundaries by hand, all of one kind: keys at which the second range begins, and so
    /// on. The other kind is cut evenly.
    pub fn by_boundaries(servers: Vec<Server>, boundaries: &Keys<'_>) -> Result<Self, Error> {
        let mut both = Self::by_sample(servers, &Keys::Mixed(&[]))?;
        let count = both.servers.len();
        let (mut texts, mut integers) = (Vec::new(), Vec::new());
        boundaries.visit(0, boundaries.len(), |key| match value(key) {
            Ok(it) => integers.push(it),
            Err(it) => texts.push(it.to_vec()),
        });
        if !texts.is_empty() && !integers.is_empty() {
            return Err(Invalid::new("boundaries", "text and integers", "all text or all integers").into());
        }
        if integers.is_empty() {
            both.texts = Ranges::cut(texts, both.texts.sample, count)?;
        } else {
            both.integers = Ranges::cut(integers, both.integers.sample, count)?;
        }
        Ok(both)
    }

    /// Where the ranges of text but the first begin, and whose all are.
    pub fn texts(&self) -> (&[Vec<u8>], &[u32]) {
        (&self.texts.starts, &self.texts.owners)
    }

    /// Where the ranges of integers but the first begin, and whose all are.
    pub fn integers(&self) -> (&[i128], &[u32]) {
        (&self.integers.starts, &self.integers.owners)
    }
}

impl Placement for Alphabet {
    fn servers(&self) -> &Servers {
        &self.servers
    }

    fn assign(&self, keys: &Keys<'_>, from: usize, _: &mut Tally, out: &mut [i32]) -> Result<(), Invalid> {
        let mut i = 0;
        keys.visit(from, out.len(), |key| {
            let owner = match value(key) {
                Ok(it) => self.integers.owner(&it),
                // Not by `owner`: the bytes are borrowed, and there is no vector to be had without a copy.
                Err(bytes) => {
                    self.texts.owners[self.texts.starts.partition_point(|it| it.as_slice() <= bytes)]
                }
            };
            out[i] = owner as i32;
            i += 1;
        });
        Ok(())
    }

    fn add(&mut self, more: Vec<Server>) -> Result<(), Error> {
        let mut next = self.clone();
        next.servers.add(more)?;
        unweighted(&next.servers, NO_WEIGHTS)?;
        for owner in self.servers.len()..next.servers.len() {
            next.texts.split(owner as u32)?;
            next.integers.split(owner as u32)?;
        }
        *self = next;
        Ok(())
    }

    fn remove(&mut self, names: &[String]) -> Result<(), Error> {
        let moved = self.servers.remove(names)?;
        self.texts.merge(&moved);
        self.integers.merge(&moved);
        Ok(())
    }

    fn reweight(&mut self, name: &str, weight: f64) -> Result<(), Error> {
        self.servers.number(name)?;
        match weight {
            1.0 => Ok(()),
            _ => Err(Invalid::new("weights", weight, NO_WEIGHTS).into()),
        }
    }

    fn size_bytes(&self) -> usize {
        let text = |it: &Vec<u8>| size_of::<Vec<u8>>() + it.len();
        let texts: usize = self.texts.starts.iter().map(text).sum();
        // The sample is not needed to look anything up.
        self.servers.size_bytes()
            + texts
            + size_of_val(&*self.texts.owners) * 2
            + size_of_val(&*self.integers.starts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(count: usize) -> Vec<Server> {
        (0..count).map(|i| Server::new(format!("s{i}"))).collect()
    }

    fn owners(it: &Alphabet, keys: &[Key<'_>]) -> Vec<i32> {
        let mut out = vec![-1; keys.len()];
        it.assign(&Keys::Mixed(keys), 0, &mut Tally::default(), &mut out).unwrap();
        out
    }

    #[test]
    fn default_boundaries_are_letters_and_equal_parts() {
        let two = Alphabet::by_sample(of(2), &Keys::Mixed(&[])).unwrap();
        assert_eq!((two.texts().0, two.integers().0), (&[b"n".to_vec()][..], &[1i128 << 63][..]));
        let keys: [&[u8]; 4] = [b"", b"mzz", b"n", b"zebra"];
        assert_eq!(owners(&two, &keys.map(Key::Bytes)), [0, 0, 1, 1]);
        let minus = Key::Int { bits: u64::MAX, negative: true };
        assert_eq!(owners(&two, &[minus, u64::MAX.into(), Key::Large(u128::MAX)]), [0, 1, 1]);
        let all = Alphabet::by_sample(of(26), &Keys::Mixed(&[])).unwrap();
        assert_eq!(all.texts().0, (b'b'..=b'z').map(|it| vec![it]).collect::<Vec<_>>());
    }

    #[test]
    fn who_joins_halves_the_fullest_and_who_leaves_gives_to_a_neighbour() {
        let bits: Vec<u64> = (0..1000).collect();
        let sample = Keys::Ints { bits: &bits, signed: false };
        let mut it = Alphabet::by_sample(of(4), &sample).unwrap();
        assert_eq!(it.integers().0, [250, 500, 750]);
        it.add(vec![Server::new("x")]).unwrap();
        assert_eq!(it.integers(), (&[125, 250, 500, 750][..], &[0, 4, 1, 2, 3][..]));
        it.remove(&["s0".into()]).unwrap();
        assert_eq!(it.integers(), (&[250, 500, 750][..], &[3, 0, 1, 2][..]));
        it.remove(&["s3".into(), "s2".into()]).unwrap();
        assert_eq!(it.integers(), (&[250][..], &[1, 0][..]));
    }

    #[test]
    fn boundaries_increase_and_are_of_one_kind() {
        let of = |keys: &[Key<'_>]| Alphabet::by_boundaries(of(3), &Keys::Mixed(keys)).map(drop);
        let (g, p) = (Key::Bytes(b"g"), Key::Bytes(b"p"));
        assert!(of(&[g, p]).is_ok() && of(&[1.into(), 2.into()]).is_ok());
        for bad in [&[p, g][..], &[g, g], &[g], &[g, 1.into()], &[]] {
            assert!(of(bad).is_err(), "{bad:?}");
        }
        let alike = Keys::Mixed(&[g, g, g, g]);
        assert!(Alphabet::by_sample(super::tests::of(3), &alike).is_err());
    }
}
