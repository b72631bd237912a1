//! Reference strings that are made: each with one thing about it that a policy, a TLB or a cache sees.
use super::zipf::Zipf;
use crate::sim::{Invalid, Purpose, Rng};

/// Streams of chance of this module begin with this number ("ref" and a version), one for each generator.
const STREAMS: u32 = 0x7265_6600;

/// Whoever has to store all places to shuffle them has no more of them than these.
pub const MOST_SHUFFLED: u64 = 1 << 26;

/// A string, from where it stands on.
#[derive(Clone, Debug)]
pub enum Generator {
    /// `start`, then on by `step` each time, back to the start after `period` of them.
    Steps {
        /// The first.
        start: u64,
        /// From one to the next, modulo 2^64.
        step: u64,
        /// How many there are before it starts again.
        period: u64,
        /// How many there were since it started.
        at: u64,
    },
    /// Any of `pages`, all alike.
    Uniform {
        /// How many there are.
        pages: u64,
        /// Who draws.
        rng: Rng,
    },
    /// A few often, most rarely.
    Zipf {
        /// The distribution.
        zipf: Zipf,
        /// Who draws.
        rng: Rng,
    },
    /// A working set for a while, then another.
    Phases(Phases),
    /// The elements of a matrix, by rows or by columns.
    Matrix(Matrix),
    /// All places in one random order, again and again.
    Chase {
        /// The order, as multiples of what lies between two places.
        order: Vec<u64>,
        /// Where in it.
        at: usize,
    },
    /// A loop over a few pages, interrupted by one of the others.
    Mixed {
        /// How many pages the loop has, from 0 on.
        looped: u64,
        /// How many there are in all.
        pages: u64,
        /// With what probability, in steps of 2^-53, the loop is interrupted.
        interrupted: u64,
        /// The next page of the loop.
        at: u64,
        /// Who draws.
        rng: Rng,
    },
}

/// A working set that changes (Denning 1968, as a model of phases).
#[derive(Clone, Debug)]
pub struct Phases {
    pages: u64,
    set: Vec<u64>,
    length: u64,
    left: u64,
    /// In steps of 2^-53.
    outside: u64,
    rng: Rng,
}

/// Where the elements of a matrix are, stored row by row.
#[derive(Clone, Debug)]
pub struct Matrix {
    base: u64,
    /// How many steps there are along the inner and the outer loop, and how many bytes each takes.
    inner: (u64, u64),
    outer: (u64, u64),
    at: (u64, u64),
}

fn stream(seed: u64, generator: u32) -> Rng {
    Rng::stream(seed, Purpose::Memory, STREAMS, generator)
}

fn at_least_one(parameter: &'static str, value: u64) -> Result<u64, Invalid> {
    if value == 0 { Err(Invalid::new(parameter, value, "a positive integer")) } else { Ok(value) }
}

/// A probability in steps of 2^-53.
fn steps(parameter: &'static str, p: f64) -> Result<u64, Invalid> {
    if !(0.0..=1.0).contains(&p) {
        return Err(Invalid::new(parameter, p, "a number from 0 to 1"));
    }
    Ok((p * (1u64 << 53) as f64) as u64)
}

impl Generator {
    /// From `start` on in steps of `step`, `period` of them before it starts again.
    pub fn steps(start: u64, step: u64, period: u64) -> Result<Self, Invalid> {
        Ok(Self::Steps { start, step, period: at_least_one("period", period)?, at: 0 })
    }

    /// Any of `0..pages`.
    pub fn uniform(pages: u64, seed: u64) -> Result<Self, Invalid> {
        Ok(Self::Uniform { pages: at_least_one("pages", pages)?, rng: stream(seed, 1) })
    }

    /// Page k of `0..pages` with a probability proportional to `(k+1)^-alpha`; `permute` renames them at random.
    pub fn zipf(pages: u64, alpha: f64, permute: bool, seed: u64) -> Result<Self, Invalid> {
        at_least_one("pages", pages)?;
        if !(0.0..=100.0).contains(&alpha) {
            return Err(Invalid::new("alpha", alpha, "a number from 0 to 100"));
        }
        let mut names = stream(seed, 3);
        let zipf = Zipf::new(pages, alpha, permute.then_some(&mut names));
        Ok(Self::Zipf { zipf, rng: stream(seed, 2) })
    }

