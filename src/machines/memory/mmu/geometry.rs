//! How an address is cut up: an index into a table for each level, the root's first, and an offset in the page.
use serde::{Deserialize, Serialize};

use crate::sim::Invalid;

/// At most this many levels of tables.
pub const MAX_LEVELS: usize = 8;

/// At most this many bits of an address may index one table.
const MAX_LEVEL_BITS: u8 = 24;

/// At most this many bits may make up a page number: what is left of 64 holds the process in the tag of a TLB.
pub const MAX_PAGE_NUMBER_BITS: u8 = 54;

/// The ways that addresses are cut up on machines people know, and their names.
pub const PRESETS: [(&str, Preset); 6] = [
    ("32-bit", Preset { bits: &[20], word_bits: 32 }),
    ("32-bit-two-level", Preset { bits: &[10, 10], word_bits: 32 }),
    ("x86-64", Preset { bits: &[9; 4], word_bits: 64 }),
    ("x86-64-5-level", Preset { bits: &[9; 5], word_bits: 64 }),
    ("sv39", Preset { bits: &[9; 3], word_bits: 64 }),
    ("sv48", Preset { bits: &[9; 4], word_bits: 64 }),
];

/// A geometry with pages of 4 KiB.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    bits: &'static [u8],
    word_bits: u8,
}

/// How an address is cut up. The offset is the lowest bits, the index into the last table comes next.
///
/// ```
/// use distlab::machines::memory::mmu::Geometry;
/// let x86 = Geometry::preset("x86-64").unwrap();
/// assert_eq!(x86.reach_bytes(), 1 << 48);
/// assert!(x86.page_number(1 << 47).is_none()); // not canonical
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Geometry {
    /// How many bits index the table of each level, the root's first.
    pub bits: Vec<u8>,
    /// The size of a page is two to the power of this.
    pub page_bits: u8,
    /// How wide an address is. Where the parts are less than a word of 64 bits, an address is canonical only if
    /// all bits above repeat the highest bit in use.
    pub word_bits: u8,
    /// The size of one entry of a table.
    pub entry_bytes: u8,
    /// The levels (0 is the root's) whose entries may stand for one huge page.
    pub huge_levels: Vec<u8>,
}

impl Geometry {
    /// A geometry of given parts; entries are as wide as a word, and the two levels above the last (in one of two
    /// levels: the first) may hold huge pages.
    pub fn new(bits: Vec<u8>, page_bits: u8, word_bits: u8) -> Result<Self, Invalid> {
        let entry_bytes = word_bits.div_ceil(8).next_power_of_two().max(1);
        let last = bits.len().saturating_sub(1) as u8;
        let huge_levels = (last.saturating_sub(2).max(u8::from(last > 1))..last).collect();
        let geometry = Self { bits, page_bits, word_bits, entry_bytes, huge_levels };
        geometry.check().map(|()| geometry)
    }

    /// One of [`PRESETS`].
    pub fn preset(name: &str) -> Result<Self, Invalid> {
        let found = PRESETS.iter().find(|(known, _)| *known == name);
        let (_, preset) = found.ok_or_else(|| {
            Invalid::new(
                "geometry",
                name,
                "'32-bit', '32-bit-two-level', 'x86-64', 'x86-64-5-level', 'sv39' or 'sv48'",
            )
        })?;
        Self::new(preset.bits.to_vec(), 12, preset.word_bits)
    }

