//! Parts of histories: what a counterexample is cut out with.
use super::{Access, Accesses, History, Kind};
use crate::sim::Outcome;

impl History {
    /// The operations of these rows, in that order, as a history of its own. It shares the names.
    pub fn select(&self, rows: &[u32]) -> Self {
        self.map_accesses(rows, |index, accesses| Some(self.copy_list(index, accesses)))
    }

    /// The operations of these rows with those of their accesses that are wanted, given by index into `accesses`.
    pub fn select_accesses(&self, rows: &[u32], wanted: impl Fn(usize) -> bool) -> Self {
        self.map_accesses(rows, |index, accesses| wanted(index).then(|| self.copy_list(index, accesses)))
    }

    /// The operations of these rows with what `keep` makes of each of their accesses, given by index into
    /// `accesses`; a list that the copy needs goes into the accesses it is handed.
    pub fn map_accesses(
        &self,
        rows: &[u32],
        mut keep: impl FnMut(usize, &mut Accesses) -> Option<Access>,
    ) -> Self {
        let mut accesses = Accesses::default();
        for row in rows {
            for index in self.accesses.range(*row as usize) {
                if let Some(access) = keep(index, &mut accesses) {
                    accesses.push(self.accesses.key[index], access);
                }
            }
            accesses.end();
        }
        let pick = |column: &[u32]| rows.iter().map(|row| column[*row as usize]).collect();
        Self {
            process: pick(&self.process),
            kind: rows.iter().map(|row| self.kind[*row as usize]).collect(),
            key: pick(&self.key),
            argument: pick(&self.argument),
            result: pick(&self.result),
            status: rows.iter().map(|row| self.status[*row as usize]).collect(),
            invoked: rows.iter().map(|row| self.invoked[*row as usize]).collect(),
            completed: rows.iter().map(|row| self.completed[*row as usize]).collect(),
            accesses,
            initial: self.initial,
            names: self.names.clone(),
        }
    }

    fn copy_list(&self, index: usize, into: &mut Accesses) -> Access {
        match self.accesses.access[index] {
            Access::ReadList(list) => {
                Access::ReadList(into.add_list(self.accesses.list(list).iter().copied()))
            }
            other => other,
        }
    }

    /// The same history with every plain read and write as a transaction of one access.
    pub fn as_transactions(&self) -> Self {
        let mut history = self.clone();
        let mut accesses = Accesses::default();
        for row in 0..self.len() {
            match self.kind[row] {
                Kind::READ => accesses.push(self.key[row], self.plain_read(row)),
                Kind::WRITE => accesses.push(self.key[row], Access::Write(self.argument[row])),
                _ => {
                    for index in self.accesses.range(row) {
                        let access = self.copy_list(index, &mut accesses);
                        accesses.push(self.accesses.key[index], access);
                    }
                }
            }
            if matches!(self.kind[row], Kind::READ | Kind::WRITE) {
                history.kind[row] = Kind::TXN;
            }
            accesses.end();
        }
        history.accesses = accesses;
        history
    }

    fn plain_read(&self, row: usize) -> Access {
        match self.status[row] {
            Outcome::Ok => Access::Read(self.result[row]),
            _ => Access::ReadUnknown,
        }
    }
}
