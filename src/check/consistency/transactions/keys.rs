//! What each key holds: a register or a list.
use crate::check::consistency::Error;
use crate::check::consistency::history::{Access, History, NULL};

/// What the keys of a history hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    /// All hold registers.
    Registers,
    /// All hold lists.
    Lists,
    /// There are some of both.
    Mixed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Register,
    List,
    /// A read of null or of something unknown fits both.
    Either,
}

impl Keys {
    /// Looks at all accesses. O(accesses + values).
    ///
    /// # Errors
    /// [`Error::BadOperation`], if a key is used as a list and as a register.
    pub(super) fn of(history: &History) -> Result<Self, Error> {
        let mut first: Vec<(Use, u32)> = vec![(Use::Either, 0); history.names.values.len()];
        let (mut lists, mut registers) = (false, false);
        for row in 0..history.len() {
            for (key, access) in history.accesses.of(row) {
                let used = match access {
                    Access::Append(_) | Access::ReadList(_) => Use::List,
                    Access::Read(NULL) | Access::ReadUnknown => continue,
                    Access::Read(_) | Access::Write(_) => Use::Register,
                };
                let first = &mut first[key as usize];
                match first.0 {
                    Use::Either => *first = (used, row as u32),
                    known if known != used => return Err(clash(history, row, key, first.1 as usize)),
                    _ => {}
                }
                lists |= used == Use::List;
                registers |= used == Use::Register;
            }
        }
        Ok(match (lists, registers) {
            (true, true) => Self::Mixed,
            (true, false) => Self::Lists,
            (false, _) => Self::Registers,
        })
    }
}

fn clash(history: &History, row: usize, key: u32, other: usize) -> Error {
    Error::BadOperation {
        row,
        what: history.describe_short(row),
        problem: format!(
            "it uses {} in another way than operation {other} ({}): a key is either a list, with appends, or a \
             register, with writes",
            history.show(key),
            history.describe_short(other)
        ),
    }
}
