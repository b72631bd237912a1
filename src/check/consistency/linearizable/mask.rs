//! Sets of slots: which of the open operations have taken effect.
use std::hash::Hash;

use smallvec::SmallVec;

/// A set of small numbers.
pub trait Mask: Clone + Default + Eq + Hash {
    /// How many numbers fit in, if there is a limit.
    const LIMIT: usize;
    /// Whether `slot` is in.
    fn has(&self, slot: u32) -> bool;
    /// Puts `slot` in.
    fn insert(&mut self, slot: u32);
    /// Takes `slot` out.
    fn remove(&mut self, slot: u32);
    /// Adds to `slots` those that are in this set but not in `other`, ascending.
    fn difference(&self, other: &Self, slots: &mut Vec<u32>);
    /// Those that are in both.
    fn both(&self, other: &Self) -> Self;
    /// Whether all are in `other` too.
    fn is_within(&self, other: &Self) -> bool;
}

macro_rules! word {
    ($word:ty) => {
        impl Mask for $word {
            const LIMIT: usize = <$word>::BITS as usize;
            #[inline]
            fn has(&self, slot: u32) -> bool {
                self >> slot & 1 == 1
            }
            #[inline]
            fn insert(&mut self, slot: u32) {
                *self |= 1 << slot;
            }
            #[inline]
            fn remove(&mut self, slot: u32) {
                *self &= !(1 << slot);
            }
            #[inline]
            fn difference(&self, other: &Self, slots: &mut Vec<u32>) {
                let mut rest = self & !other;
                while rest != 0 {
                    slots.push(rest.trailing_zeros());
                    rest &= rest - 1;
                }
            }
            #[inline]
            fn both(&self, other: &Self) -> Self {
                self & other
            }
            #[inline]
            fn is_within(&self, other: &Self) -> bool {
                self & !other == 0
            }
        }
    };
}

word!(u64);
word!(u128);

/// As many slots as are asked for. No zeros at the end, so that equal sets are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Wide(SmallVec<[u64; 4]>);

impl Wide {
    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }
}

impl Mask for Wide {
    const LIMIT: usize = usize::MAX;
    fn has(&self, slot: u32) -> bool {
        self.0.get(slot as usize / 64).is_some_and(|word| word.has(slot % 64))
    }
    fn insert(&mut self, slot: u32) {
        let index = slot as usize / 64;
        if index >= self.0.len() {
            self.0.resize(index + 1, 0);
        }
        self.0[index].insert(slot % 64);
    }
    fn remove(&mut self, slot: u32) {
        if let Some(word) = self.0.get_mut(slot as usize / 64) {
            word.remove(slot % 64);
        }
        self.trim();
    }
    fn difference(&self, other: &Self, slots: &mut Vec<u32>) {
        for (index, word) in self.0.iter().enumerate() {
            let start = slots.len();
            word.difference(other.0.get(index).unwrap_or(&0), slots);
            slots[start..].iter_mut().for_each(|slot| *slot += 64 * index as u32);
        }
    }
    fn both(&self, other: &Self) -> Self {
        let mut both = Self(self.0.iter().zip(&other.0).map(|(one, other)| one & other).collect());
        both.trim();
        both
    }
    fn is_within(&self, other: &Self) -> bool {
        let word = |index| other.0.get(index).unwrap_or(&0);
        self.0.iter().enumerate().all(|(index, it)| it.is_within(word(index)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<M: Mask>(slots: &[u32]) {
        let mut mask = M::default();
        slots.iter().for_each(|slot| mask.insert(*slot));
        let mut found = vec![];
        mask.difference(&M::default(), &mut found);
        assert_eq!(found, slots);
        let mut less = mask.clone();
        less.remove(slots[0]);
        assert!(less.is_within(&mask) && !mask.is_within(&less) && mask.both(&less) == less);
        assert!(mask.has(slots[0]) && !less.has(slots[0]));
        found.clear();
        mask.difference(&less, &mut found);
        assert_eq!(found, slots[..1]);
        slots.iter().for_each(|slot| mask.remove(*slot));
        assert!(mask == M::default());
    }

    #[test]
    fn sets_of_every_width_are_sets() {
        check::<u64>(&[0, 5, 63]);
        check::<u128>(&[0, 64, 127]);
        check::<Wide>(&[3, 64, 1000]);
        check::<Wide>(&[700]);
    }
}
