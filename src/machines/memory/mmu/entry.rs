//! One entry of a page table.
use serde::Serialize;

/// No frame, no slot, no page.
pub const NONE: u32 = u32::MAX;

/// The bits of an entry.
pub mod flag {
    #![allow(missing_docs)]
    pub const PRESENT: u16 = 1;
    pub const WRITABLE: u16 = 1 << 1;
    pub const USER: u16 = 1 << 2;
    pub const EXECUTABLE: u16 = 1 << 3;
    pub const GLOBAL: u16 = 1 << 4;
    pub const ACCESSED: u16 = 1 << 5;
    pub const DIRTY: u16 = 1 << 6;
    /// A leaf at an upper level.
    pub const HUGE: u16 = 1 << 7;
    /// Read-only until the first write, which makes a copy. One of the bits that hardware leaves to the system.
    pub const COPY_ON_WRITE: u16 = 1 << 8;
    /// Stays shared when the address space is forked.
    pub const SHARED: u16 = 1 << 9;
}

/// One entry of a page table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it leads: of a present leaf the frame, of one that is not present the slot in the swap device, of an
    /// upper entry the table below; [`NONE`] otherwise.
    pub target: u32,
    /// Of a leaf the page behind it, present or not; [`NONE`] if it was never touched.
    pub page: u32,
    /// Bits of [`flag`].
    pub flags: u16,
    /// Where each TLB holds it, of an upper entry where the walk cache does: the way, plus one; 0 if nowhere. A
    /// real TLB searches its ways; this one is found by what it would have to search for.
    pub ways: [u16; 3],
}

impl Entry {
    /// Nothing there.
    pub const EMPTY: Self = Self { target: NONE, page: NONE, flags: 0, ways: [0; 3] };

    /// Whether all of `flags` are set.
    #[inline]
    pub fn has(self, flags: u16) -> bool {
        self.flags & flags == flags
    }

    /// Whether it was never used, or is no longer.
    pub fn is_empty(self) -> bool {
        self == Self::EMPTY
    }
}

/// An entry as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs)] // the bits, by their names
pub struct Shown {
    pub present: bool,
    pub writable: bool,
    pub user: bool,
    pub executable: bool,
    pub accessed: bool,
    pub dirty: bool,
    pub huge: bool,
    #[serde(rename = "global_")]
    pub global: bool,
    pub copy_on_write: bool,
    pub shared: bool,
    /// The frame of a present leaf.
    pub frame: Option<u32>,
    /// The table an upper entry leads to.
    pub table: Option<u32>,
    /// Where on the swap device the page is.
    pub swap_slot: Option<u32>,
}

impl Shown {
    /// `entry`, which is a leaf or not.
    pub fn of(entry: Entry, leaf: bool) -> Self {
        let present = entry.has(flag::PRESENT);
        let target = (entry.target != NONE).then_some(entry.target);
        Self {
            present,
            writable: entry.has(flag::WRITABLE),
            user: entry.has(flag::USER),
            executable: entry.has(flag::EXECUTABLE),
            accessed: entry.has(flag::ACCESSED),
            dirty: entry.has(flag::DIRTY),
            huge: entry.has(flag::HUGE),
            global: entry.has(flag::GLOBAL),
            copy_on_write: entry.has(flag::COPY_ON_WRITE),
            shared: entry.has(flag::SHARED),
            frame: target.filter(|_| leaf && present),
            table: target.filter(|_| !leaf && present),
            swap_slot: target.filter(|_| leaf && !present),
        }
    }
}
