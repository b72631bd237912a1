//! Hashes of content: two independent lanes at once, equal on every machine.
use std::hash::{Hash, Hasher};

use crate::sim::Fingerprint;

/// How many lanes there are.
pub(super) const LANES: usize = 2;

/// A hash of content, in every lane.
pub(super) type Digest = [u64; LANES];

struct Lanes([Fingerprint; LANES]);

impl Hasher for Lanes {
    fn finish(&self) -> u64 {
        self.0[0].finish()
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0.iter_mut().for_each(|lane| lane.write(bytes));
    }
    fn write_u8(&mut self, it: u8) {
        self.write_u64(it.into());
    }
    fn write_u16(&mut self, it: u16) {
        self.write_u64(it.into());
    }
    fn write_u32(&mut self, it: u32) {
        self.write_u64(it.into());
    }
    fn write_u64(&mut self, it: u64) {
        self.0.iter_mut().for_each(|lane| lane.write_u64(it));
    }
    fn write_usize(&mut self, it: usize) {
        self.write_u64(it as u64);
    }
    fn write_i8(&mut self, it: i8) {
        self.write_u64(it as u64);
    }
    fn write_i16(&mut self, it: i16) {
        self.write_u64(it as u64);
    }
    fn write_i32(&mut self, it: i32) {
        self.write_u64(it as u64);
    }
    fn write_i64(&mut self, it: i64) {
        self.write_u64(it as u64);
    }
    fn write_isize(&mut self, it: isize) {
        self.write_u64(it as u64);
    }
}

/// The hash of one value. The value is walked once, which counts where that means calling Python.
pub(super) fn digest<T: Hash + ?Sized>(value: &T) -> Digest {
    let mut lanes = Lanes([1, 2].map(Fingerprint::new));
    value.hash(&mut lanes);
    lanes.0.map(|lane| spread(lane.finish()))
}

/// Spreads every bit over all (the finalizer of SplitMix64: a bijection). Hashes of parts are spread, each together
/// with its place, before they are added up.
pub(super) const fn spread(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}
