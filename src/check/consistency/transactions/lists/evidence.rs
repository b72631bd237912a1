//! Which operations, and which of their accesses, a flaw speaks of.
use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use crate::check::consistency::Flaw;
use crate::check::consistency::history::{Access, History};

/// Rows and accesses, each once, the first mentioned first.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    rows: IndexSet<u32, FxBuildHasher>,
    accesses: IndexSet<u32, FxBuildHasher>,
}

impl Evidence {
    /// An operation, whatever it accessed.
    pub(super) fn row(&mut self, row: u32) {
        self.rows.insert(row);
    }

    /// An access of an operation.
    pub(super) fn access(&mut self, row: u32, access: u32) {
        self.rows.insert(row);
        self.accesses.insert(access);
    }

    /// All writes of an operation to a key.
    pub(super) fn writes(&mut self, history: &History, row: u32, key: u32) {
        for access in history.accesses.range(row as usize) {
            let written = matches!(history.accesses.access[access], Access::Append(_) | Access::Write(_));
            if written && history.accesses.key[access] == key {
                self.access(row, access as u32);
            }
        }
    }

    /// All that is mentioned here, as part of a flaw.
    pub(super) fn into_flaw(self, anomaly: &str, reason: String) -> Flaw {
        let mut accesses: Vec<u32> = self.accesses.into_iter().collect();
        accesses.sort_unstable();
        Flaw {
            anomaly: anomaly.to_owned(),
            reason,
            culprits: self.rows.into_iter().collect(),
            accesses,
            ..Flaw::default()
        }
    }
}

/// A list in words: its end, if it is long.
pub(super) fn show_list(history: &History, list: &[u32]) -> String {
    const SHOWN: usize = 4;
    let skipped = list.len().saturating_sub(SHOWN);
    let shown: Vec<String> = list[skipped..].iter().map(|it| history.show(*it)).collect();
    format!("[{}{}]", if skipped > 0 { "…, " } else { "" }, shown.join(", "))
}
