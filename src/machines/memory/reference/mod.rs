//! Reference strings: what programs touched, read from traces or generated.
//!
//! - [`lackey`]: the text of `valgrind --tool=lackey --trace-mem=yes`, both ways;
//! - [`oracle_general`]: libCacheSim's binary records, both ways;
//! - [`csv`]: tables with a column of addresses;
//! - [`stream`]: where their bytes come from, plain or compressed, read ahead in bounded memory;
//! - [`generate`]: sequences that are made, with [`zipf`] for the skewed ones.
//!
//! A reference is an address, a kind and a size. References of more than one page are cut where they cross
//! from one to the next ([`Pieces`]), so that whoever counts pages counts every page that is touched.
pub mod csv;
pub mod error;
pub mod generate;
pub mod hexadecimal;
pub mod lackey;
pub mod oracle_general;
pub mod pieces;
pub mod reader;
pub mod stream;
pub mod zipf;

pub use error::{Place, TraceError};
pub use pieces::Pieces;

/// A reference reads what it touches. The codes of kinds are those of the MMU.
pub const READ: u8 = 0;
/// A reference writes what it touches.
pub const WRITE: u8 = 1;
/// A reference fetches an instruction.
pub const FETCH: u8 = 2;

/// A reference string, column by column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Where each begins.
    pub addresses: Vec<u64>,
    /// [`READ`], [`WRITE`] or [`FETCH`].
    pub kinds: Vec<u8>,
    /// How many bytes each touches.
    pub sizes: Vec<u32>,
}

impl References {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.addresses.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    /// One more.
    #[inline(always)]
    pub fn push(&mut self, address: u64, kind: u8, size: u32) {
        self.addresses.push(address);
        self.kinds.push(kind);
        self.sizes.push(size);
    }

    /// Only the first `length` stay; the others are handed back.
    pub fn split_off(&mut self, length: usize) -> Self {
        Self {
            addresses: self.addresses.split_off(length),
            kinds: self.kinds.split_off(length),
            sizes: self.sizes.split_off(length),
        }
    }
}
