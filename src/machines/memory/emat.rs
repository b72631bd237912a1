//! Effective memory access time: what an access costs on average, in closed form.
//!
//! Notes, Definition 7.17 and Example 7.2. The definition forgets the access itself behind the walk, and its own
//! example does not; [`Form::Example`] is what the example does and what a machine does, [`Form::Definition`] is
//! what is printed.
use serde::{Deserialize, Serialize};

use crate::sim::Invalid;

/// What a miss of the TLB is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// The walk and the access; a fault adds its service to both, for the instruction starts again.
    Example,
    /// As the notes print it: the walk alone where the page is present, the service alone where it is not.
    Definition,
    /// As many textbooks have it: a fault costs its service and the access, its walk is not charged.
    NoWalkOnFault,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Example, Self::Definition, Self::NoWalkOnFault];

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Example => "example",
            Self::Definition => "definition",
            Self::NoWalkOnFault => "no_walk_on_fault",
        }
    }
}

/// One of the numbers that an access time depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub enum Term {
    /// `h`: the share of accesses that the first TLB answers.
    HitRate,
    /// `t`: looking into the first TLB.
    TlbTime,
    /// `m`: an access to memory.
    MemoryTime,
    /// `n`: how many accesses to memory a walk takes; an average may be a fraction.
    Levels,
    /// `p`: the share of walks that find their page present.
    PageHitRate,
    /// `S`: serving a page fault.
    FaultTime,
    /// The share of faults whose victim must be written back first.
    DirtyFraction,
    /// What writing back costs, in units of `S`.
    WriteBack,
    /// `h2`: the share of misses of the first TLB that the second one answers.
    SecondHitRate,
    /// `t2`: looking into the second TLB.
    SecondTlbTime,
    /// The share of accesses to data that the cache in front of memory answers.
    CacheHitRate,
    /// Looking into that cache.
    CacheTime,
}

impl Term {
    /// All of them, in the order of their places in [`Emat`].
    pub const ALL: [Self; TERMS] = [
        Self::HitRate,
        Self::TlbTime,
        Self::MemoryTime,
        Self::Levels,
        Self::PageHitRate,
        Self::FaultTime,
        Self::DirtyFraction,
        Self::WriteBack,
        Self::SecondHitRate,
        Self::SecondTlbTime,
        Self::CacheHitRate,
        Self::CacheTime,
    ];

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HitRate => "h",
            Self::TlbTime => "t",
            Self::MemoryTime => "m",
            Self::Levels => "n",
            Self::PageHitRate => "p",
            Self::FaultTime => "S",
            Self::DirtyFraction => "dirty_fraction",
            Self::WriteBack => "write_back",
            Self::SecondHitRate => "h2",
            Self::SecondTlbTime => "t2",
            Self::CacheHitRate => "cache_hit_rate",
            Self::CacheTime => "cache_time",
        }
    }

    const fn is_rate(self) -> bool {
        matches!(
            self,
            Self::HitRate
                | Self::PageHitRate
                | Self::DirtyFraction
                | Self::SecondHitRate
                | Self::CacheHitRate
        )
    }

    /// What it may be, in words.
    pub const fn allowed(self) -> &'static str {
        if self.is_rate() { "a rate from 0 to 1" } else { "a finite number from 0 up" }
    }

    /// Whether it may be `value`.
    pub fn allows(self, value: f64) -> bool {
        if self.is_rate() { (0.0..=1.0).contains(&value) } else { value >= 0.0 && value.is_finite() }
    }
}

/// How many terms there are.
pub const TERMS: usize = 12;

/// Where the time of an average access goes; the parts add up to it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Parts {
    /// Looking into the TLBs.
    pub tlb: f64,
    /// Walking page tables.
    pub walk: f64,
    /// The access to the data itself.
    pub data: f64,
    /// Serving page faults.
    pub fault: f64,
}

impl Parts {
    /// All of it.
    pub fn sum(self) -> f64 {
        self.tlb + self.walk + self.data + self.fault
    }
}

/// The numbers an access time depends on, in the order of [`Term::ALL`].
///
/// ```
/// use distlab::machines::memory::emat::{Emat, Form};
/// let three_levels = Emat::new(0.8, 5.0, 100.0, 3.0);
/// assert_eq!(three_levels.time(Form::Example), 165.0);
/// assert_eq!(three_levels.time(Form::Definition), 145.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Emat(pub [f64; TERMS]);

