//! Chance: independent streams of random numbers, all derived from the one seed of a run.
//!
//! The generator is named (PCG-XSL-RR-128/64 MCG, `pcg64_fast`) and everything drawn from it uses exact
//! operations only, so that a seed means the same run on every platform. Who draws has a stream of his own,
//! so that one more node or fault leaves everybody else's draws as they were.
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng as _;
use serde::{Deserialize, Serialize};

use super::invalid::Invalid;
use super::protocol::Span;

/// What a stream is for. The numbers are part of what a seed means: never reuse or change one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u32)]
pub enum Purpose {
    /// What a node chooses: [`Cx::choose`](super::Cx::choose), [`Cx::chance`](super::Cx::chance).
    Node = 1,
    /// How long a node's timers take within their spans.
    Timer = 2,
    /// Latency, loss and duplication on the link from one node to another.
    Link = 3,
    /// Sync times and torn writes of a node's disk.
    Disk = 4,
    /// How long a node takes to handle an input.
    Service = 5,
    /// A node's hardware clock.
    Clock = 6,
    /// Faults that happen with some probability.
    Fault = 7,
    /// Arrivals and requests of a workload.
    Workload = 8,
    /// A random plan of faults.
    Nemesis = 9,
    /// Memory without a world: replacement that draws lots, reference strings.
    Memory = 10,
    /// Placements of keys that draw lots.
    Hashing = 11,
}

/// A stream of random numbers.
///
/// ```
/// use distlab::sim::{Purpose, Rng};
/// let mut ours = Rng::stream(7, Purpose::Node, 0, 0);
/// let mut same = Rng::stream(7, Purpose::Node, 0, 0);
/// let mut next = Rng::stream(7, Purpose::Node, 1, 0);
/// assert_eq!(ours.next_u64(), same.next_u64());
/// assert_ne!(ours.next_u64(), next.next_u64());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u128", into = "u128")]
pub struct Rng(Pcg64Mcg);

impl From<u128> for Rng {
    fn from(state: u128) -> Self {
        Self(Pcg64Mcg::new(state))
    }
}

impl From<Rng> for u128 {
    fn from(rng: Rng) -> Self {
        rng.0.state()
    }
}

impl Rng {
    /// The stream of `purpose` that belongs to `a`, or to the pair of `a` and `b`, in the run of `seed`.
    pub fn stream(seed: u64, purpose: Purpose, a: u32, b: u32) -> Self {
        let run = scramble(seed.wrapping_add(GOLDEN)).wrapping_add(purpose as u64);
        let stream = scramble(scramble(run).wrapping_add(u64::from(a) << 32 | u64::from(b)));
        let [low, high] = [1, 2].map(|i| scramble(stream.wrapping_add(GOLDEN.wrapping_mul(i))));
        Self::from(u128::from(high) << 64 | u128::from(low))
    }

    /// 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// One of `0..n`, all exactly alike (Lemire 2019: multiply, and reject the few that would be too many).
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "one of none");
        let mut wide = u128::from(self.next_u64()) * u128::from(n);
        if (wide as u64) < n {
            let excess = n.wrapping_neg() % n;
            while (wide as u64) < excess {
                wide = u128::from(self.next_u64()) * u128::from(n);
            }
        }
        (wide >> 64) as u64
    }

    /// One of `span.min..=span.max`; draws nothing where there is nothing to choose.
    #[inline]
    pub fn within(&mut self, span: Span) -> u64 {
        assert!(span.min <= span.max, "a span ends before it begins: {span:?}");
        match span.max - span.min {
            0 => span.min,
            u64::MAX => self.next_u64(),
            width => span.min + self.below(width + 1),
        }
    }

    /// A number in `[0, 1)`, a multiple of 2^-53.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * STEP
    }

    /// True with probability `p`; draws nothing where that is certain.
    #[inline]
    pub fn happens(&mut self, p: Probability) -> bool {
        match p.threshold {
            0 => false,
            ONE => true,
            threshold => self.next_u64() >> 11 < threshold,
        }
    }

    /// A number from the standard normal distribution (Marsaglia's polar method).
    pub(super) fn normal(&mut self) -> f64 {
        loop {
            let [x, y] = [(); 2].map(|()| self.unit() * 2.0 - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                return x * (-2.0 * libm::log(square) / square).sqrt();
            }
        }
    }

    /// A number from the exponential distribution of mean 1, by inversion.
    pub(super) fn exponential(&mut self) -> f64 {
        -libm::log(1.0 - self.unit())
    }
}

/// 1 and 2^-53: chance is measured in steps of the latter.
const ONE: u64 = 1 << 53;
const STEP: f64 = 1.0 / ONE as f64;

/// 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finalizer of SplitMix64 (Steele, Lea and Flood 2014): a bijection that spreads every bit over all.
const fn scramble(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

/// A probability.
///
/// ```
/// use distlab::sim::Probability;
/// assert_eq!(Probability::try_from(0.25).unwrap().get(), 0.25);
/// let error = Probability::try_from(1.5).unwrap_err();
/// assert_eq!(error.to_string(), "probability is 1.5; allowed: a number from 0 to 1");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Probability {
    /// As it was given.
    p: f64,
    /// In steps of 2^-53, rounded up: what may happen can happen.
    threshold: u64,
}

