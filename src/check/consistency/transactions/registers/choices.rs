//! Reads that several writes would explain, because a value was written twice (or the initial one was
//! written).
//!
//! First, sources that are impossible already by what is surely known are struck out, as long as that helps
//! (causal and stronger). Then all reads that are still open get the source that fits best into a commit
//! order of the rest, and the whole is judged. A flaw names the reads it rests on: the last open one among
//! them takes its next source, and when it has none left, the blame goes to the others (conflict-directed
//! backjumping).
use super::super::{Exhausted, Meter};
use super::events::{Events, Shape};
use super::reads_from::{Choice, INITIAL, NOWHERE, ReadsFrom};
use super::saturate::Saturation;
use super::txns::Txns;
use super::weak::reads_from;
use super::{Judgement, events_of, judge as judge_one};
use crate::check::consistency::history::{Access, History};
use crate::check::consistency::{Flaw, Model};

/// Reads of one value that have one source.
struct Group {
    reads: Vec<u32>,
    candidates: Vec<u32>,
    /// How many candidates were tried since the groups before were last changed.
    tried: usize,
    /// The groups before that are to blame for the refutations of those tried.
    blamed: Vec<usize>,
}

/// Judges a history in which some reads have several possible sources.
pub(super) fn judge(
    history: &History,
    from: ReadsFrom,
    model: Model,
    meter: &mut Meter<'_>,
) -> Result<Judgement, Exhausted> {
    /// How long to look for sources that satisfy more than was asked for.
    const PATIENCE: usize = 100;
    if matches!(model, Model::ReadCommitted | Model::ReadAtomic) {
        // Causality leaves far fewer sources to choose from, and most histories have it.
        let stronger = judge_within(history, from.clone(), Model::TransactionalCausal, PATIENCE, meter);
        if let Ok(holds @ Judgement::Holds(_)) = stronger {
            return Ok(holds);
        }
    }
    judge_within(history, from, model, usize::MAX, meter)
}

fn judge_within(
    history: &History,
    mut from: ReadsFrom,
    model: Model,
    tries: usize,
    meter: &mut Meter<'_>,
) -> Result<Judgement, Exhausted> {
    let mentioned = mentioned(&from);
    let mut groups = groups(history, &mut from, model);
    prune_all(history, &mut from, model, &mut groups, meter)?;
    let judgement = match judge_one(history, &from, model, meter)? {
        Judgement::Holds(order) => {
            prefer(history, &from, &order, &mut groups);
            try_out(history, &mut from, model, &mut groups, tries, meter)?
        }
        fails @ Judgement::Fails(_) => fails,
    };
    Ok(match judgement {
        Judgement::Fails(flaw) => Judgement::Fails(Box::new(told(history, &mentioned, *flaw))),
        holds @ Judgement::Holds(_) => holds,
    })
}

/// The rows that have a choice, or are one.
fn mentioned(from: &ReadsFrom) -> Vec<u32> {
    let accesses = from.choices.iter().flat_map(|it| it.candidates.iter().chain([&it.access]));
    accesses.filter(|it| **it < NOWHERE).map(|it| from.row[*it as usize]).collect()
}

/// Strikes out sources as long as that makes reads certain.
fn prune_all(
    history: &History,
    from: &mut ReadsFrom,
    model: Model,
    groups: &mut Vec<Group>,
    meter: &mut Meter<'_>,
) -> Result<(), Exhausted> {
    if matches!(model, Model::ReadCommitted | Model::ReadAtomic) {
        return Ok(());
    }
    loop {
        let txns = Txns::new(history, from);
        let (events, saturation) = match super::shape(model) {
            Some(shape) => {
                let (events, known) = events_of(history, &txns, shape, model);
                let saturation = Saturation::new(&events, known, meter)?;
                (events, saturation)
            }
            None => {
                let events = Events::new(&txns, Shape::Whole);
                let saturation = Saturation::known(&events, reads_from(&txns), meter)?;
                (events, saturation)
            }
        };
        if saturation.order.is_err() || !prune(history, from, &events, &saturation, groups) {
            return Ok(());
        }
    }
}

fn try_out(
    history: &History,
    from: &mut ReadsFrom,
    model: Model,
    groups: &mut [Group],
    tries: usize,
    meter: &mut Meter<'_>,
) -> Result<Judgement, Exhausted> {
    let mut first_flaw = None;
    let mut open = 0;
    for _ in 0..tries {
        for group in &mut groups[open..] {
            group.next(from);
        }
        meter.spend(1)?;
        let flaw = match judge_one(history, from, model, meter)? {
            Judgement::Fails(flaw) => flaw,
            holds @ Judgement::Holds(_) => return Ok(holds),
        };
        let mut blamed = involved(&flaw, groups);
        first_flaw.get_or_insert(flaw);
        loop {
            let Some(last) = blamed.pop() else {
                return Ok(Judgement::Fails(first_flaw.unwrap_or_default()));
            };
            for group in &mut groups[last + 1..] {
                group.reset(from);
            }
            let group = &mut groups[last];
            group.blamed.extend(&blamed);
            group.blamed.sort_unstable();
            group.blamed.dedup();
            if group.next(from) {
                open = last + 1;
                break;
            }
            blamed.clone_from(&group.blamed);
            group.reset(from);
        }
    }
    Err(Exhausted)
}

impl Group {
    /// Takes the next source; false if there is none.
    fn next(&mut self, from: &mut ReadsFrom) -> bool {
        let candidate = self.candidates.get(self.tried).copied();
        self.tried += 1;
        self.choose(from, candidate.unwrap_or(NOWHERE));
        candidate.is_some()
    }

