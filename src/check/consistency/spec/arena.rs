//! Collections as numbers: equal contents, equal number; a change makes a new one that shares the rest.
use std::ops::Range;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

/// The empty list in every [`Lists`].
pub const EMPTY: u32 = 0;

#[derive(Clone, Copy)]
struct Node {
    /// All but the last item.
    start: u32,
    last: u32,
    first: u32,
    length: u32,
}

/// Lists of numbers, as the nodes of a tree: a list is its longest proper beginning and its last item.
pub struct Lists {
    nodes: Vec<Node>,
    longer: IndexMap<(u32, u32), u32, FxBuildHasher>,
    /// Of each list, the list without its first item, once it was asked for.
    tails: IndexMap<u32, u32, FxBuildHasher>,
}

impl Default for Lists {
    fn default() -> Self {
        let empty = Node { start: EMPTY, last: 0, first: 0, length: 0 };
        Self { nodes: vec![empty], longer: IndexMap::default(), tails: IndexMap::default() }
    }
}

impl Lists {
    /// `list` with `item` at its end. O(1).
    pub fn push(&mut self, list: u32, item: u32) -> u32 {
        let next = self.nodes.len() as u32;
        let number = *self.longer.entry((list, item)).or_insert(next);
        if number == next {
            let Node { first, length, .. } = self.nodes[list as usize];
            let first = if list == EMPTY { item } else { first };
            self.nodes.push(Node { start: list, last: item, first, length: length + 1 });
        }
        number
    }

    /// `list` without its last item, and that item; none if it is empty. O(1).
    pub fn pop(&self, list: u32) -> Option<(u32, u32)> {
        let Node { start, last, .. } = self.nodes[list as usize];
        (list != EMPTY).then_some((start, last))
    }

    /// `list` without its first item, and that item; none if it is empty.
    ///
    /// O(length) for the first of the lists that grew out of each other, O(1) for those that follow.
    pub fn shift(&mut self, list: u32) -> Option<(u32, u32)> {
        if list == EMPTY {
            return None;
        }
        let mut path = vec![];
        let mut at = list;
        let mut tail = loop {
            if let Some(tail) = self.tails.get(&at) {
                break *tail;
            }
            let Node { start, last, length, .. } = self.nodes[at as usize];
            if length == 1 {
                self.tails.insert(at, EMPTY);
                break EMPTY;
            }
            path.push((at, last));
            at = start;
        };
        for (longer, item) in path.into_iter().rev() {
            tail = self.push(tail, item);
            self.tails.insert(longer, tail);
        }
        Some((tail, self.nodes[list as usize].first))
    }

    /// All its items.
    pub fn items(&self, mut list: u32) -> Vec<u32> {
        let mut items = vec![];
        while let Some((start, item)) = self.pop(list) {
            items.push(item);
            list = start;
        }
        items.reverse();
        items
    }
}

/// Arrays of one length whose cells hold numbers, 0 at first, as binary trees that share equal branches.
pub struct Arrays {
    height: u32,
    nodes: Vec<(u32, u32)>,
    known: IndexMap<(u32, u32), u32, FxBuildHasher>,
}

impl Arrays {
    /// Arrays of at least this length; all zeros is number 0.
    pub fn new(length: usize) -> Self {
        let height = usize::BITS - length.saturating_sub(1).leading_zeros();
        Self { height, nodes: vec![(0, 0)], known: IndexMap::from_iter([((0, 0), 0)]) }
    }

