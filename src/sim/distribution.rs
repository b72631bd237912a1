//! Random durations: how long a message, a sync, a step of work takes.
//!
//! Only operations with exactly rounded results and the `libm` crate are used, so that samples are the same
//! to the bit on every platform.
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::invalid::Invalid;
use super::protocol::{Span, Time};
use super::rng::Rng;

/// A distribution of durations. Durations are in nanoseconds, shapes are pure numbers.
///
/// Samples are rounded to the nanosecond, and what is longer than [`LONGEST`](Self::LONGEST) counts as that.
///
/// ```
/// use distlab::sim::{Distribution, Purpose, Rng};
/// let latency = Distribution::Uniform { min: 100, max: 200 };
/// latency.check().unwrap();
/// assert!((100..=200).contains(&latency.sample(&mut Rng::stream(7, Purpose::Link, 0, 1))));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Distribution {
    /// Always the same.
    Constant(Time),
    /// Anything from `min` to `max`, both included.
    Uniform {
        /// The shortest.
        min: Time,
        /// The longest.
        max: Time,
    },
    /// The bell curve, cut off at zero: what would be negative is drawn again.
    Normal {
        /// The mean, before cutting.
        mean: Time,
        /// The standard deviation, before cutting.
        sd: Time,
    },
    /// The logarithm is normal: how latencies of networks and disks often look.
    LogNormal {
        /// Half are shorter.
        median: Time,
        /// The standard deviation of the logarithm.
        sigma: f64,
    },
    /// The time between events that know nothing of each other.
    Exponential {
        /// The mean.
        mean: Time,
    },
    /// Heavy tail: with `shape <= 1` even the mean is infinite.
    Pareto {
        /// The shortest.
        scale: Time,
        /// The tail falls as the duration to the power of minus `shape`.
        shape: f64,
    },
    /// Lifetimes: failures get rarer with age for `shape < 1`, and more frequent for `shape > 1`.
    Weibull {
        /// The duration that 63 % do not exceed.
        scale: Time,
        /// How failures depend on age.
        shape: f64,
    },
    /// One of these samples, all alike.
    Empirical(Arc<[Time]>),
    /// One of these distributions, in proportion to the weights.
    Mixture(Box<[(f64, Distribution)]>),
    /// `offset` longer than a sample of `of`.
    Shifted {
        /// What is added.
        offset: Time,
        /// What it is added to.
        of: Box<Distribution>,
    },
}

impl Default for Distribution {
    /// Zero.
    fn default() -> Self {
        Self::Constant(0)
    }
}

impl Distribution {
    /// The longest duration there is: about 146 years, so that the sum of two is no trouble either.
    pub const LONGEST: Time = i64::MAX as Time / 2;

    /// How deep mixtures and shifts may be nested.
    const DEEPEST: u32 = 8;

    /// A random duration in nanoseconds. The parameters must have passed [`check`](Self::check).
    #[inline]
    pub fn sample(&self, rng: &mut Rng) -> Time {
        match *self {
            Self::Constant(duration) => duration,
            Self::Uniform { min, max } => rng.within(Span { min, max }),
            _ => self.sample_slowly(rng),
        }
    }

    fn sample_slowly(&self, rng: &mut Rng) -> Time {
        match self {
            Self::Constant(_) | Self::Uniform { .. } => self.sample(rng),
            &Self::Normal { mean, sd } => loop {
                let x = mean as f64 + sd as f64 * rng.normal();
                if x >= 0.0 {
                    return rounded(x);
                }
            },
            &Self::LogNormal { median, sigma } => rounded(median as f64 * libm::exp(sigma * rng.normal())),
            &Self::Exponential { mean } => rounded(mean as f64 * rng.exponential()),
            &Self::Pareto { scale, shape } => rounded(scale as f64 * libm::exp(rng.exponential() / shape)),
            &Self::Weibull { scale, shape } => {
                rounded(scale as f64 * libm::pow(rng.exponential(), 1.0 / shape))
            }
            Self::Empirical(samples) => samples[rng.below(samples.len() as u64) as usize],
            Self::Mixture(parts) => pick(parts, rng).sample(rng),
            Self::Shifted { offset, of } => offset.saturating_add(of.sample(rng)).min(Self::LONGEST),
        }
    }

