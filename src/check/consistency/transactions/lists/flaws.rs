//! Flaws of lists that break every level, in words.
use std::ops::Range;

use super::evidence::{Evidence, show_list};
use super::group::list;
use super::infer::Cell;
use crate::check::consistency::Flaw;
use crate::check::consistency::history::Access;

/// An element that nobody appended, or only transactions that were aborted.
pub(super) fn never_appended(cell: &Cell<'_>, reader: Option<u32>, element: u32) -> Flaw {
    let (key, shown) = (cell.history.show(cell.key), cell.history.show(element));
    let mut evidence = Evidence::default();
    let reads = read(cell, &mut evidence, reader);
    let appends = |access: &&u32| cell.history.accesses.access[**access as usize] == Access::Append(element);
    let aborted = cell.members.iter().find(appends);
    let (anomaly, reason) = match aborted {
        Some(access) => {
            let row = cell.rows[*access as usize];
            evidence.access(row, *access);
            let who = cell.history.who(row);
            (
                "G1a",
                format!("{reads}, but {who}, which appends {shown} to {key}, was aborted (aborted read)."),
            )
        }
        None => ("thin-air read", format!("{reads}, but nobody appended {shown} to {key}.")),
    };
    appenders(cell, &mut evidence, reader);
    evidence.into_flaw(anomaly, reason)
}

/// An element twice in one list.
pub(super) fn duplicate(cell: &Cell<'_>, reader: Option<u32>, element: u32) -> Flaw {
    let mut evidence = Evidence::default();
    let reads = read(cell, &mut evidence, reader);
    let shown = cell.history.show(element);
    appenders(cell, &mut evidence, reader);
    evidence.into_flaw(
        "duplicate elements",
        format!("{reads}, in which {shown} stands twice; it was appended once."),
    )
}

/// Between two appends of one transaction there is one of another.
pub(super) fn torn(cell: &Cell<'_>, previous: usize, at: usize) -> Flaw {
    let (one, other) = (cell.appends[previous], cell.appends[at]);
    let next = cell.appends[previous + 1];
    let (history, key) = (cell.history, cell.history.show(cell.key));
    let show = |element: u32| history.show(element);
    let mut evidence = Evidence::default();
    let reads = read(cell, &mut evidence, cell.longest_access);
    evidence.writes(history, one.row, cell.key);
    evidence.writes(history, other.row, cell.key);
    appenders(cell, &mut evidence, cell.longest_access);
    let between = format!(
        "{reads}, where after T{}'s {} comes T{}'s {}",
        one.row,
        show(one.element),
        other.row,
        show(other.element)
    );
    if cell.longest.contains(&next.element) {
        let reason = format!(
            "{between} and only later T{}'s {}: each has overwritten the other (dirty write).",
            one.row,
            show(next.element)
        );
        evidence.into_flaw("G0", reason)
    } else {
        let reason = format!(
            "{between}, but not {}, which T{} also appends to {key}: an intermediate state was seen (intermediate \
             read).",
            show(next.element),
            one.row
        );
        evidence.into_flaw("G1b", reason)
    }
}

/// An append without the one that its transaction made just before, or in front of it.
pub(super) fn reversed(cell: &Cell<'_>, at: usize) -> Flaw {
    let append = cell.appends[at];
    let mut evidence = Evidence::default();
    let reads = read(cell, &mut evidence, cell.longest_access);
    evidence.writes(cell.history, append.row, cell.key);
    appenders(cell, &mut evidence, cell.longest_access);
    let reason = format!(
        "{reads}, where {} is not in its place among all that T{} appends to {}.",
        cell.history.show(append.element),
        append.row,
        cell.history.show(cell.key)
    );
    evidence.into_flaw("incompatible order", reason)
}

