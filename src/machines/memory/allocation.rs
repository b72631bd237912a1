//! Memory handed out in pieces: contiguous, where holes between the pieces may be too small for anybody
//! (external fragmentation), or in pages, where every hole fits and only the last page of a piece is wasted
//! (internal fragmentation). Notes, Definitions 7.2, 7.6 and 7.9.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::sim::Invalid;

/// Which hole a contiguous piece is cut from; of equal ones the lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// The lowest that is large enough.
    First,
    /// The smallest that is large enough.
    Best,
    /// The largest.
    Worst,
    /// The first that is large enough above the last piece that was placed, and from below again.
    Next,
}

impl Fit {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::First, Self::Best, Self::Worst, Self::Next];

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Best => "best",
            Self::Worst => "worst",
            Self::Next => "next",
        }
    }
}

/// Units in a row: where they begin and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Extent {
    /// The first unit.
    pub start: u64,
    /// How many.
    pub size: u64,
}

impl Extent {
    /// The unit behind the last.
    pub const fn end(self) -> u64 {
        self.start + self.size
    }
}

/// Why memory was not handed out or taken back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A parameter makes no sense.
    #[error(transparent)]
    Parameter(#[from] Invalid),
    /// No place for it.
    #[error(
        "no place for {owner:?} of {size}: {free} free in all, {largest} in one piece, in {holes} hole{}",
        if *holes == 1 { "" } else { "s" }
    )]
    NoPlace {
        /// Who asked.
        owner: String,
        /// For how much.
        size: u64,
        /// What is free in all.
        free: u64,
        /// What is free in one piece.
        largest: u64,
        /// In how many pieces it is free.
        holes: usize,
    },
    /// It has a piece already.
    #[error("{owner:?} holds memory already: free it first")]
    Holds {
        /// Who.
        owner: String,
    },
    /// It has none.
    #[error("{owner:?} holds no memory")]
    HoldsNothing {
        /// Who.
        owner: String,
    },
}

/// A memory whose pieces are contiguous.
///
/// ```
/// use distlab::machines::memory::allocation::{Contiguous, Fit};
/// let mut memory = Contiguous::new(4, Fit::First).unwrap();
/// memory.allocate("A", 1).unwrap();
/// memory.allocate("B", 2).unwrap();
/// memory.free("A").unwrap();
/// assert!(memory.allocate("C", 2).is_err(), "two units are free, but not side by side");
/// memory.compact();
/// assert_eq!(memory.allocate("C", 2).unwrap().start, 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contiguous {
    size: u64,
    fit: Fit,
    pieces: BTreeMap<String, Extent>,
    /// Size by start; no two touch.
    holes: BTreeMap<u64, u64>,
    /// Behind the last piece that was placed.
    rover: u64,
}

impl Contiguous {
    /// An empty memory of `size` units.
    pub fn new(size: u64, fit: Fit) -> Result<Self, Invalid> {
        if size == 0 {
            return Err(Invalid::new("size", size, "at least 1 unit"));
        }
        Ok(Self { size, fit, pieces: BTreeMap::new(), holes: BTreeMap::from([(0, size)]), rover: 0 })
    }

    /// Gives `owner` a piece. O(holes).
    pub fn allocate(&mut self, owner: &str, size: u64) -> Result<Extent, Error> {
        refuse(size, self.pieces.contains_key(owner), owner)?;
        let Some(hole) = self.choose(size) else {
            let (free, largest, holes) = (self.free_units(), self.largest_hole(), self.holes.len());
            return Err(Error::NoPlace { owner: owner.to_owned(), size, free, largest, holes });
        };
        self.holes.remove(&hole.start);
        if hole.size > size {
            self.holes.insert(hole.start + size, hole.size - size);
        }
        let piece = Extent { start: hole.start, size };
        self.rover = piece.end();
        self.pieces.insert(owner.to_owned(), piece);
        Ok(piece)
    }

    fn choose(&self, size: u64) -> Option<Extent> {
        let fitting = || self.holes().filter(|hole| hole.size >= size);
        match self.fit {
            Fit::First => fitting().next(),
            Fit::Best => fitting().min_by_key(|hole| (hole.size, hole.start)),
            Fit::Worst => fitting().min_by_key(|hole| (u64::MAX - hole.size, hole.start)),
            Fit::Next => fitting().find(|hole| hole.start >= self.rover).or_else(|| fitting().next()),
        }
    }

    /// Takes the piece of `owner` back, and joins it with the holes beside it. O(log holes).
    pub fn free(&mut self, owner: &str) -> Result<Extent, Error> {
        let piece =
            self.pieces.remove(owner).ok_or_else(|| Error::HoldsNothing { owner: owner.to_owned() })?;
        let mut hole = piece;
        if let Some(size) = self.holes.remove(&piece.end()) {
            hole.size += size;
        }
        if let Some((&start, &size)) = self.holes.range(..piece.start).next_back()
            && start + size == piece.start
        {
            hole = Extent { start, size: size + hole.size };
        }
        self.holes.insert(hole.start, hole.size);
        Ok(piece)
    }

