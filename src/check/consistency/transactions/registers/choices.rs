//! Reads that several writes would explain, because a value was written twice (or the initial one was written).
//!
//! Sources are chosen one read after the other. Reads without a source count for nothing, and more reads only
//! ask for more, so a choice that already fails with the sources chosen so far is not followed further.
use super::super::{Exhausted, Meter};
use super::reads_from::{Choice, NOWHERE, ReadsFrom};
use super::{Judgement, judge as judge_one};
use crate::check::consistency::Model;
use crate::check::consistency::history::{Access, History};

/// Reads of one value that have one source.
struct Group {
    reads: Vec<u32>,
    candidates: Vec<u32>,
}

/// Judges a history in which some reads have several possible sources.
pub(super) fn judge(
    history: &History,
    mut from: ReadsFrom,
    model: Model,
    meter: &mut Meter<'_>,
) -> Result<Judgement, Exhausted> {
    let groups = groups(history, &mut from, model);
    let surely = judge_one(history, &from, model, meter)?;
    if let Judgement::Fails(flaw) = surely {
        return Ok(Judgement::Fails(flaw));
    }
    let mut first_flaw = None;
    let mut tried = vec![0];
    while let Some(place) = tried.len().checked_sub(1) {
        let group = &groups[place];
        let Some(candidate) = group.candidates.get(tried[place]) else {
            choose(&mut from, group, NOWHERE);
            tried.pop();
            continue;
        };
        tried[place] += 1;
        choose(&mut from, group, *candidate);
        meter.spend(1)?;
        match judge_one(history, &from, model, meter)? {
            Judgement::Holds(order) if tried.len() == groups.len() => return Ok(Judgement::Holds(order)),
            Judgement::Holds(_) => tried.push(0),
            Judgement::Fails(flaw) => {
                first_flaw.get_or_insert((flaw, place));
            }
        }
    }
    let Some((mut flaw, place)) = first_flaw else { unreachable!("no choice holds, so one failed") };
    let row = from.row[groups[place].reads[0] as usize];
    flaw.reason.push_str(&format!(
        " That is so if T{row} read from one of those who wrote the value; all other choices fail in similar ways."
    ));
    blame_all(history, &from, &groups, &mut flaw);
    Ok(Judgement::Fails(flaw))
}

fn choose(from: &mut ReadsFrom, group: &Group, source: u32) {
    for read in &group.reads {
        from.source[*read as usize] = source;
    }
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
            None => groups.push(Group { reads: vec![access], candidates }),
        }
    }
    groups
}

/// Every reader with a choice and all whom it might have read from matter.
fn blame_all(
    history: &History,
    from: &ReadsFrom,
    groups: &[Group],
    flaw: &mut crate::check::consistency::Flaw,
) {
    let mut known = vec![false; history.len()];
    flaw.culprits.iter().for_each(|row| known[*row as usize] = true);
    let accesses = groups.iter().flat_map(|it| it.reads.iter().chain(&it.candidates));
    for access in accesses.filter(|it| **it < NOWHERE) {
        let row = from.row[*access as usize];
        if !std::mem::replace(&mut known[row as usize], true) {
            flaw.culprits.push(row);
        }
    }
    flaw.accesses.clear();
}