    /// Whether the parts add up.
    pub fn check(&self) -> Result<(), Invalid> {
        if !(1..=MAX_LEVELS).contains(&self.bits.len()) {
            return Err(Invalid::new("levels", self.bits.len(), "from 1 to 8"));
        }
        if let Some(bits) = self.bits.iter().find(|it| !(1..=MAX_LEVEL_BITS).contains(*it)) {
            return Err(Invalid::new("bits_per_level", bits, "from 1 to 24 on each level"));
        }
        if !(1..=40).contains(&self.page_bits) {
            return Err(Invalid::new("page_bits", self.page_bits, "from 1 to 40"));
        }
        if !(2..=64).contains(&self.word_bits) {
            return Err(Invalid::new("word_bits", self.word_bits, "from 2 to 64"));
        }
        let total = self.bits.iter().map(|&it| u32::from(it)).sum::<u32>() + u32::from(self.page_bits);
        let word = u32::from(self.word_bits);
        if total > word || (total < word && word != 64) {
            return Err(Invalid::new(
                "word_bits",
                format_args!("{word}, with {total} bits of indices and offset"),
                "the sum of the bits of all levels and of the page, or 64 with fewer (canonical addresses)",
            ));
        }
        if total - u32::from(self.page_bits) > u32::from(MAX_PAGE_NUMBER_BITS) {
            return Err(Invalid::new("bits_per_level", total, "at most 54 bits of page number in all"));
        }
        if !(1..=64).contains(&self.entry_bytes) {
            return Err(Invalid::new("entry_bytes", self.entry_bytes, "from 1 to 64"));
        }
        if let Some(level) = self.huge_levels.iter().find(|it| usize::from(**it) + 1 >= self.bits.len()) {
            return Err(Invalid::new(
                "huge_levels",
                level,
                "levels above the last, counted from the root as 0",
            ));
        }
        if let Some(level) = self.huge_levels.iter().find(|it| self.shift(usize::from(**it)) > 30) {
            return Err(Invalid::new(
                "huge_levels",
                level,
                "levels whose pages are at most 2^30 small pages",
            ));
        }
        Ok(())
    }

    /// How many levels of tables there are.
    #[inline]
    pub fn levels(&self) -> usize {
        self.bits.len()
    }

    /// How many bits make up a page number.
    pub fn page_number_bits(&self) -> u8 {
        self.bits.iter().sum()
    }

    /// How many bits of an address are in use.
    pub fn address_bits(&self) -> u8 {
        self.page_number_bits() + self.page_bits
    }

    /// How much memory can be addressed.
    pub fn reach_bytes(&self) -> u128 {
        1 << self.address_bits()
    }

    /// How far a page number is shifted to the right to end with the index into the table of `level`.
    pub fn shift(&self, level: usize) -> u8 {
        self.bits[level + 1..].iter().sum()
    }

    /// The index into the table of `level`.
    pub fn index(&self, level: usize, page: u64) -> u32 {
        (page >> self.shift(level)) as u32 & ((1 << self.bits[level]) - 1)
    }

    /// The size of what an entry of `level` stands for.
    pub fn span_bytes(&self, level: usize) -> u64 {
        1 << (self.shift(level) + self.page_bits)
    }

    /// The size of one table of `level`.
    pub fn table_bytes(&self, level: usize) -> u64 {
        (1 << self.bits[level]) * u64::from(self.entry_bytes)
    }

    /// Whether an address fits into a word.
    pub fn fits(&self, address: u64) -> bool {
        self.word_bits == 64 || address >> self.word_bits == 0
    }

    /// The number of the page an address lies in; `None` if the address is not canonical (or does not fit).
    #[inline]
    pub fn page_number(&self, address: u64) -> Option<u64> {
        let bits = u32::from(self.address_bits());
        let low = if bits == 64 { address } else { address & ((1 << bits) - 1) };
        (self.canonical(low) == address).then_some(low >> self.page_bits)
    }

    /// The address where a page begins.
    pub fn address(&self, page: u64) -> u64 {
        self.canonical(page << self.page_bits)
    }

    /// The canonical form of the bits in use: in a word of 64 bits the highest of them is repeated.
    #[inline]
    fn canonical(&self, low: u64) -> u64 {
        let above = 64 - u32::from(self.address_bits());
        if self.word_bits == 64 { ((low << above) as i64 >> above) as u64 } else { low }
    }

    /// The level whose entries stand for pages of that size.
    pub fn level_of(&self, page_bytes: u64) -> Result<usize, Invalid> {
        let last = self.levels() - 1;
        let mut allowed = self.huge_levels.iter().map(|&it| usize::from(it)).chain([last]);
        allowed.find(|&it| self.span_bytes(it) == page_bytes).ok_or_else(|| {
            Invalid::new("page_size", page_bytes, "the size of a page, or of a huge page of this geometry")
        })
    }
}

/// How page numbers are cut out of addresses, worked out once.
#[derive(Clone, Copy, Debug)]
pub struct Cutter {
    page_bits: u8,
    /// Bits of a word above those in use; 64 minus their number where they must be zero.
    above: u8,
    canonical: bool,
}

