//! Release and lazy release consistency: reads and writes between locks (notes 2.5.3).
//!
//! Sources: Gharachorloo et al. 1990 (release consistency), Keleher, Cox, Zwaenepoel 1992 (lazy release
//! consistency). What a process does comes in its order. A lock goes from who gives it back to who takes it next;
//! the order of the critical sections of a lock is that of real time. An operation *happens before* another one
//! - lazily: through the order of a process and the locks that it hands on;
//! - eagerly: also if a lock was given back after it and that had completed when the other one was invoked, for
//!   then everybody has been told.
//!
//! A read may return what a write wrote that did not begin after the read was over, unless another write to the
//! key lies between the two (happens after the write and before the read). The initial value counts as written
//! before everything. So a read that no lock orders may return old and new values, and also what has not been
//! released yet; but none that is hidden. As lazily ordered pairs are eagerly ordered too, release consistency
//! implies lazy release consistency. What a read returns orders nothing, so that values may be written twice.
//!
//! Locks: those who hold one at the same time, who takes one that it holds, and who gives one back that it does
//! not hold, break both models. An acquire of which it is unknown whether it took effect is left out; such a
//! release counts if somebody takes the lock later.
//! Cost: O(n · processes) small steps, see `reads_from/past.rs`.
use self::locks::{Sections, held_wrongly};
use super::history::Kind;
use super::reads_from::build::{number, out_of_thin_air, sources};
use super::reads_from::hidden::{Order, Proof};
use super::reads_from::past::{FLAG, Pushes};
use super::reads_from::points::Following;
use super::reads_from::{INITIAL, NONE, Run, UNKNOWN};
use super::{Budget, Error, Flaw, History, Model, Verdict, Witness};
use crate::sim::Outcome;

mod locks;
#[cfg(test)]
mod tests;

const LAZY: &str = "happens-before of locks (Keleher et al. 1992)";
const EAGER: &str = "happens-before of locks, pushed at each release (Gharachorloo et al. 1990)";

/// Judges a history of reads, writes, acquires and releases by [`Model::Release`] or [`Model::LazyRelease`].
///
/// # Errors
/// [`Error::UnknownKind`] for other operations, [`Error::NotDefined`] for other models.
pub fn check(history: &History, model: Model, budget: &Budget<'_>) -> Result<Verdict, Error> {
    let algorithm = match model {
        Model::Release => EAGER,
        Model::LazyRelease => LAZY,
        _ => {
            return Err(Error::NotDefined {
                model,
                what: "the checker of locks".to_owned(),
                hint: "it knows release and lazy-release".to_owned(),
            });
        }
    };
    let known =
        |row: &usize| matches!(history.kind[*row], Kind::READ | Kind::WRITE | Kind::ACQUIRE | Kind::RELEASE);
    if let Some(row) = (0..history.len()).find(|row| !known(row)) {
        return Err(Error::UnknownKind {
            row,
            what: history.describe(row),
            spec: model.to_string(),
            kind: history.names.kinds.name(history.kind[row]).clone(),
            allowed: "read, write, acquire and release".to_owned(),
        });
    }
    let mut run = number(history, |row| match history.status[row] {
        Outcome::Ok => true,
        Outcome::Info => matches!(history.kind[row], Kind::WRITE | Kind::RELEASE),
        Outcome::Fail => false,
    });
    let states = run.len() as u64;
    Ok(match judge(&mut run, model, budget) {
        Some(Ok(())) => Verdict::holds(model, algorithm, Witness::Absence),
        Some(Err(flaw)) => Verdict::fails(model, algorithm, flaw),
        None => Verdict::unknown(model, algorithm),
    }
    .after(states))
}

fn judge(run: &mut Run<'_>, model: Model, budget: &Budget<'_>) -> Option<Result<(), Flaw>> {
    let sections = match Sections::of(run) {
        Ok(sections) => sections,
        Err(wrong) => return Some(Err(held_wrongly(run, &wrong))),
    };
    let candidates = match Candidates::of(run) {
        Ok(candidates) => candidates,
        Err(flaw) => return Some(Err(*flaw)),
    };
    let mut links = run.slot.clone();
    for (release, acquire) in sections.transfers() {
        links[acquire as usize] = FLAG | release;
    }
    let pushes = (model == Model::Release).then(|| pushes(run));
    let following = Following::of(run, &run.by_place(&run.place));
    let (place, pushes) = (&run.place, pushes.as_ref());
    let order = Order { run, links: &links, place, pushes, following: &following };
    Some(match order.hidden(|op| candidates.of_read(op), budget)? {
        Ok(_) => Ok(()),
        Err(read) => Err(hidden(&order, read, candidates.of_read(read))),
    })
}

/// What is told to everybody: the releases, as they complete.
fn pushes(run: &Run<'_>) -> Pushes {
    let row = |op: u32| run.rows[op as usize] as usize;
    let releases = (0..run.len() as u32).filter(|op| {
        run.history.kind[row(*op)] == Kind::RELEASE && run.history.status[row(*op)] == Outcome::Ok
    });
    let mut order: Vec<u32> = releases.collect();
    let completed = |op: &u32| run.history.completed[row(*op)];
    order.sort_unstable_by_key(completed);
    let before = |op: u32| order.partition_point(|it| completed(it) < run.history.invoked[row(op)]) as u32;
    let seen = (0..run.len() as u32).map(before).collect();
    Pushes { order, seen }
}

