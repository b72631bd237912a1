//! Bounded Zipf: rank k of n is drawn with a probability proportional to `k^-alpha`.
//!
//! Up to [`LARGEST_TABLE`] ranks come from an alias table (Walker 1977, built as Vose 1991 does): one random
//! number and one look-up each. More ranks are drawn by rejection-inversion (Hörmann and Derflinger 1996), which
//! needs no table. Logarithms and powers are `libm`'s, so the draws are the same on every platform.
use crate::sim::Rng;

/// So many ranks at most are drawn from a table.
pub const LARGEST_TABLE: u64 = 1 << 20;

/// A distribution over `0..n`, in which 0 (or what a permutation makes of it) is the most frequent.
#[derive(Clone, Debug)]
pub enum Zipf {
    /// Of each slot: below which fraction it is itself, and else whom it stands for.
    Table(Vec<(u32, u32)>),
    /// Without a table.
    Inversion(Inversion),
}

impl Zipf {
    /// Ranks `0..n` with exponent `alpha`, which is finite and not negative; shuffled if there is a `shuffle`.
    pub fn new(n: u64, alpha: f64, shuffle: Option<&mut Rng>) -> Self {
        assert!(n > 0 && alpha >= 0.0 && alpha.is_finite(), "checked by the caller");
        if n > LARGEST_TABLE {
            return Self::Inversion(Inversion::new(n, alpha, shuffle));
        }
        let mut weights: Vec<f64> = (1..=n).map(|rank| libm::pow(rank as f64, -alpha)).collect();
        if let Some(rng) = shuffle {
            super::generate::shuffle(&mut weights, rng);
        }
        Self::Table(alias_table(&weights))
    }

    /// One of `0..n`.
    pub fn fill(&self, out: &mut [u64], rng: &mut Rng) {
        match self {
            Self::Table(slots) => {
                for to in out {
                    // The high half of the product is the slot, the low half where in it.
                    let wide = u128::from(rng.next_u64()) * slots.len() as u128;
                    let slot = (wide >> 64) as usize;
                    let (threshold, other) = slots[slot];
                    let itself = ((wide as u64) >> 32) as u32 <= threshold;
                    *to = if itself { slot as u64 } else { u64::from(other) };
                }
            }
            Self::Inversion(it) => out.iter_mut().for_each(|to| *to = it.draw(rng)),
        }
    }
}

/// Each slot takes a share of `1/n`: its own weight as far as that reaches, and the rest from one that has more.
fn alias_table(weights: &[f64]) -> Vec<(u32, u32)> {
    const WHOLE: u32 = u32::MAX;
    let scale = weights.len() as f64 / weights.iter().sum::<f64>();
    let mut shares: Vec<f64> = weights.iter().map(|it| it * scale).collect();
    let mut slots: Vec<(u32, u32)> = (0..weights.len() as u32).map(|at| (WHOLE, at)).collect();
    let (mut small, mut large): (Vec<u32>, Vec<u32>) =
        (0..weights.len() as u32).partition(|at| shares[*at as usize] < 1.0);
    while let (Some(poor), Some(rich)) = (small.pop(), large.last().copied()) {
        let share = shares[poor as usize];
        slots[poor as usize] = ((share * f64::from(WHOLE)) as u32, rich);
        shares[rich as usize] -= 1.0 - share;
        if shares[rich as usize] < 1.0 {
            large.pop();
            small.push(rich);
        }
    }
    // Whoever is left has a share of 1 but for rounding.
    slots
}

/// Rejection-inversion: the area under `x^-alpha` from each half to the next covers the mass of a rank.
#[derive(Clone, Debug)]
pub struct Inversion {
    n: u64,
    alpha: f64,
    /// The integral up to 1.5, less the mass of rank 1; and up to n + 0.5.
    ends: (f64, f64),
    /// A draw that lies so close below its rank is accepted without a look at the mass.
    close: f64,
    order: Option<Feistel>,
}

impl Inversion {
    fn new(n: u64, alpha: f64, shuffle: Option<&mut Rng>) -> Self {
        let mut it = Self { n, alpha, ends: (0.0, 0.0), close: 0.0, order: None };
        it.ends = (it.integral(1.5) - 1.0, it.integral(n as f64 + 0.5));
        it.close = 2.0 - it.inverse(it.integral(2.5) - it.mass(2.0));
        it.order = shuffle.map(|rng| Feistel::new(n, rng));
        it
    }

    fn mass(&self, x: f64) -> f64 {
        libm::exp(-self.alpha * libm::log(x))
    }

    /// The integral of the mass, from 1 on.
    fn integral(&self, x: f64) -> f64 {
        let log = libm::log(x);
        expm1_over(log * (1.0 - self.alpha)) * log
    }

    fn inverse(&self, area: f64) -> f64 {
        let scaled = (area * (1.0 - self.alpha)).max(-1.0);
        libm::exp(log1p_over(scaled) * area)
    }