    /// The mean in nanoseconds; `None` where it is infinite. ([`LONGEST`](Self::LONGEST) is left out of account.)
    pub fn mean_ns(&self) -> Option<f64> {
        match self {
            &Self::Constant(duration) => Some(duration as f64),
            &Self::Uniform { min, max } => Some(min as f64 + (max - min) as f64 / 2.0),
            &Self::Normal { mean, sd: 0 } | &Self::Exponential { mean } => Some(mean as f64),
            &Self::Normal { mean, sd } => {
                // The mean of a normal distribution cut off at zero, by the inverse Mills ratio.
                let cut = mean as f64 / sd as f64;
                let density = libm::exp(-cut * cut / 2.0) / (2.0 * std::f64::consts::PI).sqrt();
                let kept = libm::erfc(-cut / std::f64::consts::SQRT_2) / 2.0;
                Some(mean as f64 + sd as f64 * density / kept)
            }
            &Self::LogNormal { median, sigma } => Some(median as f64 * libm::exp(sigma * sigma / 2.0)),
            &Self::Pareto { scale, shape } => (shape > 1.0).then(|| scale as f64 * shape / (shape - 1.0)),
            &Self::Weibull { scale, shape } => Some(scale as f64 * libm::tgamma(1.0 + 1.0 / shape)),
            Self::Empirical(samples) => {
                Some(samples.iter().map(|&it| it as f64).sum::<f64>() / samples.len() as f64)
            }
            Self::Mixture(parts) => {
                let total = total_weight(parts);
                parts.iter().map(|(weight, part)| Some(weight / total * part.mean_ns()?)).sum()
            }
            Self::Shifted { offset, of } => Some(*offset as f64 + of.mean_ns()?),
        }
        .filter(|mean| mean.is_finite())
    }

    /// Whether the parameters make sense; the complaint names the first that does not.
    pub fn check(&self) -> Result<(), Invalid> {
        self.check_at(0)
    }

    fn check_at(&self, depth: u32) -> Result<(), Invalid> {
        if depth > Self::DEEPEST {
            return Err(Invalid::new("nesting", depth, "at most 8 levels of mixtures and shifts"));
        }
        match self {
            &Self::Constant(duration) => duration_in_range("constant", duration),
            &Self::Uniform { min, max } if min > max => {
                Err(Invalid::new("min", format_args!("{min} ns, with max {max} ns"), "at most max"))
            }
            &Self::Uniform { max, .. } => duration_in_range("max", max),
            &Self::Normal { mean, sd } => {
                duration_in_range("mean", mean).and_then(|()| duration_in_range("sd", sd))
            }
            &Self::LogNormal { sigma, .. } if !(0.0..f64::INFINITY).contains(&sigma) => {
                Err(Invalid::new("sigma", sigma, "a finite number, 0 or more"))
            }
            &Self::LogNormal { median, .. } => positive("median", median),
            &Self::Exponential { mean } => positive("mean", mean),
            &Self::Pareto { shape, .. } | &Self::Weibull { shape, .. }
                if !(shape > 0.0 && shape < f64::INFINITY) =>
            {
                Err(Invalid::new("shape", shape, "a finite number above 0"))
            }
            &Self::Pareto { scale, .. } | &Self::Weibull { scale, .. } => positive("scale", scale),
            Self::Empirical(samples) if samples.is_empty() => {
                Err(Invalid::new("samples", "empty", "one sample or more"))
            }
            Self::Empirical(samples) => {
                samples.iter().try_for_each(|&sample| duration_in_range("samples", sample))
            }
            Self::Mixture(parts) => check_mixture(parts, depth),
            Self::Shifted { offset, of } => {
                duration_in_range("offset", *offset)?;
                of.check_at(depth + 1).map_err(|error| error.within("of"))
            }
        }
    }
}

fn check_mixture(parts: &[(f64, Distribution)], depth: u32) -> Result<(), Invalid> {
    for (i, (weight, part)) in parts.iter().enumerate() {
        if !(0.0..f64::INFINITY).contains(weight) {
            return Err(Invalid::new(format!("weights[{i}]"), weight, "a finite number, 0 or more"));
        }
        part.check_at(depth + 1).map_err(|error| error.within(&format!("parts[{i}]")))?;
    }
    let total = total_weight(parts);
    if total > 0.0 && total < f64::INFINITY {
        return Ok(());
    }
    Err(Invalid::new("weights", format_args!("{total} in all"), "a finite sum above 0"))
}

