//! Values by number.
use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use crate::sim::Value;

/// The number of [`Value::Null`] in every table.
pub const NULL: u32 = 0;

/// Values, each once, by number; number 0 is null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    values: IndexSet<Value, FxBuildHasher>,
}

impl Default for Table {
    fn default() -> Self {
        Self { values: IndexSet::from_iter([Value::Null]) }
    }
}

impl Table {
    /// The number of a value, a new one if it is new.
    pub fn intern(&mut self, value: Value) -> u32 {
        self.values.insert_full(value).0 as u32
    }

    /// The number of a value, if it has one.
    pub fn number(&self, value: &Value) -> Option<u32> {
        self.values.get_index_of(value).map(|it| it as u32)
    }

    /// The value of a number.
    pub fn value(&self, number: u32) -> &Value {
        &self.values[number as usize]
    }

    /// How many there are, null included.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Never: there is null.
    pub fn is_empty(&self) -> bool {
        false
    }
}