    fn reset(&mut self, from: &mut ReadsFrom) {
        self.tried = 0;
        self.blamed.clear();
        self.choose(from, NOWHERE);
    }

    fn choose(&self, from: &mut ReadsFrom, source: u32) {
        for read in &self.reads {
            from.source[*read as usize] = source;
        }
    }
}

/// The groups whose reads a flaw rests on, ascending; all, if it does not say.
fn involved(flaw: &Flaw, groups: &[Group]) -> Vec<usize> {
    let rests = |read: &u32| flaw.accesses.is_empty() || flaw.accesses.binary_search(read).is_ok();
    (0..groups.len()).filter(|it| groups[*it].reads.iter().any(rests)).collect()
}

/// From read atomic on, all reads of a value by one transaction have one source.
fn groups(history: &History, from: &mut ReadsFrom, model: Model) -> Vec<Group> {
    let value = |read: u32| match history.accesses.access[read as usize] {
        Access::Read(value) if !history.is_initial(value) => value,
        _ => 0,
    };
    let mut groups: Vec<Group> = vec![];
    let mut of_row = 0;
    for Choice { access, candidates } in std::mem::take(&mut from.choices) {
        let row = from.row[access as usize];
        if groups.last().is_some_and(|it| from.row[it.reads[0] as usize] != row) {
            of_row = groups.len();
        }
        let same = |other: &&mut Group| {
            let read = other.reads[0];
            value(read) == value(access)
                && history.accesses.key[read as usize] == history.accesses.key[access as usize]
        };
        let known = groups[of_row..].iter_mut().find(same).filter(|_| model != Model::ReadCommitted);
        match known {
            Some(group) => group.reads.push(access),
            None => groups.push(Group { reads: vec![access], candidates, tried: 0, blamed: vec![] }),
        }
    }
    groups
}

/// Strikes out impossible sources; groups with only one left become certain. Whether there was such a group.
fn prune(
    history: &History,
    from: &mut ReadsFrom,
    events: &Events<'_>,
    saturation: &Saturation,
    groups: &mut Vec<Group>,
) -> bool {
    let mut txn_of = vec![NOWHERE; history.len()];
    for (txn, row) in events.txns.row.iter().enumerate() {
        txn_of[*row as usize] = txn as u32;
    }
    let mut dense = vec![NOWHERE; history.names.values.len()];
    for (key, number) in events.txns.key.iter().enumerate() {
        dense[*number as usize] = key as u32;
    }
    let before = groups.len();
    groups.retain_mut(|group| {
        let read = group.reads[0] as usize;
        let (reader, key) = (txn_of[from.row[read] as usize], dense[history.accesses.key[read] as usize]);
        let is_possible = |candidate: &u32| {
            let writer = match *candidate {
                INITIAL => None,
                write => Some(txn_of[from.row[write as usize] as usize]),
            };
            writer == Some(NOWHERE) || key == NOWHERE || can_read(events, saturation, reader, writer, key)
        };
        let possible: Vec<u32> = group.candidates.iter().copied().filter(is_possible).collect();
        // If none is left, any of them shows the flaw.
        group.candidates = if possible.is_empty() { group.candidates[..1].to_vec() } else { possible };
        if let [only] = group.candidates[..] {
            group.choose(from, only);
        }
        group.candidates.len() > 1
    });
    groups.len() < before
}

/// Whether a transaction may have read a writer's (or the initial) version of a key, by what is known.
fn can_read(
    events: &Events<'_>,
    saturation: &Saturation,
    reader: u32,
    writer: Option<u32>,
    key: u32,
) -> bool {
    let (shape, txns) = (events.shape, events.txns);
    let begin = shape.begin(reader);
    if writer.is_some_and(|it| saturation.precedes(events, begin, shape.commit(it))) {
        return false;
    }
    !txns.chunks(key).iter().any(|chunk| {
        let writers = txns.writers(*chunk);
        let seen = writers.partition_point(|it| saturation.precedes(events, shape.commit(it.0), begin));
        let latest = writers[..seen].last().map(|it| it.0).filter(|it| Some(*it) != writer);
        latest.is_some_and(|later| {
            writer.is_none_or(|it| saturation.precedes(events, shape.commit(it), shape.overwrite(later)))
        })
    })
}

/// Sorts the candidates: the latest writer before the reader first, in a commit order of what is certain.
fn prefer(history: &History, from: &ReadsFrom, order: &[u32], groups: &mut [Group]) {
    let mut place = vec![NOWHERE; history.len()];
    for (at, row) in order.iter().enumerate() {
        place[*row as usize] = at as u32;
    }
    for group in groups {
        let reader = place[from.row[group.reads[0] as usize] as usize];
        group.candidates.sort_by_key(|candidate| match *candidate {
            INITIAL => (0, reader + 1),
            write => {
                let writer = place[from.row[write as usize] as usize];
                (u32::from(writer > reader), writer.abs_diff(reader))
            }
        });
    }
}

/// Says that the flaw is one of several; every reader with a choice and all whom it might have read from
/// matter.
fn told(history: &History, mentioned: &[u32], mut flaw: Flaw) -> Flaw {
    flaw.reason.push_str(
        " (Some values were written more than once; whichever writes they were read from, there is a flaw.)",
    );
    let mut known = vec![false; history.len()];
    flaw.culprits.iter().for_each(|row| known[*row as usize] = true);
    let others = mentioned.iter().filter(|row| !std::mem::replace(&mut known[**row as usize], true));
    flaw.culprits.extend(others);
    flaw.accesses.clear();
    flaw
}
