//! References of several pages, cut into references of one.
use super::References;
use crate::sim::Invalid;

/// How references are cut: into the pieces that lie on pages of `2^page_bits` bytes, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// One less than the size of a page; all ones: no reference is cut.
    mask: u64,
}

impl Pieces {
    /// Nothing is cut.
    pub const WHOLE: Self = Self { mask: u64::MAX };

    /// Cut where pages of `2^page_bits` bytes begin; None: not at all.
    pub fn of(page_bits: Option<u32>) -> Result<Self, Invalid> {
        match page_bits {
            None => Ok(Self::WHOLE),
            Some(bits @ 0..=63) => Ok(Self { mask: (1 << bits) - 1 }),
            Some(bits) => Err(Invalid::new("page_bits", bits, "an integer from 0 to 63, or None")),
        }
    }

    /// Whether all of `size` bytes from `address` on lie on one page. Size 0 touches the page of its address.
    #[inline(always)]
    fn fits(self, address: u64, size: u32) -> bool {
        (address & self.mask).saturating_add(u64::from(size)) <= self.mask.saturating_add(1)
    }

    /// Appends a reference, cut; false if it runs past the last address.
    #[inline(always)]
    pub fn push(self, out: &mut References, address: u64, kind: u8, size: u32) -> bool {
        if self.fits(address, size) && address.checked_add(u64::from(size)).is_some() {
            out.push(address, kind, size);
            return true;
        }
        self.push_all(out, address, kind, size)
    }

    #[cold]
    fn push_all(self, out: &mut References, mut address: u64, kind: u8, size: u32) -> bool {
        // The last byte may be the last there is, so the end itself is never computed.
        if size > 0 && address.checked_add(u64::from(size) - 1).is_none() {
            return false;
        }
        let mut rest = u64::from(size);
        while rest > 0 && self.mask != u64::MAX {
            let piece = rest.min(self.mask - (address & self.mask) + 1);
            out.push(address, kind, piece as u32);
            rest -= piece;
            address = address.wrapping_add(piece);
        }
        if rest > 0 || size == 0 {
            out.push(address, kind, rest as u32);
        }
        true
    }

    /// How many pieces a reference has, without cutting it.
    #[inline(always)]
    pub fn count(self, address: u64, size: u32) -> u64 {
        if self.fits(address, size) {
            return 1;
        }
        // Not whole pages, so a page has at most 2^63 bytes and nothing overflows.
        let page = self.mask + 1;
        ((address & self.mask) + u64::from(size)).div_ceil(page)
    }
}

/// Why references could not be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncut {
    /// This one runs past the last address.
    PastTheEnd(usize),
    /// There would be more pieces than memory has room for.
    TooMany(u64),
    /// Somebody wants to stop.
    Cancelled,
}

/// All references cut. `go_on` is asked every few thousand references.
pub fn cut(
    addresses: &[u64],
    kinds: &[u8],
    sizes: &[u32],
    pieces: Pieces,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<References, Uncut> {
    assert!(addresses.len() == kinds.len() && addresses.len() == sizes.len(), "columns of one table");
    let total: u64 = addresses.iter().zip(sizes).map(|(address, size)| pieces.count(*address, *size)).sum();
    let mut out = References::default();
    let room = usize::try_from(total).map_err(|_| Uncut::TooMany(total))?;
    let reserved = out.addresses.try_reserve_exact(room);
    let reserved = reserved.and_then(|()| out.kinds.try_reserve_exact(room));
    reserved.and_then(|()| out.sizes.try_reserve_exact(room)).map_err(|_| Uncut::TooMany(total))?;
    for (at, ((address, kind), size)) in addresses.iter().zip(kinds).zip(sizes).enumerate() {
        if at % 4096 == 0 && !go_on() {
            return Err(Uncut::Cancelled);
        }
        if !pieces.push(&mut out, *address, *kind, *size) {
            return Err(Uncut::PastTheEnd(at));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn push(pieces: Pieces, address: u64, size: u32) -> Option<Vec<(u64, u32)>> {
        let mut out = References::default();
        pieces.push(&mut out, address, 0, size).then(|| {
            assert_eq!(out.len() as u64, pieces.count(address, size));
            out.addresses.into_iter().zip(out.sizes).collect()
        })
    }

    #[test]
    fn pieces_end_where_pages_end() {
        let pages = Pieces::of(Some(12)).unwrap();
        assert_eq!(push(pages, 0xffc, 4), Some(vec![(0xffc, 4)]));
        assert_eq!(push(pages, 0xffd, 4), Some(vec![(0xffd, 3), (0x1000, 1)]));
        assert_eq!(push(pages, 0xfff, 4098), Some(vec![(0xfff, 1), (0x1000, 4096), (0x2000, 1)]));
        assert_eq!(push(Pieces::WHOLE, 0xffd, 4), Some(vec![(0xffd, 4)]));
        assert_eq!(push(pages, 0xfff, 0), Some(vec![(0xfff, 0)]));
    }

    #[test]
    fn last_byte_of_all_can_be_touched_but_not_passed() {
        for pieces in [Pieces::WHOLE, Pieces::of(Some(12)).unwrap(), Pieces::of(Some(63)).unwrap()] {
            assert_eq!(push(pieces, u64::MAX - 3, 4), Some(vec![(u64::MAX - 3, 4)]), "{pieces:?}");
            assert_eq!(push(pieces, u64::MAX - 3, 5), None, "{pieces:?}");
            assert_eq!(push(pieces, u64::MAX, 0), Some(vec![(u64::MAX, 0)]), "{pieces:?}");
        }
        assert!(Pieces::of(Some(64)).is_err());
    }

    proptest! {
        #[test]
        fn pieces_touch_what_the_whole_touches(address in 0u64..1 << 20, size in 1u32..5000, bits in 3u32..14) {
            let parts = push(Pieces::of(Some(bits)).unwrap(), address, size).unwrap();
            let mut next = address;
            for (start, size) in &parts {
                prop_assert_eq!(*start, next);
                next += u64::from(*size);
                prop_assert_eq!(start >> bits, (next - 1) >> bits);
            }
            prop_assert_eq!(next, address + u64::from(size));
            prop_assert_eq!(parts.len() as u64, ((next - 1) >> bits) - (address >> bits) + 1);
        }
    }
}
