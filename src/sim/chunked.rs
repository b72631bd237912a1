//! A list that is cheap to copy however long it is.
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

/// How many items share one allocation: a copy costs a reference count for each so many, and the first write
/// to a copy's end costs so many copies of an item.
const CHUNK: usize = 256;

/// A list in chunks, all full but the last. Copies share their chunks until one of them writes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(from = "Vec<T>", bound(deserialize = "T: Clone + Deserialize<'de>"))]
pub struct Chunked<T> {
    chunks: Vec<Arc<Vec<T>>>,
}

impl<T> Default for Chunked<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T: Clone> Chunked<T> {
    /// How many items there are.
    pub fn len(&self) -> usize {
        self.chunks.split_last().map_or(0, |(tail, full)| full.len() * CHUNK + tail.len())
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }
    /// The item at `index`, counted from 0.
    pub fn get(&self, index: usize) -> Option<&T> {
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }
    /// The last item.
    pub fn last(&self) -> Option<&T> {
        self.chunks.last()?.last()
    }
    /// The item at `index`, to be changed.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        Arc::make_mut(self.chunks.get_mut(index / CHUNK)?).get_mut(index % CHUNK)
    }
    /// Puts `item` at the end.
    pub fn push(&mut self, item: T) {
        match self.chunks.last_mut() {
            Some(tail) if tail.len() < CHUNK => Arc::make_mut(tail).push(item),
            _ => self.chunks.push(Arc::new(vec![item])),
        }
    }
    /// Forgets everything from `len` on.
    pub fn truncate(&mut self, len: usize) {
        self.chunks.truncate(len.div_ceil(CHUNK));
        let Some((tail, full)) = self.chunks.split_last_mut() else { return };
        let keep = len - full.len() * CHUNK;
        if keep < tail.len() {
            Arc::make_mut(tail).truncate(keep);
        }
    }
    /// All items.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.iter_from(0)
    }
    /// The items from `index` on.
    pub fn iter_from(&self, index: usize) -> impl Iterator<Item = &T> {
        self.chunks.iter().skip(index / CHUNK).flat_map(|chunk| chunk.iter()).skip(index % CHUNK)
    }
}

impl<T: Clone> From<Vec<T>> for Chunked<T> {
    fn from(items: Vec<T>) -> Self {
        Self { chunks: items.chunks(CHUNK).map(|chunk| Arc::new(chunk.to_vec())).collect() }
    }
}

impl<T: Clone + Serialize> Serialize for Chunked<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A length known beforehand, which formats that do not describe themselves insist on.
        use serde::ser::SerializeSeq;
        let mut list = serializer.serialize_seq(Some(self.len()))?;
        for item in self.iter_from(0) {
            list.serialize_element(item)?;
        }
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever is done to it, it is the list that `Vec` would be, and equal lists are equal.
        #[test]
        fn behaves_like_a_vec(steps in prop::collection::vec((0u8..4, 0usize..700), 1..40)) {
            let (mut chunked, mut plain, mut copies) = (Chunked::default(), Vec::new(), Vec::new());
            for (step, number) in steps {
                match step {
                    0 => (0..number).for_each(|it| { chunked.push(it); plain.push(it); }),
                    1 => { chunked.truncate(number); plain.truncate(number); }
                    2 => copies.push((chunked.clone(), plain.clone())),
                    _ => if let Some(item) = chunked.get_mut(number) { *item += 1; plain[number] += 1; },
                }
                prop_assert_eq!(chunked.len(), plain.len());
                prop_assert_eq!(chunked.last(), plain.last());
                prop_assert_eq!(chunked.get(number), plain.get(number));
                prop_assert!(chunked.iter_from(number).eq(plain.iter().skip(number)));
                prop_assert_eq!(&chunked, &Chunked::from(plain.clone()));
            }
            for (chunked, plain) in copies {
                prop_assert!(chunked.iter_from(0).eq(&plain));
            }
        }
    }
}
