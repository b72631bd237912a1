//! Page tables of all address spaces, in one arena: tables are made when first needed, and what they would take
//! on a real machine is counted.
use prefetch_index::prefetch_index;

use super::entry::{Entry, NONE, flag};
use super::geometry::{Geometry, MAX_LEVELS};

/// A table is kept in pieces of this many entries, made on demand, so that a table of 2^20 costs what is used.
const PIECE_BITS: u8 = 6;
const PIECE: usize = 1 << PIECE_BITS;

/// Which table.
pub type TableId = u32;

/// Where an entry lies in the arena. It stays there as long as its table lives.
pub type Place = u32;

#[derive(Clone, Debug)]
struct Table {
    /// Its pieces: `directory[first..first + pieces]`.
    first: u32,
    /// Entries that are not empty.
    used: u32,
    level: u8,
    process: u32,
    /// The number of the first page it stands for.
    page: u64,
    /// The entry that leads to it; [`NONE`] for a root.
    parent: Place,
}

/// An entry that stands for a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Where it lies.
    pub place: Place,
    /// Its level.
    pub level: u32,
}

/// How many pieces of last tables are remembered at first, and at most: there is room for all, up to that.
const FEWEST_HINTS: usize = 1 << 9;
const MOST_HINTS: usize = 1 << 16;

/// Where a piece of a last table was found: walks of this program, not of the machine it plays.
#[derive(Clone, Copy, Debug)]
struct Hint {
    /// The number of the first page of the piece, without the bits within it.
    group: u64,
    space: u32,
    /// The place of its first entry.
    first: Place,
}

/// What piece of which table.
#[derive(Clone, Copy, Debug)]
struct Piece {
    table: TableId,
    /// Which of the table's pieces.
    number: u32,
    /// The entry that leads to the table.
    parent: Place,
}

/// How a level's index is cut out of a page number.
#[derive(Clone, Copy, Debug, Default)]
struct Cut {
    shift: u8,
    mask: u32,
    pieces: u32,
}

/// The page tables of all address spaces.
#[derive(Clone, Debug)]
pub struct Tables {
    cuts: [Cut; MAX_LEVELS],
    sizes: [u64; MAX_LEVELS],
    tables: Vec<Table>,
    /// Of each table its pieces; [`NONE`] where there is none yet.
    directory: Vec<u32>,
    pieces: Vec<Piece>,
    entries: Vec<Entry>,
    /// Tables and pieces to be used again.
    free_tables: [Vec<TableId>; MAX_LEVELS],
    free_pieces: Vec<u32>,
    /// Tables in use, by level.
    counts: [u64; MAX_LEVELS],
    last: usize,
    /// How many bits of a page number are within a piece.
    within: u8,
    hints: Vec<Hint>,
}

const NO_HINT: Hint = Hint { group: u64::MAX, space: NONE, first: NONE };

impl Tables {
    /// No tables yet.
    pub fn new(geometry: &Geometry) -> Self {
        let mut cuts = [Cut::default(); MAX_LEVELS];
        let mut sizes = [0; MAX_LEVELS];
        for level in 0..geometry.levels() {
            let bits = geometry.bits[level];
            let pieces = 1 << bits.saturating_sub(PIECE_BITS);
            cuts[level] = Cut { shift: geometry.shift(level), mask: (1 << bits) - 1, pieces };
            sizes[level] = geometry.table_bytes(level);
        }
        Self {
            cuts,
            sizes,
            tables: Vec::new(),
            directory: Vec::new(),
            pieces: Vec::new(),
            entries: Vec::new(),
            free_tables: Default::default(),
            free_pieces: Vec::new(),
            counts: [0; MAX_LEVELS],
            last: geometry.levels() - 1,
            within: geometry.bits[geometry.levels() - 1].min(PIECE_BITS),
            hints: vec![NO_HINT; FEWEST_HINTS],
        }
    }

