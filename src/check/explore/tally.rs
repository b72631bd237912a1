//! Counting what was done.
use super::model::Model;

/// Numbers that add up over parts of an exploration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) generated: u64,
    pub(super) terminal: u64,
    /// By kind of action: how often it was taken, and how often it led to a new state.
    kinds: Vec<(u64, u64)>,
}

impl Tally {
    #[inline]
    fn of(&mut self, kind: u32) -> &mut (u64, u64) {
        let kind = kind as usize;
        if kind >= self.kinds.len() {
            self.kinds.resize(kind + 1, (0, 0));
        }
        &mut self.kinds[kind]
    }

    /// An action of this kind led to a state.
    #[inline]
    pub(super) fn take(&mut self, kind: u32) {
        self.generated += 1;
        self.of(kind).0 += 1;
    }

    /// It did not count after all.
    pub(super) fn take_back(&mut self, kind: u32) {
        self.generated -= 1;
        self.of(kind).0 -= 1;
    }

    /// The state was new.
    #[inline]
    pub(super) fn discover(&mut self, kind: u32) {
        self.of(kind).1 += 1;
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.generated += other.generated;
        self.terminal += other.terminal;
        for (kind, counts) in other.kinds.iter().enumerate() {
            let ours = self.of(kind as u32);
            ours.0 += counts.0;
            ours.1 += counts.1;
        }
    }

    pub(super) fn clear(&mut self) {
        (self.generated, self.terminal) = (0, 0);
        self.kinds.fill((0, 0));
    }

    /// The kinds of actions that were taken, by name: a model may number kinds as it meets them, and threads meet
    /// them in any order.
    pub(super) fn coverage<M: Model>(&self, model: &M) -> Vec<(String, u64, u64)> {
        let taken = self.kinds.iter().enumerate().filter(|(_, (taken, _))| *taken > 0);
        let mut coverage: Vec<_> =
            taken.map(|(kind, (taken, new))| (model.kind_name(kind as u32), *taken, *new)).collect();
        coverage.sort_unstable();
        coverage
    }
}