    /// Of `0..pages`, `set` random ones for `length` references, all alike, then others; with probability
    /// `outside` any of all pages instead.
    pub fn phases(pages: u64, set: u64, length: u64, outside: f64, seed: u64) -> Result<Self, Invalid> {
        at_least_one("pages", pages)?;
        at_least_one("working_set", set)?;
        at_least_one("phase_length", length)?;
        if set > pages || set > MOST_SHUFFLED {
            return Err(Invalid::new("working_set", set, "at most as many as there are pages, and 67108864"));
        }
        let outside = steps("outside", outside)?;
        let set = vec![0; set as usize];
        Ok(Self::Phases(Phases { pages, set, length, left: 0, outside, rng: stream(seed, 4) }))
    }

    /// The addresses of a matrix from `base` on, stored row by row; by columns if `by_columns`.
    pub fn matrix(
        rows: u64,
        columns: u64,
        element: u64,
        base: u64,
        by_columns: bool,
    ) -> Result<Self, Invalid> {
        for (name, value) in [("rows", rows), ("columns", columns), ("element_size", element)] {
            at_least_one(name, value)?;
        }
        let bytes = rows.checked_mul(columns).and_then(|it| it.checked_mul(element));
        let last = bytes.and_then(|it| base.checked_add(it - 1));
        let Some(_) = last else {
            let given = format!("{rows} x {columns} x {element} bytes from {base:#x}");
            return Err(Invalid::new("rows", given, "a matrix within the 64-bit address space"));
        };
        let (along, across) = ((columns, element), (rows, columns * element));
        let (inner, outer) = if by_columns { (across, along) } else { (along, across) };
        Ok(Self::Matrix(Matrix { base, inner, outer, at: (0, 0) }))
    }

    /// `nodes` places from `base` on, `size` apart, in the order of a random cycle through all of them.
    pub fn chase(nodes: u64, size: u64, base: u64, seed: u64) -> Result<Self, Invalid> {
        if nodes == 0 || nodes > MOST_SHUFFLED {
            return Err(Invalid::new("nodes", nodes, "an integer from 1 to 67108864"));
        }
        if (nodes - 1).checked_mul(size).and_then(|it| it.checked_add(base)).is_none() {
            return Err(Invalid::new("node_size", size, "one with which all nodes lie in 64-bit addresses"));
        }
        let mut order: Vec<u64> = (0..nodes).map(|it| base + it * size).collect();
        // Every cyclic permutation is one order of all but the first.
        shuffle(&mut order[1..], &mut stream(seed, 5));
        Ok(Self::Chase { order, at: 0 })
    }

    /// A loop over pages `0..looped`; with probability `interrupted` one of `looped..pages` comes in between.
    pub fn mixed(looped: u64, pages: u64, interrupted: f64, seed: u64) -> Result<Self, Invalid> {
        at_least_one("loop", looped)?;
        let interrupted = steps("random_fraction", interrupted)?;
        if pages < looped || (pages == looped && interrupted > 0) {
            return Err(Invalid::new("pages", pages, "more than the loop has"));
        }
        Ok(Self::Mixed { looped, pages, interrupted, at: 0, rng: stream(seed, 6) })
    }

    /// The next so many.
    pub fn fill(&mut self, out: &mut [u64]) {
        match self {
            Self::Steps { start, step, period, at } => {
                for to in out {
                    *to = start.wrapping_add(at.wrapping_mul(*step));
                    *at = if *at + 1 == *period { 0 } else { *at + 1 };
                }
            }
            Self::Uniform { pages, rng } => out.iter_mut().for_each(|to| *to = rng.below(*pages)),
            Self::Zipf { zipf, rng } => zipf.fill(out, rng),
            Self::Phases(it) => it.fill(out),
            Self::Matrix(it) => it.fill(out),
            Self::Chase { order, at } => {
                for to in out {
                    *to = order[*at];
                    *at = if *at + 1 == order.len() { 0 } else { *at + 1 };
                }
            }
            Self::Mixed { looped, pages, interrupted, at, rng } => {
                for to in out {
                    if rng.next_u64() >> 11 < *interrupted {
                        *to = *looped + rng.below(*pages - *looped);
                    } else {
                        *to = *at;
                        *at = if *at + 1 == *looped { 0 } else { *at + 1 };
                    }
                }
            }
        }
    }
}