    /// Moves all pieces down, in their order, so that one hole is left; how many units moved.
    pub fn compact(&mut self) -> u64 {
        let mut order: Vec<&mut Extent> = self.pieces.values_mut().collect();
        order.sort_by_key(|piece| piece.start);
        let (mut end, mut moved) = (0, 0);
        for piece in order {
            if piece.start != end {
                moved += piece.size;
                piece.start = end;
            }
            end = piece.end();
        }
        self.holes = BTreeMap::from_iter((end < self.size).then_some((end, self.size - end)));
        self.rover = end;
        moved
    }

    /// How many units there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Which hole is chosen.
    pub fn fit(&self) -> Fit {
        self.fit
    }

    /// Who holds what, by owner.
    pub fn pieces(&self) -> impl Iterator<Item = (&str, Extent)> {
        self.pieces.iter().map(|(owner, piece)| (owner.as_str(), *piece))
    }

    /// What nobody holds, from below.
    pub fn holes(&self) -> impl Iterator<Item = Extent> {
        self.holes.iter().map(|(&start, &size)| Extent { start, size })
    }

    /// How many units nobody holds.
    pub fn free_units(&self) -> u64 {
        self.holes.values().sum()
    }

    /// The size of the largest hole.
    pub fn largest_hole(&self) -> u64 {
        self.holes.values().max().copied().unwrap_or(0)
    }
}

/// A memory whose pieces are pages, wherever they are free.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paged {
    size: u64,
    page_size: u64,
    /// The frames of each owner, in the order of its pages, and the units it asked for.
    pieces: BTreeMap<String, (Vec<u64>, u64)>,
    /// Free frames, the next one last.
    free: Vec<u64>,
}

impl Paged {
    /// The most frames of a memory: each is kept track of.
    pub const MAX_FRAMES: u64 = 1 << 26;

    /// An empty memory of `size` units in pages of `page_size`.
    pub fn new(size: u64, page_size: u64) -> Result<Self, Invalid> {
        if page_size == 0 {
            return Err(Invalid::new("page_size", page_size, "at least 1 unit"));
        }
        if size == 0 || !size.is_multiple_of(page_size) {
            return Err(Invalid::new("size", size, "a whole number of pages, at least 1"));
        }
        let frames = size / page_size;
        if frames > Self::MAX_FRAMES {
            return Err(Invalid::new("size", size, "at most 2^26 pages"));
        }
        Ok(Self { size, page_size, pieces: BTreeMap::new(), free: (0..frames).rev().collect() })
    }

    /// Gives `owner` the lowest free frames, side by side or not.
    pub fn allocate(&mut self, owner: &str, size: u64) -> Result<&[u64], Error> {
        refuse(size, self.pieces.contains_key(owner), owner)?;
        let pages = size.div_ceil(self.page_size);
        if pages > self.free.len() as u64 {
            let free = self.free_units();
            let (owner, largest) = (owner.to_owned(), free);
            return Err(Error::NoPlace { owner, size, free, largest, holes: self.free.len() });
        }
        let mut frames = self.free.split_off(self.free.len() - pages as usize);
        frames.reverse();
        Ok(&self.pieces.entry(owner.to_owned()).or_insert((frames, size)).0)
    }

    /// Takes the frames of `owner` back.
    pub fn free(&mut self, owner: &str) -> Result<Vec<u64>, Error> {
        let held = self.pieces.remove(owner);
        let (frames, _) = held.ok_or_else(|| Error::HoldsNothing { owner: owner.to_owned() })?;
        self.free.extend(&frames);
        self.free.sort_unstable_by(|a, b| b.cmp(a));
        Ok(frames)
    }

    /// How many units there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many units a page has.
    pub fn page_size(&self) -> u64 {
        self.page_size
    }

    /// Who holds which frames, and how many units were asked for, by owner.
    pub fn pieces(&self) -> impl Iterator<Item = (&str, &[u64], u64)> {
        self.pieces.iter().map(|(owner, (frames, size))| (owner.as_str(), frames.as_slice(), *size))
    }

    /// How many units nobody holds; all of them can be given to one.
    pub fn free_units(&self) -> u64 {
        self.free.len() as u64 * self.page_size
    }

    /// How many units are held by owners that did not ask for them: the rests of last pages.
    pub fn wasted_units(&self) -> u64 {
        let wasted = |(frames, size): &(Vec<u64>, u64)| frames.len() as u64 * self.page_size - size;
        self.pieces.values().map(wasted).sum()
    }
}