/// Of each read, the writes whose value it returned and that had begun before it was over.
struct Candidates {
    starts: Vec<u32>,
    writes: Vec<u32>,
}

impl Candidates {
    fn of(run: &mut Run<'_>) -> Result<Self, Box<Flaw>> {
        let behind = match sources(run) {
            Ok(behind) => behind,
            Err(read) => return Err(Box::new(out_of_thin_air(run.history, run.rows[read as usize]))),
        };
        let mut lists = vec![NONE; run.len()];
        behind.reads.iter().for_each(|read| lists[read.op as usize] = read.list);
        let mut candidates = Self { starts: vec![0], writes: vec![] };
        let mut early: Option<u32> = None;
        for (op, list) in lists.iter().copied().enumerate() {
            let begun = |write: &u32| *write == INITIAL || run.place[*write as usize] < run.place[op];
            let single = std::slice::from_ref(&run.source[op]);
            let writes = behind.writes.get(list as usize).map_or(single, Vec::as_slice);
            if run.is_known_read(op as u32) || list != NONE {
                let count = candidates.writes.len();
                candidates.writes.extend(writes.iter().copied().filter(begun));
                if candidates.writes.len() == count {
                    early = early.into_iter().chain([op as u32]).min_by_key(|it| run.place[*it as usize]);
                }
            }
            candidates.starts.push(candidates.writes.len() as u32);
        }
        if let Some(read) = early {
            return Err(Box::new(from_the_future(run, read)));
        }
        run.source.iter_mut().filter(|source| **source != NONE).for_each(|source| *source = UNKNOWN);
        Ok(candidates)
    }

    fn of_read(&self, op: u32) -> &[u32] {
        &self.writes[self.starts[op as usize] as usize..self.starts[op as usize + 1] as usize]
    }
}

fn from_the_future(run: &Run<'_>, read: u32) -> Flaw {
    let history = run.history;
    let row = |op: u32| run.rows[op as usize] as usize;
    let later = (0..run.len() as u32).find(|op| {
        run.is_write(*op)
            && run.key[*op as usize] == run.key[read as usize]
            && history.argument[row(*op)] == history.result[row(read)]
    });
    let write = later.map_or_else(String::new, |op| format!(" ({})", run.say(op)));
    Flaw {
        anomaly: "read from the future".to_owned(),
        reason: format!("{} returns what was written only after it was over{write}.", run.say(read)),
        culprits: [Some(read), later].into_iter().flatten().map(|op| run.rows[op as usize]).collect(),
        ..Flaw::default()
    }
}

/// The flaw of a read all of whose candidates are hidden, told of the youngest.
fn hidden(order: &Order<'_>, read: u32, candidates: &[u32]) -> Flaw {
    let run = order.run;
    let place = |op: &u32| if *op == INITIAL { 0 } else { run.place[*op as usize] };
    let Some(candidate) = candidates.iter().copied().max_by_key(place) else { return Flaw::default() };
    let Some(Proof { over, to_read, to_over }) = order.prove(read, candidate) else { return Flaw::default() };
    let mut ops = vec![read, over];
    ops.extend((candidate != INITIAL).then_some(candidate));
    ops.extend(to_over.iter().chain(&to_read));
    with_sections(run, &mut ops);
    let mut culprits: Vec<u32> = Vec::with_capacity(ops.len());
    for op in ops {
        if !culprits.contains(&run.rows[op as usize]) {
            culprits.push(run.rows[op as usize]);
        }
    }
    let words = |path: &[u32]| path.iter().map(|op| run.say(*op)).collect::<Vec<_>>().join("; ");
    let what = match candidate {
        INITIAL => "the initial value".to_owned(),
        write => format!("what {} wrote", run.say(write)),
    };
    let after = if to_over.is_empty() { String::new() } else { format!(" ({})", words(&to_over)) };
    Flaw {
        anomaly: "stale read".to_owned(),
        reason: format!(
            "{} returns {what}, but {} overwrote that{after} and happens before the read: {}.",
            run.say(read),
            run.say_short(over),
            words(&to_read)
        ),
        culprits,
        ..Flaw::default()
    }
}

/// Adds what gives a lock back or takes it, for each that is named without its other half, so that the locks
/// among the operations are held as they were.
fn with_sections(run: &Run<'_>, ops: &mut Vec<u32>) {
    let kind = |op: u32| run.history.kind[run.rows[op as usize] as usize];
    let mut others = Vec::new();
    for op in ops.iter().copied() {
        let session = run.of_session(run.session[op as usize] as usize);
        let same = |other: &u32| run.key[*other as usize] == run.key[op as usize];
        others.extend(match kind(op) {
            Kind::ACQUIRE => (op..session.end).filter(same).find(|it| kind(*it) == Kind::RELEASE),
            Kind::RELEASE => (session.start..op).rev().filter(same).find(|it| kind(*it) == Kind::ACQUIRE),
            _ => None,
        });
    }
    ops.extend(others);
}