impl Emat {
    /// One TLB, no faults, no cache.
    pub fn new(h: f64, t: f64, m: f64, n: f64) -> Self {
        let mut plain = Self([0.0; TERMS]);
        let given = [(Term::HitRate, h), (Term::TlbTime, t), (Term::MemoryTime, m), (Term::Levels, n)];
        for (term, value) in given.into_iter().chain([(Term::PageHitRate, 1.0), (Term::WriteBack, 1.0)]) {
            plain.set(term, value);
        }
        plain
    }

    /// One of them.
    #[inline]
    pub fn get(&self, term: Term) -> f64 {
        self.0[term as usize]
    }

    /// Makes one of them `value`.
    #[inline]
    pub fn set(&mut self, term: Term, value: f64) {
        self.0[term as usize] = value;
    }

    /// The first that is not what it may be.
    pub fn check(&self) -> Result<(), Invalid> {
        match Term::ALL.into_iter().find(|term| !term.allows(self.get(*term))) {
            Some(term) => Err(Invalid::new(term.name(), self.get(term), term.allowed())),
            None => Ok(()),
        }
    }

    /// The average time of an access, in the unit of the times.
    pub fn time(&self, form: Form) -> f64 {
        let Self([h, t, m, n, p, _, _, _, h2, t2, ..]) = *self;
        let (data, walk, fault) = (self.data(), n * m, self.fault());
        let (hit, looked) = (t + data, t + t2);
        let walked = looked + self.walked(form, p, walk, data, fault);
        h * hit + (1.0 - h) * (h2 * (looked + data) + (1.0 - h2) * walked)
    }

    /// The same, refused where it is too large for a number: by the name of the term that is the largest.
    pub fn finite_time(&self, form: Form) -> Result<f64, Invalid> {
        match self.time(form) {
            time if time.is_finite() => Ok(time),
            _ => {
                let largest = |a: Term, b: Term| if self.get(b) > self.get(a) { b } else { a };
                let term = Term::ALL.into_iter().filter(|it| !it.is_rate()).fold(Term::TlbTime, largest);
                let allowed = "so small that the access time is a finite number";
                Err(Invalid::new(term.name(), self.get(term), allowed))
            }
        }
    }

    /// What comes behind two TLBs that did not know the page.
    fn walked(&self, form: Form, p: f64, walk: f64, data: f64, fault: f64) -> f64 {
        match form {
            Form::Example => p * (walk + data) + (1.0 - p) * (walk + fault + data),
            Form::Definition => p * walk + (1.0 - p) * fault,
            Form::NoWalkOnFault => p * (walk + data) + (1.0 - p) * (fault + data),
        }
    }

    /// Where the time goes.
    pub fn parts(&self, form: Form) -> Parts {
        let Self([h, t, m, n, p, _, _, _, h2, t2, ..]) = *self;
        let second = 1.0 - h;
        let walks = second * (1.0 - h2);
        let (walked, reached) = match form {
            Form::Example => (walks, 1.0),
            Form::Definition => (walks * p, h + second * h2),
            Form::NoWalkOnFault => (walks * p, 1.0),
        };
        Parts {
            tlb: t + second * t2,
            walk: walked * n * m,
            data: reached * self.data(),
            fault: walks * (1.0 - p) * self.fault(),
        }
    }

    /// An access to data: the cache first, then memory.
    fn data(&self) -> f64 {
        let missed = 1.0 - self.get(Term::CacheHitRate);
        self.get(Term::CacheTime) + missed * self.get(Term::MemoryTime)
    }

    /// Serving a fault: a dirty victim is written back before its frame is filled.
    fn fault(&self) -> f64 {
        self.get(Term::FaultTime) * (1.0 + self.get(Term::DirtyFraction) * self.get(Term::WriteBack))
    }