    /// A new table of `level` for the pages from `page` on, to which the entry at `parent` is to lead.
    pub fn add(&mut self, process: u32, level: usize, page: u64, parent: Place) -> TableId {
        self.counts[level] += 1;
        if let Some(id) = self.free_tables[level].pop() {
            let table = &mut self.tables[id as usize];
            (table.process, table.page, table.parent) = (process, page, parent);
            return id;
        }
        let first = self.directory.len() as u32;
        self.directory.resize(self.directory.len() + self.cuts[level].pieces as usize, NONE);
        self.tables.push(Table { first, used: 0, level: level as u8, process, page, parent });
        self.tables.len() as u32 - 1
    }

    /// Gives a table back, whose entries have all been cleared.
    pub fn release(&mut self, id: TableId) {
        let table = &self.tables[id as usize];
        assert_eq!(table.used, 0, "a table in use is given back");
        let level = usize::from(table.level);
        self.counts[level] -= 1;
        self.free_tables[level].push(id);
        let first = table.first as usize;
        for at in first..first + self.cuts[level].pieces as usize {
            let piece = std::mem::replace(&mut self.directory[at], NONE);
            if piece != NONE {
                self.free_pieces.push(piece);
                self.unlearn(level, piece);
            }
        }
    }

    /// A piece is no longer where it was remembered.
    fn unlearn(&mut self, level: usize, piece: u32) {
        if level == self.last {
            let (space, page) = self.owner(piece << PIECE_BITS);
            let at = self.hint(space, page >> self.within);
            if self.hints[at].first == piece << PIECE_BITS {
                self.hints[at] = NO_HINT;
            }
        }
    }

    /// Where a piece is remembered.
    fn hint(&self, space: u32, group: u64) -> usize {
        hint(&self.hints, space, group)
    }

    /// The entry that stands for a page of a space, present or not.
    #[inline(always)]
    pub fn leaf(&mut self, space: u32, root: TableId, page: u64) -> Option<Leaf> {
        let place = find(&self.hints, self.within, space, page);
        if place == NONE {
            return self.learn(space, root, page);
        }
        let known = self.entries[place as usize].page != NONE;
        known.then_some(Leaf { place, level: self.last as u32 })
    }

    /// How many entries of a last table lie side by side, at places with the lowest bits of their pages' numbers.
    pub fn neighbours(&self) -> usize {
        1 << self.within
    }

