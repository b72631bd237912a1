//! Why there is no order, in words.
use crate::check::consistency::history::{History, Kind, NULL};
use crate::check::consistency::spec::Object;
use crate::check::consistency::verdict::Flaw;
use crate::sim::{Outcome, Value};

use super::search::Stuck;
use super::timeline::Timeline;

/// How many of the operations before the one that fails are named as culprits.
const BEFORE: usize = 6;

/// How many characters of a state are shown.
const SHOWN: usize = 60;

/// The flaw of a search that got stuck.
pub fn stuck(history: &History, rows: &[u32], object: &impl Object, line: &Timeline, stuck: &Stuck) -> Flaw {
    let row = rows[stuck.op as usize];
    let what = with_process(history, row);
    if let Some(flaw) = from_nowhere(history, row) {
        return flaw;
    }
    if let Some(reader) = stuck.reader {
        return overtaken(history, rows, line, stuck, rows[reader as usize]);
    }
    let others = stuck.open.iter().filter(|op| **op != stuck.op).map(|op| rows[*op as usize]);
    let open: Vec<u32> = others.collect();
    let mut states: Vec<String> = vec![];
    for state in &stuck.states {
        let words = brief(object.show_to(history, *state, stuck.op));
        if !states.contains(&words) {
            states.push(words);
        }
    }
    let thing = match history.key[row as usize] {
        _ if history.kind[row as usize] == Kind::SCAN => String::from("the map"),
        NULL => String::from("the object"),
        key => history.show(key),
    };
    let mut reason = if line.observes[stuck.op as usize] {
        format!("{what} cannot be explained: before it returned, {thing} can only have been ")
    } else {
        format!(
            "{what} has no place that explains all answers: before it returned, {thing} can only have been "
        )
    };
    reason += &states.join(" or ");
    let around: Vec<_> = open
        .iter()
        .filter(|row| !matches!(history.kind[**row as usize], Kind::READ | Kind::SCAN))
        .take(4)
        .collect();
    if !around.is_empty() {
        let around: Vec<_> = around.into_iter().map(|row| with_process(history, *row)).collect();
        reason += &format!(", while {} still ran", around.join(" and "));
    }
    reason.push('.');
    let mut culprits = vec![row];
    culprits.extend(&open);
    culprits.extend(last_changes(rows, line, stuck.event));
    if !line.observes[stuck.op as usize] {
        culprits.extend(next_reads(rows, line, stuck.event));
    }
    let mut seen = vec![];
    culprits.retain(|row| {
        !seen.contains(row) && {
            seen.push(*row);
            true
        }
    });
    let reads = matches!(history.kind[row as usize], Kind::READ | Kind::CONTAINS | Kind::SCAN);
    let anomaly = if reads { "stale read" } else { "not linearizable" };
    Flaw { anomaly: anomaly.to_owned(), reason, culprits, ..Flaw::default() }
}

/// The flaw of what returned something that was overwritten by then.
fn overtaken(history: &History, rows: &[u32], line: &Timeline, stuck: &Stuck, reader: u32) -> Flaw {
    if let Some(flaw) = from_nowhere(history, reader) {
        return flaw;
    }
    let row = rows[stuck.op as usize];
    let (what, write) = (with_process(history, reader), with_process(history, row));
    let mut culprits = vec![reader, row];
    let others = stuck.open.iter().map(|op| rows[*op as usize]).chain(last_changes(rows, line, stuck.event));
    for other in others {
        if !culprits.contains(&other) {
            culprits.push(other);
        }
    }
    Flaw {
        anomaly: String::from("stale read"),
        reason: format!("{what} cannot be explained: {write} had overwritten what it returned by then."),
        culprits,
        ..Flaw::default()
    }
}

/// `read(x) -> 0 by C2`.
pub fn with_process(history: &History, row: u32) -> String {
    let process = &history.names.processes[history.process[row as usize] as usize];
    format!("{} by {process}", history.describe_short(row as usize))
}