    /// The value of `term` that makes the average time `target`, all else being as it is.
    ///
    /// The time is a straight line in each term alone, so two points tell it.
    pub fn solve(&self, term: Term, target: f64, form: Form) -> Result<f64, Unsolvable> {
        let at = |value: f64| {
            let mut moved = *self;
            moved.set(term, value);
            moved.time(form)
        };
        let (none, one) = (at(0.0), at(1.0));
        let slope = one - none;
        let value = (target - none) / slope;
        if !none.is_finite() || !one.is_finite() {
            return Err(Unsolvable::Overflow { term: term.name() });
        }
        if slope == 0.0 || !value.is_finite() {
            return Err(Unsolvable::Indifferent { term: term.name(), time: none });
        }
        let nearest = if term.is_rate() { value.clamp(0.0, 1.0) } else { value.max(0.0) };
        // What is off by no more than rounding is the end that was meant.
        if (value - nearest).abs() > 1e-9 * (1.0 + none.abs() / slope.abs()) {
            let (least, most) = if slope > 0.0 { (none, one) } else { (one, none) };
            let bounds = match (term.is_rate(), slope > 0.0) {
                (true, _) => (least, most),
                (false, true) => (none, f64::INFINITY),
                (false, false) => (f64::NEG_INFINITY, none),
            };
            return Err(Unsolvable::Unreachable { term: term.name(), target, bounds });
        }
        Ok(nearest)
    }
}

