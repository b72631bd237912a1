//! Registers of which the order of the versions is given.
use super::evidence::Evidence;
use super::infer::Problem;
use super::versions::{Found, NOWHERE, UNREAD};
use crate::check::consistency::Error;
use crate::check::consistency::history::{Access, History, NULL};
use crate::sim::Outcome;

/// One key that holds a register.
pub(super) struct Register<'a> {
    pub history: &'a History,
    pub rows: &'a [u32],
    pub key: u32,
    /// All accesses of the key.
    pub members: &'a [u32],
    /// Its values in their order, if it is known.
    pub order: &'a [u32],
    /// Of each value, 1 + its write; 0 if it was not written.
    pub slots: &'a mut [u32],
}

/// A write that may have taken effect.
#[derive(Clone, Copy)]
struct Write {
    value: u32,
    access: u32,
    row: u32,
    is_last: bool,
    /// The version that it is, [`UNREAD`], or [`NOWHERE`] if its transaction wrote the key again.
    version: u32,
}

impl Register<'_> {
    /// Finds the versions, and which of them are read and written. O(accesses + values).
    pub(super) fn infer(&mut self, found: &mut Found) -> Result<(), Problem> {
        let mut writes = self.writes().map_err(Problem::Bad)?;
        self.arrange(&mut writes, &mut found.chain)?;
        found.chain_ends.push(found.chain.len() as u32);
        for write in writes.iter().filter(|it| it.is_last) {
            found.places.push((write.access, write.version));
            if write.version == UNREAD {
                found.unread.push(write.row);
            }
        }
        found.unread_ends.push(found.unread.len() as u32);
        self.place_reads(&writes, found)?;
        writes.iter().for_each(|it| self.slots[it.value as usize] = 0);
        Ok(())
    }

    fn writes(&mut self) -> Result<Vec<Write>, Error> {
        let mut writes: Vec<Write> = vec![];
        for access in self.members {
            let row = self.rows[*access as usize];
            let Access::Write(value) = self.history.accesses.access[*access as usize] else { continue };
            if self.history.status[row as usize] == Outcome::Fail {
                continue;
            }
            if self.slots[value as usize] > 0 {
                let other = writes[self.slots[value as usize] as usize - 1].row;
                return Err(
                    self.bad(row, format!("writes {}, and so does operation {other}", self.show(value)))
                );
            }
            if let Some(previous) = writes.last_mut().filter(|it| it.row == row) {
                previous.is_last = false;
            }
            writes.push(Write { value, access: *access, row, is_last: true, version: UNREAD });
            self.slots[value as usize] = writes.len() as u32;
        }
        Ok(writes)
    }

    fn write_of(&self, value: u32) -> Option<usize> {
        (self.slots[value as usize] as usize).checked_sub(1)
    }

    /// Gives the writes their versions along the known order.
    fn arrange(&self, writes: &mut [Write], chain: &mut Vec<u32>) -> Result<(), Problem> {
        let begin = chain.len();
        for value in self.order.iter().filter(|value| !self.history.is_initial(**value)) {
            let Some(at) = self.write_of(*value) else {
                // It is of no interest here, unless it was aborted.
                if self.any_write(*value).is_some() {
                    return Err(self.unexplained(None, *value));
                }
                continue;
            };
            if writes[at].version != UNREAD {
                let problem = format!("writes {}, which the given order has twice", self.show(*value));
                return Err(Problem::Bad(self.bad(writes[at].row, problem)));
            }
            writes[at].version = NOWHERE;
            if writes[at].is_last {
                chain.push(writes[at].row);
                writes[at].version = (chain.len() - begin) as u32;
            }
        }
        Ok(())
    }

    fn place_reads(&self, writes: &[Write], found: &mut Found) -> Result<(), Problem> {
        let mut own: Option<Write> = None;
        for access in self.members {
            let row = self.rows[*access as usize];
            own = own.filter(|it| it.row == row);
            let value = match self.history.accesses.access[*access as usize] {
                Access::Read(value) => value,
                Access::Write(value) => {
                    own = self.write_of(value).map(|at| writes[at]).filter(|it| it.row == row);
                    continue;
                }
                _ => continue,
            };
            if let Some(own) = own {
                if value != own.value {
                    return Err(self.internal(*access, own));
                }
                continue;
            }
            found.places.push((*access, self.version(writes, *access, value)?));
        }
        Ok(())
    }

    /// The version that a read returned.
    fn version(&self, writes: &[Write], access: u32, value: u32) -> Result<u32, Problem> {
        let row = self.rows[access as usize];
        let write = self.write_of(value).map(|at| writes[at]);
        if self.history.is_initial(value) {
            let ambiguous = write.is_some() || self.write_of(NULL).is_some();
            let problem = "reads the initial value, which was also written: nobody can tell which of them";
            return if ambiguous { Err(Problem::Bad(self.bad(row, problem.to_owned()))) } else { Ok(0) };
        }
        let Some(write) = write else { return Err(self.unexplained(Some(access), value)) };
        let (key, shown) = (self.history.show(self.key), self.show(value));
        let mut evidence = Evidence::default();
        evidence.access(row, access);
        evidence.writes(self.history, write.row, self.key);
        let who = self.history.who(row);
        if write.row == row {
            let reason = format!("{who} reads {key} = {shown}, which it writes itself, and only afterwards.");
            return Err(evidence.into_flaw("internal", reason).into());
        }
        if !write.is_last {
            let reason = format!(
                "{who} reads {key} = {shown}, which is not the last that {} writes to {key} (intermediate \
                 read).",
                self.history.who(write.row)
            );
            return Err(evidence.into_flaw("G1b", reason).into());
        }
        if write.version == UNREAD {
            let problem = format!("reads {shown}, which the given order of the versions does not have");
            return Err(Problem::Bad(self.bad(row, problem)));
        }
        Ok(write.version)
    }

    /// A value that nobody wrote, or only transactions that were aborted.
    fn unexplained(&self, reader: Option<u32>, value: u32) -> Problem {
        let (key, shown) = (self.history.show(self.key), self.show(value));
        let mut evidence = Evidence::default();
        let reads = match reader {
            Some(access) => {
                let row = self.rows[access as usize];
                evidence.access(row, access);
                format!("{} reads {key} = {shown}", self.history.who(row))
            }
            None => format!("the given order of {key} has {shown}"),
        };
        match self.any_write(value) {
            Some(access) => {
                let row = self.rows[access as usize];
                evidence.access(row, access);
                let reason = format!(
                    "{reads}, but {}, which writes it, was aborted (aborted read).",
                    self.history.who(row)
                );
                evidence.into_flaw("G1a", reason).into()
            }
            None => evidence.into_flaw("thin-air read", format!("{reads}, which nobody wrote.")).into(),
        }
    }

    /// A write of a value, be it aborted.
    fn any_write(&self, value: u32) -> Option<u32> {
        let wrote = |access: &u32| self.history.accesses.access[*access as usize] == Access::Write(value);
        self.members.iter().copied().find(wrote)
    }

    fn internal(&self, access: u32, own: Write) -> Problem {
        let row = self.rows[access as usize];
        let mut evidence = Evidence::default();
        evidence.access(row, access);
        evidence.access(row, own.access);
        let (key, wrote) = (self.history.show(self.key), self.show(own.value));
        let reason =
            format!("{} writes {wrote} to {key}, but then does not read it there.", self.history.who(row));
        evidence.into_flaw("internal", reason).into()
    }

    fn show(&self, value: u32) -> String {
        self.history.show(value)
    }

    fn bad(&self, row: u32, problem: String) -> Error {
        Error::BadOperation {
            row: row as usize,
            what: self.history.describe_short(row as usize),
            problem: format!("on {}, it {problem}", self.history.show(self.key)),
        }
    }
}
