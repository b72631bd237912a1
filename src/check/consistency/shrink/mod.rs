//! Counterexamples: the smallest part of a history that still fails.
//!
//! Parts are closed: who read a value stays only while somebody who wrote it stays. (Otherwise every failure
//! would shrink to one read of a value that nobody wrote.) A read that nobody's write explains in the whole
//! history may stay alone. Reads of lists lose the elements whose appends are gone.
//!
//! The method is delta debugging (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input",
//! 2002): leave out ever smaller pieces as long as the rest still fails. At the end no single operation (of a
//! transaction: no access) can be left out, together with the reads of what it wrote.
use super::history::History;
use super::verdict::Flaw;
use cut::Cut;

mod cut;

/// A part of a history that fails by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterexample {
    /// Its operations, by row of the whole history.
    pub rows: Vec<u32>,
    /// The part, as a history of its own.
    pub history: History,
}

/// How many rows may be checked in all before shrinking contents itself with what it has.
const EFFORT: u64 = 30_000_000;

/// Whether a part (its rows in the whole history, and itself) fails. A check that ran out of budget does not.
pub type Fails<'a> = dyn FnMut(&[u32], &History) -> bool + 'a;

/// The smallest part that still fails, starting from what the flaw blames.
pub fn smallest(history: &History, flaw: &Flaw, fails: &mut Fails<'_>) -> Counterexample {
    let mut effort = EFFORT;
    let mut try_part = |cut: &Cut<'_>| {
        let (rows, part) = (cut.rows(), cut.part());
        effort = effort.saturating_sub(rows.len() as u64 + 10);
        effort > 0 && fails(&rows, &part)
    };
    let start = starts(history, flaw).into_iter().find(&mut try_part);
    let mut cut = start.unwrap_or_else(|| Cut::of(history, (0..history.len() as u32).collect()));
    let operations: Vec<Vec<u32>> = cut.operations();
    minimise(&mut cut, operations, &mut try_part);
    if history.is_transactional() {
        let accesses = cut.kept().map(|atom| vec![atom]).collect();
        minimise(&mut cut, accesses, &mut try_part);
    }
    Counterexample { rows: cut.rows(), history: cut.part() }
}

/// The history without each of its operations in turn, and without what only that one explains.
#[cfg(test)]
pub(super) fn without_each(history: &History) -> Vec<History> {
    let whole = Cut::of(history, (0..history.len() as u32).collect());
    let rest = |operation: &Vec<u32>| whole.without(operation.iter().copied()).part();
    whole.operations().iter().map(rest).collect()
}

/// Where to start, smallest first: the culprits; everything up to the end of the first culprit.
fn starts<'a>(history: &'a History, flaw: &Flaw) -> Vec<Cut<'a>> {
    let mut starts = Vec::new();
    if !flaw.culprits.is_empty() {
        starts.push(Cut::of(history, cut::explained(history, &flaw.culprits)));
        let end = history.completed[flaw.culprits[0] as usize];
        let before = (0..history.len() as u32).filter(|row| history.invoked[*row as usize] <= end).collect();
        starts.push(Cut::of(history, cut::explained_rows(history, before)));
    }
    starts
}

/// Leaves out units (an operation, an access) while the rest still fails.
fn minimise(cut: &mut Cut<'_>, mut units: Vec<Vec<u32>>, fails: &mut dyn FnMut(&Cut<'_>) -> bool) {
    let mut size = units.len().div_ceil(2).max(1);
    loop {
        let mut smaller = false;
        let mut at = 0;
        while at < units.len() {
            let end = (at + size).min(units.len());
            let rest = cut.without(units[at..end].iter().flatten().copied());
            if !rest.is_empty() && fails(&rest) {
                *cut = rest;
                units.retain(|unit| unit.iter().any(|atom| cut.keeps(*atom)));
                smaller = true;
            } else {
                at = end;
            }
        }
        match size {
            1 if !smaller => return,
            1 => {}
            _ => size = size.div_ceil(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::formats::notation;
    use super::*;

    fn shrunk(text: &str, culprits: &[u32], fails: impl Fn(&History) -> bool) -> Vec<String> {
        let history = notation::read(text).unwrap().history;
        let flaw = Flaw { culprits: culprits.to_vec(), ..Flaw::default() };
        let found = smallest(&history, &flaw, &mut |_, part| fails(part));
        assert_eq!(found.history.len(), found.rows.len());
        (0..found.history.len()).map(|row| found.history.describe_short(row)).collect()
    }

    fn says(part: &History, wanted: &[&str]) -> bool {
        wanted.iter().all(|it| (0..part.len()).any(|row| part.describe_short(row).contains(it)))
    }

    #[test]
    fn what_explains_a_read_stays_with_it() {
        let text = "W(x,1) W(x,2) W(y,3) | R(x,1) R(y,3) | R(x,7)";
        let found = shrunk(text, &[3], |part| says(part, &["read(x) -> 1"]));
        assert_eq!(found, ["write(x, 1)", "read(x) -> 1"]);
        let found = shrunk(text, &[], |part| says(part, &["read(x) -> 7"]));
        assert_eq!(found, ["read(x) -> 7"], "nobody wrote it");
    }

    #[test]
    fn culprits_that_do_not_fail_alone_are_only_a_hint() {
        let text = "W(x,1) W(x,2) W(y,3) W(z,4)";
        let found = shrunk(text, &[1], |part| says(part, &["(x, 1)", "(z, 4)"]));
        assert_eq!(found, ["write(x, 1)", "write(z, 4)"]);
    }

    #[test]
    fn transactions_lose_accesses_and_lists_lose_elements() {
        let text = "[append(x,1) append(y,5)] | [append(x,2) R(z,nil)] | [R(x,[1 2]) R(y,[5])]";
        let found = shrunk(text, &[2], |part| says(part, &["r(x, [", "append(x, 2)"]));
        assert_eq!(found, ["txn[append(x, 2)]", "txn[r(x, [2])]"]);
    }
}