impl Cutter {
    /// For that geometry.
    pub fn new(geometry: &Geometry) -> Self {
        let above = 64 - geometry.address_bits();
        Self { page_bits: geometry.page_bits, above, canonical: geometry.word_bits == 64 }
    }

    /// The number of the page if the address is canonical, and any number if not.
    #[inline(always)]
    pub fn page_number_unchecked(self, address: u64) -> u64 {
        address << self.above >> self.above >> self.page_bits
    }

    /// As [`Geometry::page_number`].
    #[inline(always)]
    pub fn page_number(self, address: u64) -> Option<u64> {
        let raised = address << self.above;
        let low = raised >> self.above;
        let whole = if self.canonical { (raised as i64 >> self.above) as u64 } else { low };
        (whole == address).then_some(low >> self.page_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_reach_what_is_known() {
        let reach = |name: &str| Geometry::preset(name).unwrap().reach_bytes();
        assert_eq!(reach("32-bit"), 1 << 32);
        assert_eq!(reach("32-bit-two-level"), 1 << 32);
        assert_eq!(reach("x86-64"), 256 << 40);
        assert_eq!(reach("x86-64-5-level"), 128 << 50);
        assert_eq!(reach("sv39"), 512 << 30);
        assert!(Geometry::preset("pdp-11").is_err());
    }

    #[test]
    fn huge_pages_have_the_sizes_people_know() {
        let sizes = |name: &str| {
            let geometry = Geometry::preset(name).unwrap();
            geometry.huge_levels.iter().map(|&it| geometry.span_bytes(usize::from(it))).collect::<Vec<_>>()
        };
        assert!(sizes("32-bit").is_empty());
        assert_eq!(sizes("32-bit-two-level"), [4 << 20]);
        assert_eq!(sizes("x86-64"), [1 << 30, 2 << 20]);
        assert_eq!(sizes("x86-64-5-level"), [1 << 30, 2 << 20]);
        assert_eq!(sizes("sv39"), [2 << 20]);
    }

    #[test]
    fn an_address_is_cut_from_below() {
        let two = Geometry::preset("32-bit-two-level").unwrap();
        let page = two.page_number(0x0040_1678).unwrap();
        assert_eq!([two.index(0, page), two.index(1, page)], [1, 1]);
        assert_eq!(two.page_number(1 << 32), None);
    }

    #[test]
    fn canonical_addresses_repeat_their_highest_bit() {
        let x86 = Geometry::preset("x86-64").unwrap();
        for address in [0, (1 << 47) - 1, 0xffff_8000_0000_0000, u64::MAX] {
            let page = x86.page_number(address).unwrap();
            assert_eq!(x86.address(page), address & !0xfff);
        }
        for address in [1 << 47, 0xffff_7fff_ffff_ffff, 1 << 63] {
            assert_eq!(x86.page_number(address), None);
            assert_eq!(Cutter::new(&x86).page_number(address), None);
        }
        for name in ["32-bit", "x86-64", "sv39"] {
            let geometry = Geometry::preset(name).unwrap();
            for bit in 0..64 {
                for address in
                    [1 << bit, (1 << bit) - 1, u64::MAX << bit, u64::MAX >> bit, 0x1234_5678 << bit]
                {
                    assert_eq!(Cutter::new(&geometry).page_number(address), geometry.page_number(address));
                }
            }
        }
        let full = Geometry::new(vec![22, 22], 20, 64).unwrap();
        assert_eq!(full.page_number(u64::MAX), Some((1 << 44) - 1));
    }

    #[test]
    fn parts_that_do_not_add_up_are_refused() {
        for (bits, page, word, parameter) in [
            (vec![], 12, 32, "levels"),
            (vec![1; 9], 12, 64, "levels"),
            (vec![0, 10], 12, 32, "bits_per_level"),
            (vec![25], 7, 32, "bits_per_level"),
            (vec![20], 0, 20, "page_bits"),
            (vec![20], 12, 31, "word_bits"),
            (vec![20], 11, 32, "word_bits"),
            (vec![20], 12, 65, "word_bits"),
            (vec![20, 20, 20], 4, 64, "bits_per_level"),
        ] {
            let error = Geometry::new(bits.clone(), page, word).unwrap_err();
            assert_eq!(error.parameter, parameter, "{bits:?} {page} {word}");
        }
    }
}