/// A list that is no prefix of the longest one.
pub(super) fn incompatible(cell: &Cell<'_>, access: u32, list: &[u32]) -> Flaw {
    if let Some(unknown) = list.iter().find(|element| cell.append_of(**element).is_none()) {
        return never_appended(cell, Some(access), *unknown);
    }
    let mut sorted = list.to_vec();
    sorted.sort_unstable();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return duplicate(cell, Some(access), pair[0]);
    }
    let mut evidence = Evidence::default();
    let reads = read(cell, &mut evidence, Some(access));
    let other = match cell.longest_access {
        Some(_) => read(cell, &mut evidence, cell.longest_access),
        None => format!("the known order is {}", show_list(cell.history, cell.longest)),
    };
    appenders(cell, &mut evidence, Some(access));
    appenders(cell, &mut evidence, cell.longest_access);
    let at = list.iter().zip(cell.longest).take_while(|(one, other)| one == other).count();
    let known = cell.longest.get(at).and_then(|element| cell.append_of(*element));
    if let (None, Some(known)) = (cell.longest_access, known) {
        evidence.writes(cell.history, cell.appends[known].row, cell.key);
    }
    let differ = match (list.get(at), cell.longest.get(at)) {
        (Some(one), Some(other)) => format!(
            ": at place {at}, one has {} and the other {}",
            cell.history.show(*one),
            cell.history.show(*other)
        ),
        _ => String::new(),
    };
    evidence.into_flaw(
        "incompatible order",
        format!("{reads}, but {other}{differ}. Neither is a prefix of the other."),
    )
}

/// A transaction does not see, at the end of a list, what it has appended to it.
pub(super) fn internal(cell: &Cell<'_>, access: u32, list: &[u32], own: Range<usize>) -> Flaw {
    let row = cell.rows[access as usize];
    let elements: Vec<u32> = cell.appends[own].iter().map(|it| it.element).collect();
    let mut evidence = Evidence::default();
    evidence.writes(cell.history, row, cell.key);
    evidence.access(row, access);
    appenders(cell, &mut evidence, Some(access));
    let (key, elements) = (cell.history.show(cell.key), show_list(cell.history, &elements));
    let list = show_list(cell.history, list);
    let who = cell.history.who(row);
    evidence.into_flaw(
        "internal",
        format!(
            "{who} has appended {elements} to {key}, but then reads {key} = {list}, which does not end so."
        ),
    )
}

/// A transaction sees what it appends only later.
pub(super) fn own_future(cell: &Cell<'_>, access: u32, later: usize) -> Flaw {
    let mut evidence = Evidence::default();
    let reads = read(cell, &mut evidence, Some(access));
    evidence.writes(cell.history, cell.rows[access as usize], cell.key);
    appenders(cell, &mut evidence, Some(access));
    let element = cell.history.show(cell.appends[later].element);
    evidence.into_flaw("internal", format!("{reads}, but appends {element} itself, and only afterwards."))
}

/// A list ends in the middle of what a transaction appends.
pub(super) fn intermediate(cell: &Cell<'_>, access: u32, last: u32) -> Flaw {
    let mut evidence = Evidence::default();
    let reads = read(cell, &mut evidence, Some(access));
    let writer = cell.append_of(last).map_or(0, |at| cell.appends[at].row);
    evidence.writes(cell.history, writer, cell.key);
    appenders(cell, &mut evidence, Some(access));
    let (key, last) = (cell.history.show(cell.key), cell.history.show(last));
    let who = cell.history.who(writer);
    evidence.into_flaw(
        "G1b",
        format!("{reads}, but {last} is not the last that {who} appends to {key} (intermediate read)."),
    )
}

/// Notes who read the list, and says so.
fn read(cell: &Cell<'_>, evidence: &mut Evidence, reader: Option<u32>) -> String {
    let key = cell.history.show(cell.key);
    let Some(access) = reader else {
        return format!("the known order of {key} is {}", show_list(cell.history, cell.longest));
    };
    let row = cell.rows[access as usize];
    evidence.access(row, access);
    format!(
        "{} reads {key} = {}",
        cell.history.who(row),
        show_list(cell.history, list(cell.history, access).unwrap_or_default())
    )
}

/// Notes who appended what is in a list: without them, the list itself could not be explained.
fn appenders(cell: &Cell<'_>, evidence: &mut Evidence, reader: Option<u32>) {
    let list = reader.and_then(|access| list(cell.history, access)).unwrap_or_default();
    for at in list.iter().filter_map(|element| cell.append_of(*element)) {
        evidence.writes(cell.history, cell.appends[at].row, cell.key);
    }
}
