//! A set-associative cache of values under keys, for what is not found by the entry it stands for.
use super::ways::{Shape, Ways};

/// A cache of values under keys.
#[derive(Clone, Debug)]
pub struct Sets<V> {
    ways: Ways,
    held: Vec<Option<(u64, V)>>,
}

impl<V: Copy> Sets<V> {
    /// An empty cache; draws of different caches of one seed differ by `stream`.
    pub fn new(shape: Shape, seed: u64, stream: u32) -> Self {
        Self { ways: Ways::new(shape, seed, stream), held: vec![None; shape.entries as usize] }
    }

    /// What is held under `key`; using it counts.
    pub fn get(&mut self, number: u64, key: u64) -> Option<V> {
        let (set, first) = self.ways.set(number);
        let held = &self.held[first..first + self.ways.count()];
        let (way, value) = held
            .iter()
            .enumerate()
            .find_map(|(way, it)| it.filter(|(held, _)| *held == key).map(|(_, value)| (way, value)))?;
        self.ways.used(set, way);
        Some(value)
    }

    /// Puts in what is not held yet.
    pub fn fill(&mut self, number: u64, key: u64, value: V) {
        let (set, first) = self.ways.set(number);
        let held = &self.held;
        let way = self.ways.fill(set, |ways| held[first..first + ways].iter().position(Option::is_none));
        self.held[first + way] = Some((key, value));
    }
}

#[cfg(test)]
mod tests {
    use super::super::ways::Eviction;
    use super::*;

    fn cache(entries: u32, ways: u32, policy: Eviction) -> Sets<u32> {
        let shape = Shape { entries, ways, policy };
        shape.check().unwrap();
        Sets::new(shape, 7, 0)
    }

    fn peek(cache: &Sets<u32>, key: u64) -> Option<u32> {
        cache.clone().get(0, key)
    }

    /// How often keys that all belong to set 0 are found.
    fn hits(cache: &mut Sets<u32>, keys: &[u64]) -> Vec<bool> {
        let mut access = |key: u64| {
            let hit = cache.get(0, key).is_some();
            if !hit {
                cache.fill(0, key, key as u32);
            }
            hit
        };
        keys.iter().map(|it| access(*it)).collect()
    }

    #[test]
    fn least_recent_goes_first_with_lru_and_oldest_with_fifo() {
        let keys = [1, 2, 1, 3, 1, 2];
        let lru = hits(&mut cache(2, 2, Eviction::Lru), &keys);
        assert_eq!(lru, [false, false, true, false, true, false]);
        let fifo = hits(&mut cache(2, 2, Eviction::Fifo), &keys);
        assert_eq!(fifo, [false, false, true, false, false, false]);
    }

    #[test]
    fn tree_evicts_what_its_bits_point_to() {
        let mut tree = cache(4, 4, Eviction::TreePlru);
        hits(&mut tree, &[0, 1, 2, 3]);
        // After 0 the root points right, where 2 is the side not used last.
        hits(&mut tree, &[0, 9]);
        assert!(peek(&tree, 2).is_none() && peek(&tree, 1).is_some());
        // Now 9 was last on the right and 0 on the left: next go 1, then 3.
        hits(&mut tree, &[8, 7]);
        assert!(peek(&tree, 1).is_none() && peek(&tree, 3).is_none() && peek(&tree, 0).is_some());
    }

    #[test]
    fn every_way_of_a_random_set_is_evicted_some_time() {
        let mut random = cache(8, 4, Eviction::Random);
        hits(&mut random, &[0, 2, 4, 6]);
        let mut evicted = [false; 4];
        for key in (8..200).step_by(2) {
            let before: Vec<bool> = [0, 2, 4, 6].iter().map(|it| peek(&random, *it).is_some()).collect();
            random.fill(0, key, 0);
            for (way, was) in before.into_iter().enumerate() {
                evicted[way] |= was && peek(&random, 2 * way as u64).is_none();
            }
        }
        assert_eq!(evicted, [true; 4]);
    }

    #[test]
    fn wide_sets_find_keys_in_every_way() {
        let mut wide = cache(100, 100, Eviction::Lru);
        let keys: Vec<u64> = (0..100).collect();
        assert!(hits(&mut wide, &keys).iter().all(|it| !it) && hits(&mut wide, &keys).iter().all(|it| *it));
        assert_eq!(hits(&mut wide, &[100, 1, 0]), [false, true, false]);
    }
}