/// What neither memory hands out.
fn refuse(size: u64, holds: bool, owner: &str) -> Result<(), Error> {
    if size == 0 {
        return Err(Invalid::new("size", size, "at least 1 unit").into());
    }
    if holds { Err(Error::Holds { owner: owner.to_owned() }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Purpose, Rng};

    fn starts(memory: &Contiguous) -> Vec<(&str, u64)> {
        memory.pieces().map(|(owner, piece)| (owner, piece.start)).collect()
    }

    #[test]
    fn the_notes_memory_of_four_has_no_place_for_two_although_two_are_free() {
        let mut memory = Contiguous::new(4, Fit::First).unwrap();
        memory.allocate("A", 1).unwrap();
        memory.allocate("B", 2).unwrap();
        memory.free("A").unwrap();
        let error = memory.allocate("C", 2).unwrap_err().to_string();
        assert_eq!(error, "no place for \"C\" of 2: 2 free in all, 1 in one piece, in 2 holes");

        let mut paged = Paged::new(4, 1).unwrap();
        paged.allocate("A", 1).unwrap();
        paged.allocate("B", 2).unwrap();
        paged.free("A").unwrap();
        assert_eq!(paged.allocate("C", 2).unwrap(), [0, 3]);
    }

    #[test]
    fn fits_choose_different_holes() {
        // Holes of 3, 2 and 4 units at 0, 4 and 7.
        let chosen = |fit| {
            let mut memory = Contiguous::new(11, fit).unwrap();
            for (owner, size) in [("a", 3), ("b", 1), ("c", 2), ("d", 1)] {
                memory.allocate(owner, size).unwrap();
            }
            memory.free("a").unwrap();
            memory.free("c").unwrap();
            memory.allocate("x", 2).unwrap().start
        };
        assert_eq!(Fit::ALL.map(chosen), [0, 4, 7, 7]);
    }

    #[test]
    fn compaction_leaves_one_hole_and_keeps_the_order() {
        let mut memory = Contiguous::new(10, Fit::First).unwrap();
        for owner in ["c", "b", "a"] {
            memory.allocate(owner, 2).unwrap();
        }
        memory.free("c").unwrap();
        assert_eq!(memory.compact(), 4);
        assert_eq!(starts(&memory), [("a", 2), ("b", 0)]);
        assert_eq!(memory.holes().collect::<Vec<_>>(), [Extent { start: 4, size: 6 }]);
    }

    /// Every unit by hand: what the tree of holes must agree with.
    #[derive(Clone)]
    struct Units {
        cells: Vec<Option<usize>>,
        rover: usize,
    }

    impl Units {
        fn holes(&self) -> Vec<(usize, usize)> {
            let mut holes = Vec::new();
            let mut at = 0;
            while at < self.cells.len() {
                let size = self.cells[at..].iter().take_while(|it| it.is_none()).count();
                if size > 0 {
                    holes.push((at, size));
                }
                at += size.max(1);
            }
            holes
        }
        fn place(&mut self, owner: usize, size: usize, fit: Fit) -> Option<usize> {
            let mut fitting: Vec<_> = self.holes().into_iter().filter(|(_, free)| *free >= size).collect();
            match fit {
                Fit::First => {}
                Fit::Best => fitting.sort_by_key(|(_, free)| *free),
                Fit::Worst => fitting.sort_by_key(|(_, free)| std::cmp::Reverse(*free)),
                Fit::Next => fitting.sort_by_key(|(start, _)| *start < self.rover),
            }
            let (start, _) = *fitting.first()?;
            self.cells[start..start + size].fill(Some(owner));
            self.rover = start + size;
            Some(start)
        }
    }

    #[test]
    fn holes_agree_with_units_counted_by_hand() {
        for seed in 0..400 {
            let mut rng = Rng::stream(seed, Purpose::Memory, 0, 0);
            let fit = Fit::ALL[rng.below(4) as usize];
            let size = 1 + rng.below(24);
            let mut memory = Contiguous::new(size, fit).unwrap();
            let mut units = Units { cells: vec![None; size as usize], rover: 0 };
            for _ in 0..60 {
                let owner = rng.below(8) as usize;
                let name = owner.to_string();
                if units.cells.contains(&Some(owner)) {
                    memory.free(&name).unwrap();
                    units.cells.iter_mut().filter(|it| **it == Some(owner)).for_each(|it| *it = None);
                } else {
                    let wanted = 1 + rng.below(6);
                    let found = memory.allocate(&name, wanted).ok().map(|it| it.start as usize);
                    assert_eq!(found, units.place(owner, wanted as usize, fit), "seed {seed}");
                }
                let holes: Vec<_> = memory.holes().map(|it| (it.start as usize, it.size as usize)).collect();
                assert_eq!(holes, units.holes(), "seed {seed}");
            }
        }
    }

    #[test]
    fn pages_fit_as_long_as_units_are_free() {
        let mut memory = Paged::new(64, 4).unwrap();
        memory.allocate("a", 5).unwrap();
        assert_eq!((memory.free_units(), memory.wasted_units()), (56, 3));
        memory.allocate("b", 56).unwrap();
        assert!(matches!(memory.allocate("c", 1), Err(Error::NoPlace { free: 0, .. })));
        assert_eq!(memory.free("a").unwrap(), [0, 1]);
        assert!(matches!(memory.free("a"), Err(Error::HoldsNothing { .. })));
        assert!(matches!(memory.allocate("b", 1), Err(Error::Holds { .. })));
        assert_eq!(Paged::new(10, 4).unwrap_err().parameter, "size");
    }
}