impl Phases {
    fn fill(&mut self, mut out: &mut [u64]) {
        while !out.is_empty() {
            if self.left == 0 {
                sample(&mut self.set, self.pages, &mut self.rng);
                self.left = self.length;
            }
            let now = out.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
            let (part, rest) = out.split_at_mut(now);
            self.left -= now as u64;
            for to in part {
                let strays = self.outside > 0 && self.rng.next_u64() >> 11 < self.outside;
                *to = if strays {
                    self.rng.below(self.pages)
                } else {
                    self.set[self.rng.below(self.set.len() as u64) as usize]
                };
            }
            out = rest;
        }
    }
}

impl Matrix {
    fn fill(&mut self, out: &mut [u64]) {
        for to in out {
            // Not beyond the last byte, which was checked to have an address.
            *to = self.base + self.at.0 * self.inner.1 + self.at.1 * self.outer.1;
            self.at.0 += 1;
            if self.at.0 == self.inner.0 {
                self.at = (0, if self.at.1 + 1 == self.outer.0 { 0 } else { self.at.1 + 1 });
            }
        }
    }
}

/// Any order of all, all alike (Fisher and Yates).
pub(super) fn shuffle<T>(all: &mut [T], rng: &mut Rng) {
    for at in (1..all.len()).rev() {
        all.swap(at, rng.below(at as u64 + 1) as usize);
    }
}

