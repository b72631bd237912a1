//! Elements that all differ: when each goes into a queue or onto a stack, when it comes out, and when nothing
//! can be in there.
use crate::check::consistency::history::{History, Kind, NEVER, NULL};
use crate::check::consistency::verdict::Flaw;
use crate::sim::Outcome;

use super::explain::with_process;

pub const NOBODY: u32 = u32::MAX;

/// What the elements of one object show.
pub enum Shown {
    /// An order, as (point, row), see [`super::order::merge`].
    Order(Vec<(u32, u32)>),
    /// What contradicts any order.
    Flaw(Box<Flaw>),
    /// Elements repeat or are only looked at, or somebody took nobody knows what, or this method is at a loss: search
    /// instead.
    Unclear,
}

/// How one puts elements in and takes them out.
#[derive(Clone, Copy)]
pub struct Ends {
    pub put: Kind,
    pub take: Kind,
}

/// An element: moments are twice the places of events, plus one for the moment just after.
#[derive(Clone, Copy)]
pub struct Element {
    /// The row that puts it in.
    pub put: u32,
    /// The row that takes it out; [`NOBODY`]: it stays.
    pub take: u32,
    /// The bounds of the moment at which it goes in, and of that at which it comes out.
    pub goes_in: (u32, u32),
    pub comes_out: (u32, u32),
    /// How many of the moments at which nothing is in there come before it.
    pub era: u32,
}

impl Ends {
    /// Whether an operation found nothing to take.
    pub fn sees_empty(self, history: &History, row: u32) -> bool {
        history.kind[row as usize] == self.take && history.result[row as usize] == NULL
    }
}

/// All elements that need be in the order, with the moments that follow from their own operations.
pub fn elements(history: &History, rows: &[u32], ends: Ends) -> Result<Vec<Element>, Shown> {
    let mut number = vec![NOBODY; history.names.values.len()];
    let mut elements: Vec<Element> = Vec::with_capacity(rows.len() / 2);
    for row in rows {
        let at = *row as usize;
        if history.kind[at] == ends.put {
            let slot = &mut number[history.argument[at] as usize];
            if history.argument[at] == NULL || *slot != NOBODY {
                return Err(Shown::Unclear);
            }
            *slot = elements.len() as u32;
            let goes_in = (2 * history.invoked[at] + 1, end(history, at));
            let comes_out = (NEVER - 1, NEVER);
            elements.push(Element { put: *row, take: NOBODY, goes_in, comes_out, era: 0 });
        } else if history.status[at] != Outcome::Ok {
            return Err(Shown::Unclear);
        }
    }
    for row in rows.iter().filter(|row| history.kind[**row as usize] == ends.take) {
        let at = *row as usize;
        if ends.sees_empty(history, *row) {
            continue;
        }
        let Some(element) = elements.get_mut(number[history.result[at] as usize] as usize) else {
            return Err(nowhere(history, *row, ends));
        };
        let what = with_process(history, *row);
        let put = element.put;
        if element.take != NOBODY {
            let other = with_process(history, element.take);
            let reason = format!("{what} takes out what {other} took out too, and it was put in once.");
            return Err(flaw("taken twice", reason, vec![*row, element.take, put]));
        }
        if history.precedes(at, put as usize) {
            let reason = format!("{what} returned before {} began.", with_process(history, put));
            return Err(flaw("taken before it was put in", reason, vec![*row, put]));
        }
        element.take = *row;
        element.comes_out = (element.goes_in.0.max(2 * history.invoked[at] + 1), end(history, at));
        element.goes_in.1 = element.goes_in.1.min(element.comes_out.1);
    }
    // Nobody could notice an element that perhaps was put in and never came out.
    elements.retain(|it| it.take != NOBODY || history.status[it.put as usize] == Outcome::Ok);
    Ok(elements)
}

/// The last moment of an operation.
fn end(history: &History, at: usize) -> u32 {
    if history.completed[at] == NEVER { NEVER } else { 2 * history.completed[at] }
}

fn flaw(anomaly: &str, reason: String, culprits: Vec<u32>) -> Shown {
    Shown::Flaw(Box::new(Flaw { anomaly: anomaly.to_owned(), reason, culprits, ..Flaw::default() }))
}

fn nowhere(history: &History, row: u32, ends: Ends) -> Shown {
    let (key, value) = (history.key[row as usize], history.result[row as usize]);
    let failed = |other: &usize| {
        (history.kind[*other], history.key[*other], history.argument[*other]) == (ends.put, key, value)
    };
    let what = with_process(history, row);
    match (0..history.len()).find(failed) {
        None => flaw("taken from nowhere", format!("{what} takes out what nobody put in."), vec![row]),
        Some(other) => {
            let reason = format!("{what} takes out what only {} put in.", history.describe_short(other));
            flaw("taken from nowhere", reason, vec![row, other as u32])
        }
    }
}

/// A moment for each operation that found nothing, at which no element must be in it; as (moment, row) in
/// order.
pub fn cuts(history: &History, elements: &[Element], empty: &[u32]) -> Result<Vec<(u32, u32)>, Box<Flaw>> {
    let mut full: Vec<(u32, u32, u32)> = vec![];
    if !empty.is_empty() {
        let present = elements.iter().enumerate().filter(|(_, it)| it.goes_in.1 < it.comes_out.0);
        full.extend(present.map(|(index, it)| (it.goes_in.1, it.comes_out.0, index as u32)));
        full.sort_unstable();
    }
    let mut cuts = Vec::with_capacity(empty.len());
    // Times at which some element or other is in there, and the elements that show it.
    let mut next = 0;
    let mut until = 0;
    let mut chain: Vec<u32> = vec![];
    for row in empty {
        let at = *row as usize;
        let mut moment = 2 * history.invoked[at] + 1;
        loop {
            if until > moment {
                moment = until;
            }
            match full.get(next) {
                Some((from, to, index)) if *from < moment => {
                    if *from >= until {
                        chain.clear();
                    }
                    if *to > until {
                        until = *to;
                        chain.push(*index);
                    }
                    next += 1;
                }
                _ => break,
            }
        }
        if moment >= 2 * history.completed[at] {
            let start = 2 * history.invoked[at] + 1;
            return Err(Box::new(never_empty(history, *row, elements, &chain, start)));
        }
        cuts.push((moment, *row));
    }
    cuts.sort_unstable();
    Ok(cuts)
}

fn never_empty(history: &History, row: u32, elements: &[Element], chain: &[u32], start: u32) -> Flaw {
    let mut culprits = vec![row];
    let mut names = vec![];
    for element in chain.iter().map(|index| &elements[*index as usize]).filter(|it| it.comes_out.0 > start) {
        culprits.push(element.put);
        culprits.extend((element.take != NOBODY).then_some(element.take));
        names.push(history.show(history.argument[element.put as usize]));
    }
    Flaw {
        anomaly: String::from("not empty"),
        reason: format!(
            "{} found nothing, but all the time while it ran there was something: {}.",
            with_process(history, row),
            names.join(", then ")
        ),
        culprits,
        ..Flaw::default()
    }
}