    /// How much memory they take, about.
    pub fn bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<(u32, u32)>() + 64 * self.known.capacity()
    }

    /// A cell. O(log length).
    pub fn get(&self, array: u32, index: usize) -> u32 {
        let mut node = array;
        for level in (0..self.height).rev() {
            let (left, right) = self.nodes[node as usize];
            node = if index >> level & 1 == 0 { left } else { right };
        }
        node
    }

    /// The array with one cell changed. O(log length).
    pub fn set(&mut self, array: u32, index: usize, value: u32) -> u32 {
        self.set_below(array, self.height, index, value)
    }

    /// Whether two arrays hold the same in all cells of a range. O(log length).
    pub fn agree(&self, one: u32, other: u32, range: &Range<usize>) -> bool {
        self.agree_below((one, other), self.height, 0, range)
    }

    /// The same for branches that begin at `start`. Equal branches are one number, so no more than the two
    /// edges of the range are descended to.
    fn agree_below(&self, pair: (u32, u32), height: u32, start: usize, range: &Range<usize>) -> bool {
        let (one, other) = pair;
        let end = start + (1 << height);
        if one == other || end <= range.start || range.end <= start {
            return true;
        }
        if height == 0 || range.start <= start && end <= range.end {
            return false;
        }
        let (one, other) = (self.nodes[one as usize], self.nodes[other as usize]);
        self.agree_below((one.0, other.0), height - 1, start, range)
            && self.agree_below((one.1, other.1), height - 1, start + (1 << (height - 1)), range)
    }

    fn set_below(&mut self, node: u32, height: u32, index: usize, value: u32) -> u32 {
        if height == 0 {
            return value;
        }
        let (left, right) = self.nodes[node as usize];
        let pair = if index >> (height - 1) & 1 == 0 {
            (self.set_below(left, height - 1, index, value), right)
        } else {
            (left, self.set_below(right, height - 1, index, value))
        };
        let next = self.nodes.len() as u32;
        let number = *self.known.entry(pair).or_insert(next);
        if number == next {
            self.nodes.push(pair);
        }
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_with_equal_items_are_one_number_however_they_came_about() {
        let mut lists = Lists::default();
        let make = |lists: &mut Lists, items: &[u32]| items.iter().fold(EMPTY, |it, x| lists.push(it, *x));
        let long = make(&mut lists, &[7, 8, 9, 7]);
        let short = make(&mut lists, &[8, 9, 7]);
        assert_eq!(lists.shift(long), Some((short, 7)));
        assert_eq!(lists.pop(long).unwrap(), (make(&mut lists, &[7, 8, 9]), 7));
        assert_eq!(lists.items(short), [8, 9, 7]);
        let longer = lists.push(long, 1);
        assert_eq!(lists.shift(longer).unwrap().0, make(&mut lists, &[8, 9, 7, 1]));
        assert_eq!((lists.shift(EMPTY), lists.pop(EMPTY)), (None, None));
    }

    #[test]
    fn arrays_with_equal_cells_are_one_number() {
        for length in [0, 1, 2, 3, 8, 9] {
            let mut arrays = Arrays::new(length);
            let mut plain = vec![0; length];
            let mut array = 0;
            for step in 0..5 * length {
                let (index, value) = (step * 7 % length, (step % 3) as u32);
                array = arrays.set(array, index, value);
                plain[index] = value;
                let again = (0..length).rev().fold(0, |it, i| arrays.set(it, i, plain[i]));
                assert_eq!(again, array);
                assert!((0..length).all(|i| arrays.get(array, i) == plain[i]));
            }
        }
    }

    #[test]
    fn arrays_agree_in_a_range_if_all_its_cells_do() {
        let mut arrays = Arrays::new(6);
        let make = |arrays: &mut Arrays, bits: u32| (0..6).fold(0, |it, i| arrays.set(it, i, bits >> i & 1));
        for (one, other) in (0..64).flat_map(|one| (0..64).map(move |other| (one, other))) {
            let (left, right) = (make(&mut arrays, one), make(&mut arrays, other));
            for (start, end) in (0..7).flat_map(|start| (0..7).map(move |end| (start, end))) {
                let want = (start..end).all(|i| one >> i & 1 == other >> i & 1);
                assert_eq!(arrays.agree(left, right, &(start..end)), want, "{one} {other} {start}..{end}");
            }
        }
    }
}