/// Why no value of a term gives the wanted time.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Unsolvable {
    /// The time does not depend on it.
    #[error("the access time is {time} whatever {term} is")]
    Indifferent {
        /// Which term.
        term: &'static str,
        /// The time.
        time: f64,
    },
    /// The time is too large for a number already where the term is 0 or 1.
    #[error("the access time is no finite number where {term} is 0 or 1")]
    Overflow {
        /// Which term.
        term: &'static str,
    },
    /// The time cannot be that.
    #[error("no {term} makes the access time {target}: it can be from {} to {}", bounds.0, bounds.1)]
    Unreachable {
        /// Which term.
        term: &'static str,
        /// The wanted time.
        target: f64,
        /// The shortest and the longest time that the term can make.
        bounds: (f64, f64),
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn example() -> Emat {
        Emat::new(0.8, 5.0, 100.0, 3.0)
    }

    #[test]
    fn the_notes_example_comes_out_exactly() {
        assert_eq!(example().time(Form::Example), 165.0);
        assert_eq!(Emat::new(0.98, 5.0, 100.0, 3.0).time(Form::Example), 111.0);
        assert_eq!(example().time(Form::Definition), 145.0);
        assert_eq!(Emat::new(0.98, 5.0, 100.0, 3.0).time(Form::Definition), 109.0);
    }

    #[test]
    fn a_fault_adds_its_service_to_the_example() {
        let mut it = example();
        it.set(Term::PageHitRate, 0.9);
        it.set(Term::FaultTime, 8e6);
        let expected = 165.0 + 0.2 * 0.1 * 8e6;
        assert!((it.time(Form::Example) - expected).abs() < 1e-6);
        it.set(Term::DirtyFraction, 0.5);
        assert!((it.time(Form::Example) - (165.0 + 0.2 * 0.1 * 12e6)).abs() < 1e-6);
        // The textbook variant saves the walk of those that fault.
        it.set(Term::DirtyFraction, 0.0);
        assert!((it.time(Form::NoWalkOnFault) - (expected - 0.2 * 0.1 * 300.0)).abs() < 1e-6);
    }

    #[test]
    fn second_tlb_and_cache_stand_in_front_of_walk_and_memory() {
        let mut it = example();
        it.set(Term::SecondHitRate, 1.0);
        it.set(Term::SecondTlbTime, 7.0);
        assert!((it.time(Form::Example) - (105.0 + 0.2 * 7.0)).abs() < 1e-9);
        let mut it = example();
        it.set(Term::CacheHitRate, 0.9);
        it.set(Term::CacheTime, 4.0);
        // 5 + (4 + 0.1 * 100) always, and 300 for a fifth.
        assert!((it.time(Form::Example) - (19.0 + 60.0)).abs() < 1e-9);
    }

    #[test]
    fn what_cannot_be_solved_is_explained() {
        let it = example();
        assert_eq!(it.solve(Term::HitRate, 111.0, Form::Example).map(|h| (h * 1e9).round() / 1e9), Ok(0.98));
        let error = it.solve(Term::HitRate, 500.0, Form::Example).unwrap_err();
        assert_eq!(error.to_string(), "no h makes the access time 500: it can be from 105 to 405");
        let error = it.solve(Term::FaultTime, 500.0, Form::Example).unwrap_err();
        assert_eq!(error.to_string(), "the access time is 165 whatever S is");
    }

    #[test]
    fn every_term_is_checked() {
        for term in Term::ALL {
            for bad in [-0.5, f64::NAN, f64::INFINITY] {
                let mut it = example();
                it.set(term, bad);
                assert_eq!(it.check().unwrap_err().parameter, term.name());
            }
        }
        assert_eq!(example().check(), Ok(()));
    }

    #[test]
    fn times_that_no_number_holds_are_refused_by_the_largest_term() {
        let mut it = example();
        it.set(Term::PageHitRate, 0.5);
        it.set(Term::FaultTime, 1e308);
        it.set(Term::DirtyFraction, 1.0);
        it.set(Term::WriteBack, 10.0);
        let error = it.finite_time(Form::Example).unwrap_err();
        assert_eq!(
            (&*error.parameter, error.allowed),
            ("S", "so small that the access time is a finite number")
        );
        // Nothing of it is counted, and 0 times infinity is nothing that is.
        it.set(Term::PageHitRate, 1.0);
        assert!(it.time(Form::Example).is_nan() && it.finite_time(Form::Example).is_err());
        let found = it.solve(Term::HitRate, 200.0, Form::Example);
        assert_eq!(found, Err(Unsolvable::Overflow { term: "h" }));
        assert_eq!(example().finite_time(Form::Example), Ok(165.0));
    }

    /// The same average from the accesses themselves: each kind of access with its chance and its cost.
    fn by_cases(it: &Emat, form: Form) -> f64 {
        let g = |term| it.get(term);
        let data = g(Term::CacheTime) + (1.0 - g(Term::CacheHitRate)) * g(Term::MemoryTime);
        let (h, h2, p) = (g(Term::HitRate), g(Term::SecondHitRate), g(Term::PageHitRate));
        let (t, t2, walk) = (g(Term::TlbTime), g(Term::SecondTlbTime), g(Term::Levels) * g(Term::MemoryTime));
        let (d, s) = (g(Term::DirtyFraction), g(Term::FaultTime));
        let (present, absent) = match form {
            Form::Example => (walk + data, walk + data),
            Form::Definition => (walk, 0.0),
            Form::NoWalkOnFault => (walk + data, data),
        };
        let faults = (1.0 - h) * (1.0 - h2) * (1.0 - p);
        [
            (h, t + data),
            ((1.0 - h) * h2, t + t2 + data),
            ((1.0 - h) * (1.0 - h2) * p, t + t2 + present),
            (faults * (1.0 - d), t + t2 + absent + s),
            (faults * d, t + t2 + absent + s + s * g(Term::WriteBack)),
        ]
        .iter()
        .map(|(chance, cost)| chance * cost)
        .sum()
    }

    fn any_emat() -> impl Strategy<Value = Emat> {
        prop::array::uniform12(0.0..=1.0_f64).prop_map(|mut values| {
            for term in Term::ALL.into_iter().filter(|it| !it.is_rate()) {
                values[term as usize] *= 1000.0;
            }
            Emat(values)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn closed_form_is_the_mean_over_the_kinds_of_access(it in any_emat(), form in prop::sample::select(&Form::ALL[..])) {
            let (time, slow) = (it.time(form), by_cases(&it, form));
            prop_assert!((time - slow).abs() <= 1e-9 * (1.0 + slow), "{time} {slow}");
            prop_assert!((it.parts(form).sum() - slow).abs() <= 1e-9 * (1.0 + slow));
        }

        #[test]
        fn solving_is_the_inverse(it in any_emat(), term in prop::sample::select(&Term::ALL[..]), form in prop::sample::select(&Form::ALL[..])) {
            let target = it.time(form);
            if let Ok(found) = it.solve(term, target, form) {
                let mut again = it;
                again.set(term, found);
                prop_assert!((again.time(form) - target).abs() <= 1e-6 * (1.0 + target));
                prop_assert!(term.allows(found));
            }
        }
    }
}