/// What changed the object and returned last before an event, latest first.
fn last_changes(rows: &[u32], line: &Timeline, event: usize) -> Vec<u32> {
    let returned = line.events[..event].iter().rev().filter(|it| *it % 2 == 1).map(|it| it / 2);
    let changes = returned.filter(|op| !line.observes[*op as usize]);
    changes.take(BEFORE).map(|op| rows[op as usize]).collect()
}

/// What is read after an event, soonest first.
fn next_reads(rows: &[u32], line: &Timeline, event: usize) -> Vec<u32> {
    let returned = line.events[event..].iter().filter(|it| *it % 2 == 1).map(|it| it / 2);
    let reads = returned.filter(|op| line.observes[*op as usize]);
    reads.take(BEFORE).map(|op| rows[op as usize]).collect()
}

/// The end of a long text, which is what tells it from others.
fn brief(text: String) -> String {
    let length = text.chars().count();
    if length <= SHOWN {
        return text;
    }
    let end: String = text.chars().skip(length - SHOWN).collect();
    format!("…{end}")
}

/// The flaw of a read or a scan of a value that nobody can have put there, if nothing but writes could have.
fn from_nowhere(history: &History, row: u32) -> Option<Flaw> {
    let at = row as usize;
    let values = &history.names.values;
    match (history.kind[at], values.value(history.result[at])) {
        (Kind::READ, _) => {
            let (key, value) = (history.key[at], history.result[at]);
            let failed = has_no_origin(history, row, key, Some(value))?;
            Some(unwritten(history, row, failed))
        }
        (Kind::SCAN, Value::List(pairs)) => pairs.iter().find_map(|pair| {
            let Value::List(pair) = pair else { return None };
            let [key, value] = &**pair else { return None };
            let failed = match values.number(key) {
                Some(key) => has_no_origin(history, row, key, values.number(value))?,
                None => None,
            };
            let place = format!(" from {}", text(key));
            Some(unwritten_there(history, row, &text(value), &place, failed))
        }),
        _ => None,
    }
}

/// Whether nobody can have put this value (none: one that is named nowhere) there for `row` to read; if a write
/// that failed would have, also which.
fn has_no_origin(history: &History, row: u32, key: u32, value: Option<u32>) -> Option<Option<u32>> {
    if value.is_some_and(|value| history.is_initial(value)) {
        return None;
    }
    let mut failed = None;
    let row = row as usize;
    for other in (0..history.len()).filter(|other| history.key[*other] == key && *other != row) {
        match (history.kind[other], history.status[other]) {
            (Kind::READ | Kind::DELETE | Kind::SCAN, _) => {}
            (Kind::WRITE, _) if Some(history.argument[other]) != value => {}
            (Kind::WRITE, Outcome::Fail) => failed = failed.or(Some(other as u32)),
            _ => return None,
        }
    }
    Some(failed)
}

/// The flaw of a read of a value that no write wrote, unless one that failed.
pub fn unwritten(history: &History, row: u32, failed: Option<u32>) -> Flaw {
    let at = row as usize;
    let place = match history.key[at] {
        NULL => String::new(),
        key => format!(" from {}", history.show(key)),
    };
    unwritten_there(history, row, &history.show(history.result[at]), &place, failed)
}

fn unwritten_there(history: &History, row: u32, value: &str, place: &str, failed: Option<u32>) -> Flaw {
    let who = &history.names.processes[history.process[row as usize] as usize];
    let (anomaly, why) = match failed {
        None => ("read from nowhere", String::from("which nobody wrote")),
        Some(write) => {
            ("aborted read", format!("which only {} wrote", history.describe_short(write as usize)))
        }
    };
    Flaw {
        anomaly: anomaly.to_owned(),
        reason: format!("{who} reads {value}{place}, {why}."),
        culprits: [Some(row), failed].into_iter().flatten().collect(),
        ..Flaw::default()
    }
}

/// A value in words: texts without quotes.
fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        other => other.to_string(),
    }
}