    /// What common accesses need.
    #[inline(always)]
    pub fn near_at_hand(&mut self) -> Near<'_> {
        let Self { cuts, hints, pieces, entries, within, .. } = self;
        Near { entries, hints, pieces, cuts, within: *within }
    }

    /// An entry will be needed soon.
    #[inline(always)]
    pub fn prefetch(&self, place: Place) {
        prefetch_index(&self.entries, place as usize);
    }

    /// All entries, by place.
    #[inline(always)]
    pub fn entries(&mut self) -> &mut [Entry] {
        &mut self.entries
    }

    #[inline(never)]
    fn learn(&mut self, space: u32, root: TableId, page: u64) -> Option<Leaf> {
        let group = page >> self.within;
        let leaf = self.find_leaf(root, page)?;
        if leaf.level as usize == self.last {
            let first = leaf.place >> PIECE_BITS << PIECE_BITS;
            let at = self.hint(space, group);
            self.hints[at] = Hint { group, space, first };
        }
        Some(leaf)
    }

    /// As [`leaf`](Self::leaf), from the root.
    pub fn find_leaf(&self, root: TableId, page: u64) -> Option<Leaf> {
        let mut table = root;
        for level in 0..=self.last {
            let place = self.place(table, self.index(level, page))?;
            let entry = self.get(place);
            if entry.is_empty() {
                return None;
            }
            if entry.page != NONE {
                return Some(Leaf { place, level: level as u32 });
            }
            table = entry.target;
        }
        None
    }

    /// The last table there is on the way to a page.
    pub fn deepest(&self, root: TableId, page: u64) -> TableId {
        let mut table = root;
        for level in 0..self.last {
            let entry = self.place(table, self.index(level, page)).map_or(Entry::EMPTY, |it| self.get(it));
            if entry.is_empty() || entry.page != NONE {
                break;
            }
            table = entry.target;
        }
        table
    }

    /// The entry that leads to a table.
    #[inline]
    pub fn parent(&self, id: TableId) -> Place {
        self.tables[id as usize].parent
    }

    /// The table an entry lies in.
    #[inline]
    pub fn table_of(&self, place: Place) -> TableId {
        self.pieces[(place >> PIECE_BITS) as usize].table
    }

    /// The level of a table.
    #[inline]
    pub fn table_level(&self, id: TableId) -> usize {
        usize::from(self.tables[id as usize].level)
    }

    /// The index into a table of `level`.
    #[inline]
    pub fn index(&self, level: usize, page: u64) -> u32 {
        let cut = self.cuts[level];
        (page >> cut.shift) as u32 & cut.mask
    }

    /// How many small pages an entry of `level` stands for, as a power of two.
    #[inline]
    pub fn shift(&self, level: usize) -> u8 {
        self.cuts[level].shift
    }

    /// Where the entry of `index` lies; `None` if nothing near it was ever written.
    #[inline]
    pub fn place(&self, id: TableId, index: u32) -> Option<Place> {
        let piece = self.directory[(self.tables[id as usize].first + (index >> PIECE_BITS)) as usize];
        (piece != NONE).then(|| (piece << PIECE_BITS) + (index & (PIECE as u32 - 1)))
    }

    /// Where the entry of `index` lies, with room made for it.
    pub fn make(&mut self, id: TableId, index: u32) -> Place {
        if let Some(place) = self.place(id, index) {
            return place;
        }
        let number = index >> PIECE_BITS;
        let piece = self.free_pieces.pop().unwrap_or_else(|| {
            self.pieces.push(Piece { table: NONE, number: 0, parent: NONE });
            self.entries.resize(self.entries.len() + PIECE, Entry::EMPTY);
            self.pieces.len() as u32 - 1
        });
        if self.pieces.len() > self.hints.len() && self.hints.len() < MOST_HINTS {
            self.hints = vec![NO_HINT; 2 * self.hints.len()];
        }
        self.pieces[piece as usize] = Piece { table: id, number, parent: self.tables[id as usize].parent };
        self.directory[(self.tables[id as usize].first + number) as usize] = piece;
        (piece << PIECE_BITS) + (index & (PIECE as u32 - 1))
    }

    /// An entry.
    #[inline]
    pub fn get(&self, place: Place) -> Entry {
        self.entries[place as usize]
    }

    /// Changes an entry that is not empty and does not become so.
    #[inline]
    pub fn at(&mut self, place: Place) -> &mut Entry {
        &mut self.entries[place as usize]
    }

    /// Writes an entry; a table keeps count of those that are not empty.
    pub fn set(&mut self, place: Place, entry: Entry) {
        let before = std::mem::replace(&mut self.entries[place as usize], entry);
        let table = &mut self.tables[self.pieces[(place >> PIECE_BITS) as usize].table as usize];
        table.used = table.used + u32::from(!entry.is_empty()) - u32::from(!before.is_empty());
    }

    /// The address space an entry belongs to, and the first page it stands for.
    #[inline]
    pub fn owner(&self, place: Place) -> (u32, u64) {
        let piece = self.pieces[(place >> PIECE_BITS) as usize];
        let table = &self.tables[piece.table as usize];
        let index = u64::from((piece.number << PIECE_BITS) + (place & (PIECE as u32 - 1)));
        (table.process, table.page + (index << self.cuts[usize::from(table.level)].shift))
    }

    /// The level of the table an entry lies in.
    pub fn level(&self, place: Place) -> usize {
        usize::from(self.tables[self.pieces[(place >> PIECE_BITS) as usize].table as usize].level)
    }

    /// The places of a table's entries that are not empty, in order.
    pub fn used(&self, id: TableId) -> Vec<Place> {
        let table = &self.tables[id as usize];
        let pieces = self.cuts[usize::from(table.level)].pieces;
        let found = self.directory[table.first as usize..(table.first + pieces) as usize].iter();
        let places =
            found.filter(|it| **it != NONE).flat_map(|it| (it << PIECE_BITS)..(it + 1) << PIECE_BITS);
        places.filter(|it| !self.get(*it).is_empty()).collect()
    }

    /// Whether a table has no entry in use.
    pub fn vacant(&self, id: TableId) -> bool {
        self.tables[id as usize].used == 0
    }

    /// How many tables there have been at once.
    pub fn most(&self) -> usize {
        self.tables.len()
    }

    /// Tables in use, by level.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// What all tables take.
    pub fn bytes(&self) -> u64 {
        self.counts.iter().zip(self.sizes).map(|(count, size)| count * size).sum()
    }

    /// The tables of one address space, by level: from `root` down.
    pub fn tree(&self, root: TableId, counts: &mut [u64; MAX_LEVELS]) {
        let level = usize::from(self.tables[root as usize].level);
        counts[level] += 1;
        for place in self.used(root) {
            let entry = self.get(place);
            if entry.page == NONE && entry.has(flag::PRESENT) && !entry.has(flag::HUGE) {
                self.tree(entry.target, counts);
            }
        }
    }
}