fn duration_in_range(parameter: &str, duration: Time) -> Result<(), Invalid> {
    if duration <= Distribution::LONGEST {
        return Ok(());
    }
    Err(Invalid::new(parameter, format_args!("{duration} ns"), "a duration of at most 146 years"))
}

fn positive(parameter: &str, duration: Time) -> Result<(), Invalid> {
    if duration == 0 {
        return Err(Invalid::new(parameter, "0 ns", "a duration longer than 0"));
    }
    duration_in_range(parameter, duration)
}

/// To the nearest nanosecond, within `0..=LONGEST`.
pub(super) fn rounded(duration: f64) -> Time {
    ((duration + 0.5) as Time).min(Distribution::LONGEST)
}

fn total_weight(parts: &[(f64, Distribution)]) -> f64 {
    parts.iter().fold(0.0, |total, (weight, _)| total + weight)
}

fn pick<'a>(parts: &'a [(f64, Distribution)], rng: &mut Rng) -> &'a Distribution {
    let total = total_weight(parts);
    let mut left = rng.unit() * total;
    let mut chosen = &parts[0].1;
    for (weight, part) in parts.iter().filter(|(weight, _)| *weight > 0.0) {
        chosen = part;
        if left < *weight {
            break;
        }
        left -= weight;
    }
    chosen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Distribution::*;
    use super::*;
    use crate::sim::rng::{Purpose, Rng};

    const MS: Time = 1_000_000;
    const DRAWS: usize = 40_000;

    fn draw(distribution: &Distribution, n: usize) -> Vec<Time> {
        distribution.check().unwrap();
        let mut rng = Rng::stream(11, Purpose::Link, 0, 1);
        (0..n).map(|_| distribution.sample(&mut rng)).collect()
    }

    /// Kolmogorov-Smirnov: the samples against the distribution function, at a significance of one in a
    /// million (Dvoretzky, Kiefer, Wolfowitz and Massart's bound), with room for rounding to nanoseconds.
    fn check_shape(distribution: Distribution, cumulative: impl Fn(f64) -> f64) {
        let mut samples = draw(&distribution, DRAWS);
        samples.sort_unstable();
        let n = DRAWS as f64;
        let bound = ((2e6_f64).ln() / (2.0 * n)).sqrt();
        for (i, &sample) in samples.iter().enumerate() {
            let expected = cumulative(sample as f64);
            let off = (expected - i as f64 / n).abs().max((expected - (i + 1) as f64 / n).abs());
            assert!(off < bound, "{distribution:?}: at {sample} off by {off}, bound {bound}");
        }
    }

    /// Mean and standard deviation; the latter's own error comes from the samples' fourth moment.
    fn check_moments(distribution: Distribution, sd: f64) {
        let samples: Vec<f64> = draw(&distribution, DRAWS).into_iter().map(|it| it as f64).collect();
        let n = DRAWS as f64;
        let mean = samples.iter().sum::<f64>() / n;
        let moment = |k| samples.iter().map(|it| (it - mean).powi(k)).sum::<f64>() / n;
        let expected = distribution.mean_ns().unwrap();
        assert!((mean - expected).abs() <= 5.0 * sd / n.sqrt(), "{distribution:?}: mean {mean}");
        let (variance, error) = (moment(2), ((moment(4) - moment(2).powi(2)) / n).sqrt());
        assert!((variance - sd * sd).abs() <= 6.0 * error, "{distribution:?}: sd {}", variance.sqrt());
    }

    fn normal_below(z: f64) -> f64 {
        libm::erfc(-z / std::f64::consts::SQRT_2) / 2.0
    }

    #[test]
    fn samples_have_the_right_shape() {
        let ms = MS as f64;
        check_shape(Uniform { min: MS, max: 3 * MS }, |x| ((x - ms) / (2.0 * ms)).clamp(0.0, 1.0));
        check_shape(Normal { mean: 5 * MS, sd: MS }, |x| normal_below((x - 5.0 * ms) / ms));
        check_shape(Normal { mean: MS, sd: MS }, |x| {
            (normal_below(x / ms - 1.0) - normal_below(-1.0)) / (1.0 - normal_below(-1.0))
        });
        check_shape(LogNormal { median: MS, sigma: 0.5 }, |x| normal_below((x / ms).ln() / 0.5));
        check_shape(Exponential { mean: MS }, |x| 1.0 - (-x / ms).exp());
        check_shape(Pareto { scale: MS, shape: 1.5 }, |x| 1.0 - (ms / x).powf(1.5));
        check_shape(Weibull { scale: MS, shape: 0.7 }, |x| 1.0 - (-(x / ms).powf(0.7)).exp());
        let parts = [(1.0, Exponential { mean: MS }), (3.0, Uniform { min: 0, max: 2 * MS })];
        check_shape(Mixture(parts.into()), |x| {
            0.25 * (1.0 - (-x / ms).exp()) + 0.75 * (x / (2.0 * ms)).min(1.0)
        });
        check_shape(Shifted { offset: MS, of: Box::new(Exponential { mean: MS }) }, |x| {
            1.0 - (1.0 - x / ms).exp()
        });
    }

    #[test]
    fn samples_have_the_right_mean_and_spread() {
        let ms = MS as f64;
        check_moments(Constant(MS), 0.0);
        check_moments(Uniform { min: MS, max: 3 * MS }, 2.0 * ms / 12_f64.sqrt());
        check_moments(Normal { mean: 5 * MS, sd: MS }, ms);
        check_moments(LogNormal { median: MS, sigma: 0.25 }, {
            let s = 0.25_f64 * 0.25;
            ms * (s.exp_m1() * s.exp()).sqrt()
        });
        check_moments(Exponential { mean: MS }, ms);
        check_moments(Pareto { scale: MS, shape: 6.0 }, ms * (6.0 / (25.0 * 4.0_f64)).sqrt());
        check_moments(Weibull { scale: MS, shape: 2.0 }, ms * (1.0 - std::f64::consts::PI / 4.0).sqrt());
        check_moments(Empirical([MS, 2 * MS, 6 * MS].into()), ms * (14.0_f64 / 3.0).sqrt());
        assert_eq!(Pareto { scale: MS, shape: 1.0 }.mean_ns(), None);
    }

    #[test]
    fn cutting_a_normal_distribution_at_zero_moves_its_mean() {
        let half = Normal { mean: 0, sd: MS }; // the half-normal distribution
        let expected = MS as f64 * (2.0 / std::f64::consts::PI).sqrt();
        assert!((half.mean_ns().unwrap() - expected).abs() < 1.0);
        check_moments(half, MS as f64 * (1.0 - 2.0 / std::f64::consts::PI).sqrt());
    }

    #[test]
    fn first_samples_are_the_same_on_every_platform() {
        let parts = [(1.0, Constant(5)), (2.0, Exponential { mean: MS })];
        let cases = [
            (Uniform { min: 0, max: MS }, [733974, 724444, 875779]),
            (Normal { mean: MS, sd: MS }, [1949936, 1982553, 2408139]),
            (LogNormal { median: MS, sigma: 0.5 }, [1607963, 1634401, 2021964]),
            (Exponential { mean: MS }, [1324159, 1288963, 2085692]),
            (Pareto { scale: MS, shape: 1.5 }, [2417594, 2361528, 4016703]),
            (Weibull { scale: MS, shape: 0.7 }, [1493483, 1437098, 2858062]),
            (Empirical([1, 2, 3, 4, 5].into()), [4, 4, 5]),
            (Mixture(parts.into()), [1288963, 898283, 560267]),
            (
                Shifted { offset: 1000 * MS, of: Box::new(Exponential { mean: MS }) },
                [1001324159, 1001288963, 1002085692],
            ),
        ];
        let drawn: Vec<_> = cases.iter().map(|(it, _)| draw(it, 3)).collect();
        let expected: Vec<_> = cases.iter().map(|(_, it)| it.to_vec()).collect();
        assert_eq!(drawn, expected);
    }

    #[test]
    fn tails_stop_at_the_longest_duration() {
        let longest = Distribution::LONGEST;
        let tail = Pareto { scale: 1, shape: 0.001 };
        assert!(draw(&tail, 100).contains(&longest));
        let shifted = Shifted { offset: longest, of: Box::new(tail) };
        assert!(draw(&shifted, 100).iter().all(|&it| it == longest));
    }

    #[test]
    fn a_part_without_weight_is_never_drawn() {
        let parts = [(0.0, Constant(1)), (1.0, Constant(2)), (0.0, Constant(3))];
        assert!(draw(&Mixture(parts.into()), 1000).iter().all(|&it| it == 2));
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let deep = (0..9).fold(Constant(1), |of, _| Shifted { offset: 1, of: Box::new(of) });
        let cases = [
            (Uniform { min: 2, max: 1 }, "min is 2 ns, with max 1 ns; allowed: at most max"),
            (
                Constant(Time::MAX),
                "constant is 18446744073709551615 ns; allowed: a duration of at most 146 years",
            ),
            (LogNormal { median: 1, sigma: -0.5 }, "sigma is -0.5; allowed: a finite number, 0 or more"),
            (LogNormal { median: 1, sigma: f64::NAN }, "sigma is NaN; allowed: a finite number, 0 or more"),
            (LogNormal { median: 0, sigma: 0.5 }, "median is 0 ns; allowed: a duration longer than 0"),
            (Exponential { mean: 0 }, "mean is 0 ns; allowed: a duration longer than 0"),
            (Pareto { scale: 1, shape: 0.0 }, "shape is 0; allowed: a finite number above 0"),
            (Weibull { scale: 0, shape: 1.0 }, "scale is 0 ns; allowed: a duration longer than 0"),
            (Weibull { scale: 1, shape: f64::INFINITY }, "shape is inf; allowed: a finite number above 0"),
            (Empirical([].into()), "samples is empty; allowed: one sample or more"),
            (Mixture([].into()), "weights is 0 in all; allowed: a finite sum above 0"),
            (Mixture([(-1.0, Constant(1))].into()), "weights[0] is -1; allowed: a finite number, 0 or more"),
            (
                Mixture([(1.0, Exponential { mean: 0 })].into()),
                "parts[0].mean is 0 ns; allowed: a duration longer than 0",
            ),
        ];
        for (distribution, complaint) in cases {
            assert_eq!(distribution.check().unwrap_err().to_string(), complaint);
        }
        assert!(deep.check().unwrap_err().to_string().contains("at most 8 levels"));
    }

    #[test]
    fn it_is_small_and_reads_like_it_is_written() {
        assert!(size_of::<Distribution>() <= 24);
        let json = r#"{"log_normal":{"median":1000,"sigma":0.5}}"#;
        let distribution: Distribution = serde_json::from_str(json).unwrap();
        assert_eq!(distribution, LogNormal { median: 1000, sigma: 0.5 });
        assert_eq!(serde_json::to_string(&distribution).unwrap(), json);
        let unknown = r#"{"log_normal":{"median":1000,"sigma":0.5,"mean":1}}"#;
        assert!(serde_json::from_str::<Distribution>(unknown).is_err());
    }

    /// Any distribution whose parameters are valid, however extreme.
    fn valid() -> impl Strategy<Value = Distribution> {
        let duration = || prop_oneof![0..=10 * MS, 0..=Distribution::LONGEST];
        let shape = || prop_oneof![0.1..10.0, f64::MIN_POSITIVE..f64::MAX];
        let leaf = prop_oneof![
            duration().prop_map(Constant),
            (duration(), duration()).prop_map(|(a, b)| Uniform { min: a.min(b), max: a.max(b) }),
            (duration(), duration()).prop_map(|(mean, sd)| Normal { mean, sd }),
            (duration(), shape()).prop_map(|(median, sigma)| LogNormal { median: median.max(1), sigma }),
            duration().prop_map(|mean| Exponential { mean: mean.max(1) }),
            (duration(), shape()).prop_map(|(scale, shape)| Pareto { scale: scale.max(1), shape }),
            (duration(), shape()).prop_map(|(scale, shape)| Weibull { scale: scale.max(1), shape }),
            prop::collection::vec(duration(), 1..5).prop_map(|samples| Empirical(samples.into())),
        ];
        leaf.prop_recursive(3, 12, 3, move |inner| {
            prop_oneof![
                prop::collection::vec((0.1..1e9, inner.clone()), 1..4).prop_map(|it| Mixture(it.into())),
                (duration(), inner).prop_map(|(offset, of)| Shifted { offset, of: Box::new(of) }),
            ]
        })
    }

    proptest! {
        #[test]
        fn valid_parameters_give_durations_within_bounds(distribution in valid(), seed: u64) {
            prop_assert_eq!(distribution.check(), Ok(()));
            let mut rng = Rng::stream(seed, Purpose::Link, 0, 1);
            for _ in 0..20 {
                prop_assert!(distribution.sample(&mut rng) <= Distribution::LONGEST);
            }
            prop_assert!(distribution.mean_ns().is_none_or(|mean| mean >= 0.0));
            let bytes = postcard::to_stdvec(&distribution).unwrap();
            prop_assert_eq!(postcard::from_bytes::<Distribution>(&bytes).unwrap(), distribution);
        }
    }
}
