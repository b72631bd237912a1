//! The kinds of operations, by name.
use std::fmt;
use std::sync::Arc;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

/// What kind an operation is: a number into a [`Kinds`] table, in which the kinds below always come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Kind(pub u16);

/// The names of the known kinds, in the order of their numbers, each with the other words for it.
const KNOWN: [(&str, &[&str]); 24] = [
    ("read", &["r", "R", "get"]),
    ("write", &["w", "W", "put", "set"]),
    ("cas", &["CAS", "compare_and_set", "compare-and-set"]),
    ("append", &[]),
    ("delete", &[]),
    ("add", &[]),
    ("remove", &[]),
    ("contains", &[]),
    ("increment", &["inc"]),
    ("decrement", &["dec"]),
    ("enqueue", &["enq"]),
    ("dequeue", &["deq"]),
    ("push", &[]),
    ("pop", &[]),
    ("acquire", &["lock", "L", "acq"]),
    ("release", &["unlock", "U", "rel"]),
    ("transfer", &[]),
    ("deposit", &[]),
    ("withdraw", &[]),
    ("txn", &["T", "transaction"]),
    ("scan", &[]),
    ("swap", &["rmw", "read_modify_write"]),
    ("holder", &[]),
    ("peek", &[]),
];

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal),* $(,)?) => {
        impl Kind {
            $($(#[$doc])* pub const $name: Self = Self($number);)*
        }
    };
}

kinds! {
    /// Reads a value.
    READ = 0,
    /// Overwrites a value.
    WRITE = 1,
    /// Overwrites a value if it is the expected one.
    CAS = 2,
    /// Puts an element at the end of a list (or text).
    APPEND = 3,
    /// Makes a key null.
    DELETE = 4,
    /// Puts an element into a set, or a number onto a counter.
    ADD = 5,
    /// Takes an element out of a set.
    REMOVE = 6,
    /// Asks whether an element is in a set.
    CONTAINS = 7,
    /// Makes a counter larger (by one, unless said).
    INCREMENT = 8,
    /// Makes a counter smaller (by one, unless said).
    DECREMENT = 9,
    /// Puts an element at the end of a queue.
    ENQUEUE = 10,
    /// Takes the first element of a queue; null from an empty one.
    DEQUEUE = 11,
    /// Puts an element on a stack.
    PUSH = 12,
    /// Takes the top element of a stack; null from an empty one.
    POP = 13,
    /// Takes a lock.
    ACQUIRE = 14,
    /// Gives a lock back.
    RELEASE = 15,
    /// Moves an amount between accounts.
    TRANSFER = 16,
    /// Puts an amount into an account.
    DEPOSIT = 17,
    /// Takes an amount out of an account.
    WITHDRAW = 18,
    /// Several accesses as one.
    TXN = 19,
    /// Reads some keys in order.
    SCAN = 20,
    /// Overwrites a value and returns the old one.
    SWAP = 21,
    /// Reads who holds a lock.
    HOLDER = 22,
    /// Reads the first element of a queue; null of an empty one.
    PEEK = 23,
}

/// Names for kinds: the known ones, then those that only a user's specification knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kinds {
    names: IndexSet<Arc<str>, FxBuildHasher>,
}

impl Default for Kinds {
    fn default() -> Self {
        Self { names: KNOWN.iter().map(|(name, _)| Arc::from(*name)).collect() }
    }
}

impl Kinds {
    /// The kind of this name, or of a name that means the same (`get` is `read`); a new one if it is new.
    pub fn intern(&mut self, name: &str) -> Kind {
        let known = KNOWN.iter().position(|(known, others)| *known == name || others.contains(&name));
        let index = known.or_else(|| self.names.get_index_of(name)).unwrap_or_else(|| {
            self.names.insert(name.into());
            self.names.len() - 1
        });
        Kind(index as u16)
    }

    /// The kind of exactly this name, whatever other words mean the same: for objects that tell them apart.
    pub fn intern_exactly(&mut self, name: &str) -> Kind {
        Kind(self.names.insert_full(name.into()).0 as u16)
    }

    /// The name of a kind.
    pub fn name(&self, kind: Kind) -> &Arc<str> {
        &self.names[kind.0 as usize]
    }

    /// All names, in the order of their numbers.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.names.iter()
    }
}

impl Kind {
    /// Whether this is one of the kinds that every table knows.
    pub fn is_known(self) -> bool {
        (self.0 as usize) < KNOWN.len()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match KNOWN.get(self.0 as usize) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "kind {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_words_mean_the_same_kind_and_new_words_a_new_one() {
        let mut kinds = Kinds::default();
        assert_eq!(kinds.intern("get"), Kind::READ);
        assert_eq!(kinds.intern("W"), Kind::WRITE);
        assert_eq!(kinds.intern("swap"), Kind::SWAP);
        assert_ne!(kinds.intern_exactly("get"), Kind::READ);
        assert_eq!(kinds.intern_exactly("read"), Kind::READ);
        let own = kinds.intern("frobnicate");
        assert!(!own.is_known());
        assert_eq!(kinds.intern("frobnicate"), own);
        assert_eq!(&**kinds.name(own), "frobnicate");
    }
}