/// Where a piece is remembered.
#[inline(always)]
fn hint(hints: &[Hint], space: u32, group: u64) -> usize {
    // Programs put their parts at round addresses: higher bits are mixed in.
    (group as usize ^ (group >> 9) as usize ^ (space as usize).wrapping_mul(0x9e5)) & (hints.len() - 1)
}

/// Where the entry of a small page lies, if its piece is remembered; [`NONE`] otherwise.
#[inline(always)]
fn find(hints: &[Hint], within: u8, space: u32, page: u64) -> Place {
    let group = page >> within;
    let found = hints[hint(hints, space, group)];
    let place = found.first.wrapping_add(page as u32 & ((1 << within) - 1));
    if found.group == group && found.space == space { place } else { NONE }
}

/// The tables, as common accesses see them: entries, and where those of small pages lie.
pub struct Near<'a> {
    /// All entries, by place.
    pub entries: &'a mut [Entry],
    hints: &'a [Hint],
    pieces: &'a [Piece],
    cuts: &'a [Cut],
    within: u8,
}

impl Near<'_> {
    /// Where the entry of a small page lies, if it is near at hand, which not every one is; [`NONE`] otherwise.
    #[inline(always)]
    pub fn find(&self, space: u32, page: u64) -> Place {
        find(self.hints, self.within, space, page)
    }

    /// An entry will be needed soon.
    #[inline(always)]
    pub fn prefetch(&self, place: Place) {
        prefetch_index(&*self.entries, place as usize);
    }

    /// The entry that leads to the table an entry lies in.
    #[inline(always)]
    pub fn above(&self, place: Place) -> Place {
        self.pieces[(place >> PIECE_BITS) as usize].parent
    }

    /// As [`Tables::shift`].
    #[inline(always)]
    pub fn shift(&self, level: usize) -> u8 {
        self.cuts[level].shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_where_they_were_put_and_know_their_page() {
        let geometry = Geometry::new(vec![3, 9], 12, 24).unwrap();
        let mut tables = Tables::new(&geometry);
        let root = tables.add(0, 0, 0, NONE);
        let below = tables.add(7, 1, 5 << 9, NONE);
        assert_eq!(tables.place(below, 300), None);
        let place = tables.make(below, 300);
        tables.set(place, Entry { target: 4, page: 9, flags: flag::PRESENT, ways: [0; 3] });
        assert_eq!((tables.place(below, 300), tables.owner(place)), (Some(place), (7, (5 << 9) + 300)));
        let upper = tables.make(root, 5);
        assert_eq!(tables.owner(upper), (0, 5 << 9));
        assert_eq!(
            (tables.used(below), tables.vacant(below), tables.vacant(root)),
            (vec![place], false, true)
        );
        assert_eq!(tables.bytes(), 8 * 4 + 512 * 4);
        tables.set(place, Entry::EMPTY);
        tables.release(below);
        assert_eq!(tables.bytes(), 8 * 4);
        let again = tables.add(1, 1, 0, NONE);
        assert_eq!((again, tables.place(again, 300)), (below, None));
    }
}