/// Different ones of `0..n`, any set alike, in ascending order (Vitter's method A in one sweep for dense sets,
/// draws without repetition for sparse ones).
fn sample(set: &mut [u64], n: u64, rng: &mut Rng) {
    let wanted = set.len() as u64;
    if wanted > n / 4 {
        let mut found = 0;
        for candidate in 0..n {
            if found < wanted && rng.below(n - candidate) < wanted - found {
                set[found as usize] = candidate;
                found += 1;
            }
        }
        return;
    }
    // At most a quarter is taken, so a draw is new with probability 3/4 or more.
    let mut all: Vec<u64> = Vec::with_capacity(set.len());
    while all.len() < set.len() {
        all.extend((all.len()..set.len()).map(|_| rng.below(n)));
        all.sort_unstable();
        all.dedup();
    }
    set.copy_from_slice(&all);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(mut generator: Generator, count: usize) -> Vec<u64> {
        let mut out = vec![0; count];
        // In two parts: where a string stands is kept.
        let (early, late) = out.split_at_mut(count / 3);
        generator.fill(early);
        generator.fill(late);
        out
    }

    #[test]
    fn steps_wrap_around() {
        assert_eq!(first(Generator::steps(5, 3, 3).unwrap(), 7), [5, 8, 11, 5, 8, 11, 5]);
        assert_eq!(first(Generator::steps(1, u64::MAX, 9).unwrap(), 3), [1, 0, u64::MAX]);
    }

    #[test]
    fn matrix_is_walked_by_rows_and_by_columns() {
        let rows = Generator::matrix(2, 3, 8, 100, false).unwrap();
        assert_eq!(first(rows, 8), [100, 108, 116, 124, 132, 140, 100, 108]);
        let columns = Generator::matrix(2, 3, 8, 100, true).unwrap();
        assert_eq!(first(columns, 8), [100, 124, 108, 132, 116, 140, 100, 124]);
        assert!(Generator::matrix(1 << 32, 1 << 32, 1, 0, true).is_err());
        assert!(Generator::matrix(1, 1, 8, u64::MAX - 7, true).is_ok());
        assert!(Generator::matrix(1, 1, 8, u64::MAX - 6, true).is_err());
    }

    #[test]
    fn chase_visits_every_node_once_a_round() {
        let walked = first(Generator::chase(100, 64, 4096, 1).unwrap(), 300);
        let mut round = walked[..100].to_vec();
        assert_eq!(walked[..100], walked[200..]);
        assert!(round[0] == 4096 && !round.is_sorted());
        round.sort_unstable();
        assert!(round.into_iter().eq((0..100).map(|it| 4096 + 64 * it)));
    }

    #[test]
    fn every_cycle_is_as_likely_as_any_other() {
        let mut seen = [0; 6];
        for seed in 0..6000 {
            let order = first(Generator::chase(4, 1, 0, seed).unwrap(), 4);
            let code = match order[1..] {
                [1, 2, 3] => 0,
                [1, 3, 2] => 1,
                [2, 1, 3] => 2,
                [2, 3, 1] => 3,
                [3, 1, 2] => 4,
                [3, 2, 1] => 5,
                _ => unreachable!("no order of 1, 2, 3: {order:?}"),
            };
            seen[code] += 1;
        }
        // 5 standard deviations of 6000 draws with probability 1/6.
        assert!(seen.iter().all(|it| (855..1145).contains(it)), "{seen:?}");
    }

    #[test]
    fn phases_keep_to_their_working_set() {
        for (pages, set) in [(1000, 10), (20, 10), (10, 10), (1 << 40, 50)] {
            let refs = first(Generator::phases(pages, set, 500, 0.0, 7).unwrap(), 2000);
            for phase in refs.chunks(500) {
                let mut distinct = phase.to_vec();
                distinct.sort_unstable();
                distinct.dedup();
                assert!(
                    distinct.len() as u64 <= set
                        && distinct.len() >= 9
                        && distinct.iter().all(|it| *it < pages)
                );
            }
            assert!(pages == set || refs[..500] != refs[500..1000]);
        }
        let stray = first(Generator::phases(1 << 40, 1, 1 << 40, 0.25, 7).unwrap(), 10_000);
        let own = stray.iter().filter(|it| **it == stray[9_999] || **it == stray[9_998]).count();
        assert!((7_280..7_720).contains(&own), "{own}");
    }

    #[test]
    fn samples_are_different_and_any_is_as_likely() {
        for (n, wanted) in [(10, 3), (40, 4)] {
            let mut seen = vec![0; n as usize];
            let mut rng = stream(1, 99);
            for _ in 0..20_000 {
                let mut set = vec![0; wanted];
                sample(&mut set, n, &mut rng);
                assert!(set.windows(2).all(|it| it[0] < it[1]));
                set.iter().for_each(|it| seen[*it as usize] += 1);
            }
            let p = wanted as f64 / n as f64;
            let (mean, deviation) = (20_000.0 * p, (20_000.0 * p * (1.0 - p)).sqrt());
            assert!(seen.iter().all(|it| (f64::from(*it) - mean).abs() < 4.5 * deviation), "{seen:?}");
        }
    }

    #[test]
    fn loop_goes_on_where_it_was_interrupted() {
        let refs = first(Generator::mixed(5, 100, 0.3, 2).unwrap(), 10_000);
        let looped: Vec<u64> = refs.iter().copied().filter(|it| *it < 5).collect();
        assert!(looped.iter().enumerate().all(|(at, page)| *page == at as u64 % 5));
        assert!((6_770..7_230).contains(&looped.len()), "{}", looped.len());
        assert_eq!(first(Generator::mixed(2, 2, 0.0, 2).unwrap(), 4), [0, 1, 0, 1]);
    }

    #[test]
    fn first_references_are_the_same_on_every_platform() {
        let zipf = |pages| first(Generator::zipf(pages, 0.9, true, 1).unwrap(), 4);
        let got = (zipf(1000), zipf(1 << 30), first(Generator::uniform(1000, 1).unwrap(), 4));
        let known = ([649, 281, 4, 871], [1020533131, 1009109331, 737498724, 53488010], [843, 8, 7, 337]);
        assert_eq!(got, (known.0.to_vec(), known.1.to_vec(), known.2.to_vec()));
    }

    #[test]
    fn what_is_not_allowed_is_named() {
        let name = |it: Result<Generator, Invalid>| it.unwrap_err().parameter;
        assert_eq!(name(Generator::uniform(0, 1)), "pages");
        assert_eq!(name(Generator::zipf(5, f64::NAN, true, 1)), "alpha");
        assert_eq!(name(Generator::zipf(5, -1.0, true, 1)), "alpha");
        assert_eq!(name(Generator::phases(5, 6, 1, 0.0, 1)), "working_set");
        assert_eq!(name(Generator::phases(5, 5, 0, 0.0, 1)), "phase_length");
        assert_eq!(name(Generator::phases(5, 5, 1, 1.1, 1)), "outside");
        assert_eq!(name(Generator::chase(0, 1, 0, 1)), "nodes");
        assert_eq!(name(Generator::chase(1 << 20, 1 << 50, 0, 1)), "node_size");
        assert_eq!(name(Generator::mixed(5, 5, 0.5, 1)), "pages");
        assert_eq!(name(Generator::mixed(0, 5, 0.5, 1)), "loop");
        assert_eq!(name(Generator::steps(0, 1, 0)), "period");
    }
}