impl Probability {
    /// It never happens.
    pub const NEVER: Self = Self { p: 0.0, threshold: 0 };
    /// It always happens.
    pub const ALWAYS: Self = Self { p: 1.0, threshold: ONE };

    /// As a number.
    pub const fn get(self) -> f64 {
        self.p
    }
}

/// Never NaN, so equality is an equivalence.
impl Eq for Probability {}

impl TryFrom<f64> for Probability {
    type Error = Invalid;
    fn try_from(p: f64) -> Result<Self, Invalid> {
        if !(0.0..=1.0).contains(&p) {
            return Err(Invalid::new("probability", p, "a number from 0 to 1"));
        }
        Ok(Self { p, threshold: (p * ONE as f64).ceil() as u64 })
    }
}

impl From<Probability> for f64 {
    fn from(probability: Probability) -> Self {
        probability.p
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rng() -> Rng {
        Rng::stream(7, Purpose::Node, 0, 0)
    }

    /// Whether `seen` of `n` is what probability `p` gives: within 5 standard deviations.
    fn plausible(seen: u64, n: u64, p: f64) -> bool {
        let (mean, variance) = (n as f64 * p, n as f64 * p * (1.0 - p));
        (seen as f64 - mean).abs() <= 5.0 * variance.sqrt()
    }

    #[test]
    fn first_draws_are_the_same_on_every_platform() {
        let mut rng = rng();
        let drawn = [(); 4].map(|()| rng.next_u64());
        assert_eq!(
            drawn,
            [15069839817128539814, 8511009621849772265, 17142854810226595562, 13939632930440486033]
        );
    }

    #[test]
    fn neighbouring_streams_share_no_bits() {
        let mut streams = Vec::new();
        for seed in 0..4 {
            for purpose in [Purpose::Node, Purpose::Timer, Purpose::Link] {
                streams.extend((0..12).map(|i| Rng::stream(seed, purpose, i % 4, i / 4)));
            }
        }
        let draws: Vec<u64> = streams.iter_mut().map(Rng::next_u64).collect();
        let (mut pairs, mut differing) = (0, 0);
        for (i, a) in draws.iter().enumerate() {
            for b in &draws[..i] {
                pairs += 1;
                differing += u64::from((a ^ b).count_ones());
                assert!((8..=56).contains(&(a ^ b).count_ones()), "{a:x} {b:x}");
            }
        }
        // Pairs are not quite independent of each other: twice the width of a binomial bound.
        let mean = pairs as f64 * 32.0;
        assert!(
            (differing as f64 - mean).abs() < 10.0 * (pairs as f64 * 16.0).sqrt(),
            "{differing} vs {mean}"
        );
    }

    #[test]
    fn all_numbers_below_are_alike() {
        let mut rng = rng();
        for n in [1, 2, 3, 10, 1000] {
            let draws = 1000 * n;
            let mut seen = vec![0; n as usize];
            (0..draws).for_each(|_| seen[rng.below(n) as usize] += 1);
            assert!(seen.iter().all(|&it| plausible(it, draws, 1.0 / n as f64)), "{n}: {seen:?}");
        }
        // Three quarters of the range: without rejection the lower third would come twice as often.
        let n = 3 << 62;
        let low = (0..10_000).filter(|_| rng.below(n) < 1 << 62).count() as u64;
        assert!(plausible(low, 10_000, 1.0 / 3.0), "{low}");
    }

    #[test]
    fn spans_include_both_ends() {
        let mut rng = rng();
        let drawn: Vec<u64> = (0..200).map(|_| rng.within(Span { min: 5, max: 8 })).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&5), Some(&8)));
        let before = rng.clone();
        assert_eq!(rng.within(Span::exactly(9)), 9);
        assert_eq!(rng, before);
        rng.within(Span { min: 0, max: u64::MAX });
        assert_ne!(rng, before);
    }

    #[test]
    fn what_is_certain_draws_nothing_and_the_rest_happens_as_often_as_it_should() {
        let mut rng = rng();
        let before = rng.clone();
        assert!(!rng.happens(Probability::NEVER) && rng.happens(Probability::ALWAYS));
        assert_eq!(rng, before);
        for p in [0.001, 0.1, 0.5, 0.999] {
            let probability = Probability::try_from(p).unwrap();
            let seen = (0..100_000).filter(|_| rng.happens(probability)).count() as u64;
            assert!(plausible(seen, 100_000, p), "{p}: {seen}");
        }
    }

    #[test]
    fn probabilities_outside_of_0_to_1_are_refused() {
        for p in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(Probability::try_from(p).is_err(), "{p}");
        }
        assert!(serde_json::from_str::<Probability>("2.0").unwrap_err().to_string().contains("from 0 to 1"));
        assert_eq!(Probability::try_from(f64::MIN_POSITIVE).unwrap().threshold, 1);
        assert_eq!(Probability::try_from(1.0).unwrap(), Probability::ALWAYS);
        assert_eq!(Probability::try_from(0.0).unwrap(), Probability::NEVER);
    }

    #[test]
    fn a_saved_stream_goes_on_where_it_was() {
        let mut rng = rng();
        rng.next_u64();
        let bytes = postcard::to_stdvec(&rng).unwrap();
        assert_eq!(postcard::from_bytes::<Rng>(&bytes).unwrap(), rng);
        assert_eq!(size_of::<Rng>(), 16);
    }
}