    fn draw(&self, rng: &mut Rng) -> u64 {
        loop {
            let area = self.ends.1 + rng.unit() * (self.ends.0 - self.ends.1);
            let x = self.inverse(area);
            let rank = ((x + 0.5) as u64).clamp(1, self.n);
            let k = rank as f64;
            if k - x <= self.close || area >= self.integral(k + 0.5) - self.mass(k) {
                return self.order.as_ref().map_or(rank - 1, |it| it.apply(rank - 1));
            }
        }
    }
}

/// `(e^x - 1) / x`, also near 0.
fn expm1_over(x: f64) -> f64 {
    if x.abs() > 1e-8 { libm::expm1(x) / x } else { 1.0 + x / 2.0 * (1.0 + x / 3.0) }
}

/// `log(1 + x) / x`, also near 0.
fn log1p_over(x: f64) -> f64 {
    if x.abs() > 1e-8 { libm::log1p(x) / x } else { 1.0 - x * (0.5 - x / 3.0) }
}

/// A permutation of `0..n` that is computed, not stored: four rounds of a Feistel network on the next larger
/// power of four, walked until it is back inside.
#[derive(Clone, Debug)]
struct Feistel {
    n: u64,
    half: u32,
    keys: [u64; 4],
}

impl Feistel {
    fn new(n: u64, rng: &mut Rng) -> Self {
        let half = (64 - (n - 1).leading_zeros()).div_ceil(2).max(1);
        Self { n, half, keys: [(); 4].map(|()| rng.next_u64()) }
    }

    fn apply(&self, mut value: u64) -> u64 {
        let mask = (1u64 << self.half) - 1;
        loop {
            let (mut left, mut right) = (value >> self.half, value & mask);
            for key in self.keys {
                let mixed = (right ^ key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                (left, right) = (right, left ^ (mixed ^ mixed >> 29) >> 16 & mask);
            }
            value = left << self.half | right;
            if value < self.n {
                return value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Purpose;

    fn rng() -> Rng {
        Rng::stream(3, Purpose::Memory, 0, 0)
    }

    /// How many standard deviations the worst of the first ranks is off, of a million draws.
    fn worst(zipf: &Zipf, n: u64, alpha: f64, ranks: usize) -> f64 {
        let mut drawn = vec![0; 1_000_000];
        zipf.fill(&mut drawn, &mut rng());
        assert!(drawn.iter().all(|it| *it < n));
        let total: f64 = (1..=n).map(|k| libm::pow(k as f64, -alpha)).sum();
        let mut seen = vec![0.0f64; ranks];
        drawn.iter().filter(|it| **it < ranks as u64).for_each(|it| seen[*it as usize] += 1.0);
        let off = |(at, seen): (usize, &f64)| {
            let p = libm::pow(at as f64 + 1.0, -alpha) / total;
            (seen - 1e6 * p).abs() / (1e6 * p * (1.0 - p)).sqrt().max(1e-9)
        };
        seen.iter().enumerate().map(off).fold(0.0, f64::max)
    }

    #[test]
    fn tables_and_inversion_draw_the_same_distribution() {
        for (n, alpha) in [(2, 1.0), (3, 0.0), (100, 0.5), (100, 1.0), (1000, 1.2), (50, 3.0)] {
            let ranks = n.min(20) as usize;
            let table = worst(&Zipf::new(n, alpha, None), n, alpha, ranks);
            let inversion = worst(&Zipf::Inversion(Inversion::new(n, alpha, None)), n, alpha, ranks);
            assert!(table < 4.5 && inversion < 4.5, "n {n}, alpha {alpha}: {table} {inversion}");
        }
        assert_eq!(worst(&Zipf::new(1, 1.0, None), 1, 1.0, 1), 0.0);
    }

    #[test]
    fn shares_of_a_table_are_the_weights() {
        let weights: Vec<f64> = (1..=1000).map(|k| libm::pow(f64::from(k), -0.9)).collect();
        let table = alias_table(&weights);
        let mut got = vec![0.0; 1000];
        for (at, (threshold, other)) in table.iter().enumerate() {
            let itself = (f64::from(*threshold) + 1.0) / 4_294_967_296.0;
            got[at] += itself;
            got[*other as usize] += 1.0 - itself;
        }
        let scale = 1000.0 / weights.iter().sum::<f64>();
        for (got, weight) in got.iter().zip(&weights) {
            assert!((got - weight * scale).abs() < 1e-6, "{got} {}", weight * scale);
        }
    }

    #[test]
    fn computed_permutation_is_one() {
        for n in [1, 2, 3, 5, 16, 17, 1000, 4097] {
            let order = Feistel::new(n, &mut rng());
            let mut all: Vec<u64> = (0..n).map(|it| order.apply(it)).collect();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..n), "{n}");
        }
        let large = Feistel::new(u64::MAX, &mut rng());
        assert_ne!(large.apply(1), large.apply(2));
    }

    #[test]
    fn very_many_ranks_stay_inside() {
        for (n, alpha) in [(u64::MAX, 1.0), (1 << 40, 0.0), (1 << 40, 20.0), (LARGEST_TABLE + 1, 0.99)] {
            let mut drawn = vec![0; 10_000];
            Zipf::new(n, alpha, Some(&mut rng())).fill(&mut drawn, &mut rng());
            assert!(drawn.iter().all(|it| *it < n), "n {n}, alpha {alpha}");
        }
    }
}
