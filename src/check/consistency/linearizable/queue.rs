//! Queues whose elements all differ, in O(n log n).
//!
//! What is wrong with a queue always shows in one, two or a chain of elements (Henzinger, Sezgin and Vafeiadis
//! 2013; Bouajjani et al. 2015): an element comes out that was never put in, or twice, or too early; two elements
//! come out in the wrong order; the queue is seen empty while some element must be in it. Where nothing is wrong,
//! an order is built: elements in an order that both their enqueues and their dequeues allow, each operation as
//! soon as it and all before it have begun. Each moment at which the queue is seen empty cuts the history in two.
use crate::check::consistency::history::{History, Kind, NEVER, NULL};
use crate::check::consistency::verdict::Flaw;
use crate::sim::Outcome;

use super::explain::with_process;

const NOBODY: u32 = u32::MAX;

/// What the elements of one queue show.
pub enum Queued {
    /// An order, as (point, row), see [`super::order::merge`].
    Order(Vec<(u32, u32)>),
    /// What contradicts any order.
    Flaw(Box<Flaw>),
    /// Elements repeat, or a dequeue took nobody knows what, or this method is at a loss: search instead.
    Unclear,
}

/// An element: moments are twice the places of events, plus one for the moment just after.
#[derive(Clone, Copy)]
struct Element {
    enqueue: u32,
    /// None: it stays in the queue.
    dequeue: u32,
    /// The bounds of the moment at which it goes in, and of that at which it comes out.
    goes_in: (u32, u32),
    comes_out: (u32, u32),
    /// How many of the moments at which the queue is empty come before it.
    era: u32,
}

/// Judges one queue. `rows` come in the order of invocation.
pub fn judge(history: &History, rows: &[u32]) -> Queued {
    let mut elements = match elements(history, rows) {
        Ok(elements) => elements,
        Err(other) => return other,
    };
    let empty: Vec<u32> = rows.iter().copied().filter(|row| sees_empty(history, *row)).collect();
    let cuts = match cuts(history, &elements, &empty) {
        Ok(cuts) => cuts,
        Err(flaw) => return Queued::Flaw(flaw),
    };
    divide(&mut elements, &cuts);
    let Some(order) = arrange(&elements) else {
        return out_of_order(history, &elements).map_or(Queued::Unclear, |it| Queued::Flaw(Box::new(it)));
    };
    place(&elements, &order, &cuts).map_or(Queued::Unclear, Queued::Order)
}

fn sees_empty(history: &History, row: u32) -> bool {
    history.kind[row as usize] == Kind::DEQUEUE && history.result[row as usize] == NULL
}

/// All elements that need be in the order, with the moments that follow from their own operations.
fn elements(history: &History, rows: &[u32]) -> Result<Vec<Element>, Queued> {
    let mut number = vec![NOBODY; history.names.values.len()];
    let mut elements: Vec<Element> = Vec::with_capacity(rows.len() / 2);
    for row in rows {
        let at = *row as usize;
        if history.kind[at] == Kind::ENQUEUE {
            let slot = &mut number[history.argument[at] as usize];
            if history.argument[at] == NULL || *slot != NOBODY {
                return Err(Queued::Unclear);
            }
            *slot = elements.len() as u32;
            let goes_in = (2 * history.invoked[at] + 1, end(history, at));
            let comes_out = (NEVER - 1, NEVER);
            elements.push(Element { enqueue: *row, dequeue: NOBODY, goes_in, comes_out, era: 0 });
        } else if history.status[at] != Outcome::Ok {
            return Err(Queued::Unclear);
        }
    }
    for row in rows.iter().filter(|row| history.kind[**row as usize] == Kind::DEQUEUE) {
        let at = *row as usize;
        if sees_empty(history, *row) {
            continue;
        }
        let Some(element) = elements.get_mut(number[history.result[at] as usize] as usize) else {
            return Err(nowhere(history, *row));
        };
        let what = with_process(history, *row);
        let enqueue = element.enqueue;
        if element.dequeue != NOBODY {
            let other = with_process(history, element.dequeue);
            let reason = format!("{what} takes out what {other} took out too, and it was put in once.");
            return Err(flaw("taken twice", reason, vec![*row, element.dequeue, enqueue]));
        }
        if history.precedes(at, enqueue as usize) {
            let reason = format!("{what} returned before {} began.", with_process(history, enqueue));
            return Err(flaw("taken before it was put in", reason, vec![*row, enqueue]));
        }
        element.dequeue = *row;
        element.comes_out = (element.goes_in.0.max(2 * history.invoked[at] + 1), end(history, at));
        element.goes_in.1 = element.goes_in.1.min(element.comes_out.1);
    }
    // Nobody could notice an element that perhaps was put in and never came out.
    elements.retain(|it| it.dequeue != NOBODY || history.status[it.enqueue as usize] == Outcome::Ok);
    Ok(elements)
}

/// The last moment of an operation.
fn end(history: &History, at: usize) -> u32 {
    if history.completed[at] == NEVER { NEVER } else { 2 * history.completed[at] }
}

fn flaw(anomaly: &str, reason: String, culprits: Vec<u32>) -> Queued {
    Queued::Flaw(Box::new(Flaw { anomaly: anomaly.to_owned(), reason, culprits, ..Flaw::default() }))
}

fn nowhere(history: &History, row: u32) -> Queued {
    let (key, value) = (history.key[row as usize], history.result[row as usize]);
    let failed = |other: &usize| {
        (history.kind[*other], history.key[*other], history.argument[*other]) == (Kind::ENQUEUE, key, value)
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

/// A moment for each dequeue that saw the queue empty, at which no element must be in it; as (moment, row) in
/// order.
fn cuts(history: &History, elements: &[Element], empty: &[u32]) -> Result<Vec<(u32, u32)>, Box<Flaw>> {
    let mut full: Vec<(u32, u32, u32)> = vec![];
    if !empty.is_empty() {
        let present = elements.iter().enumerate().filter(|(_, it)| it.goes_in.1 < it.comes_out.0);
        full.extend(present.map(|(index, it)| (it.goes_in.1, it.comes_out.0, index as u32)));
        full.sort_unstable();
    }
    let mut cuts = Vec::with_capacity(empty.len());
    // Times at which some element or other is in the queue, and the elements that show it.
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
        culprits.push(element.enqueue);
        culprits.extend((element.dequeue != NOBODY).then_some(element.dequeue));
        names.push(history.show(history.argument[element.enqueue as usize]));
    }
    Flaw {
        anomaly: String::from("not empty"),
        reason: format!(
            "{} found the queue empty, but all the time while it ran there was something in it: {}.",
            with_process(history, row),
            names.join(", then ")
        ),
        culprits,
        ..Flaw::default()
    }
}

/// Puts each element wholly between two moments at which the queue is empty: as early as it can be.
fn divide(elements: &mut [Element], cuts: &[(u32, u32)]) {
    if cuts.is_empty() {
        return;
    }
    for element in elements {
        let era = cuts.partition_point(|(moment, _)| *moment < element.comes_out.0);
        element.era = era as u32;
        if let Some((from, _)) = era.checked_sub(1).map(|it| cuts[it]) {
            element.goes_in.0 = element.goes_in.0.max(from);
            element.comes_out.0 = element.comes_out.0.max(from);
        }
        if let Some((to, _)) = cuts.get(era) {
            element.goes_in.1 = element.goes_in.1.min(*to);
            element.comes_out.1 = element.comes_out.1.min(*to);
        }
    }
}

/// An order of the elements in which none goes in, or comes out, wholly after a later one. None if there is none.
fn arrange(elements: &[Element]) -> Option<Vec<u32>> {
    let sorted = |key: &dyn Fn(&Element) -> u32| {
        let mut keyed: Vec<u64> =
            elements.iter().enumerate().map(|(index, it)| u64::from(key(it)) << 32 | index as u64).collect();
        keyed.sort_unstable();
        keyed
    };
    let begin = [sorted(&|it| it.goes_in.0), sorted(&|it| it.comes_out.0)];
    let end = [sorted(&|it| it.goes_in.1), sorted(&|it| it.comes_out.1)];
    let mut passed = vec![0u8; elements.len()];
    let (mut next_begin, mut next_end) = ([0, 0], [0, 0]);
    let mut order: Vec<u32> = Vec::with_capacity(elements.len());
    let mut ready: Vec<u32> = vec![];
    while order.len() < elements.len() {
        for side in 0..2 {
            // The first end among the elements that are left bounds what may come next.
            while end[side].get(next_end[side]).is_some_and(|it| passed[*it as u32 as usize] == 3) {
                next_end[side] += 1;
            }
            let bound = end[side].get(next_end[side]).map_or(u32::MAX, |it| (it >> 32) as u32);
            while let Some(it) = begin[side].get(next_begin[side]) {
                if (it >> 32) as u32 > bound {
                    break;
                }
                let index = *it as u32;
                passed[index as usize] += 1;
                if passed[index as usize] == 2 {
                    ready.push(index);
                }
                next_begin[side] += 1;
            }
        }
        if ready.is_empty() {
            return None;
        }
        for index in ready.drain(..) {
            passed[index as usize] = 3;
            order.push(index);
        }
    }
    Some(order)
}

/// The point of each operation; none if some operation would have to take effect after its end.
fn place(elements: &[Element], order: &[u32], cuts: &[(u32, u32)]) -> Option<Vec<(u32, u32)>> {
    // Point, twice the era (and one more for the moment after it), turn, row.
    let mut placed: Vec<(u32, u32, u32, u32)> = Vec::with_capacity(2 * order.len() + cuts.len());
    let mut keyed: Vec<(u64, u64)> = Vec::with_capacity(2 * order.len() + cuts.len());
    let (mut last_in, mut last_out) = (0, 0);
    for (turn, index) in order.iter().enumerate() {
        let element = &elements[*index as usize];
        last_in = element.goes_in.0.max(last_in);
        if last_in > element.goes_in.1 {
            return None;
        }
        placed.push((last_in, 2 * element.era, 2 * turn as u32, element.enqueue));
        if element.dequeue != NOBODY {
            last_out = element.comes_out.0.max(last_out).max(last_in);
            if last_out > element.comes_out.1 {
                return None;
            }
            placed.push((last_out, 2 * element.era, 2 * turn as u32 + 1, element.dequeue));
        }
    }
    for (era, (moment, row)) in cuts.iter().enumerate() {
        placed.push((*moment, 2 * era as u32 + 1, 0, *row));
    }
    for (index, (point, era, turn, _)) in placed.iter().enumerate() {
        keyed.push((u64::from(*point) << 32 | u64::from(*era), u64::from(*turn) << 32 | index as u64));
    }
    keyed.sort_unstable();
    let row = |key: &(u64, u64)| ((key.0 >> 32) as u32, placed[key.1 as u32 as usize].3);
    Some(keyed.iter().map(row).collect())
}

/// The flaw of two elements that went in in one order and came out in the other.
fn out_of_order(history: &History, elements: &[Element]) -> Option<Flaw> {
    let mut by_end: Vec<&Element> = elements.iter().collect();
    by_end.sort_unstable_by_key(|it| it.goes_in.1);
    let mut by_begin: Vec<&Element> = elements.iter().collect();
    by_begin.sort_unstable_by_key(|it| it.goes_in.0);
    let mut ended = by_end.into_iter().peekable();
    let mut latest: Option<&Element> = None;
    for second in by_begin {
        while let Some(first) = ended.next_if(|it| it.goes_in.1 < second.goes_in.0) {
            if latest.is_none_or(|it| it.comes_out.0 < first.comes_out.0) {
                latest = Some(first);
            }
        }
        let Some(first) = latest.filter(|it| it.comes_out.0 > second.comes_out.1) else { continue };
        let rows = [second.dequeue, first.dequeue, first.enqueue, second.enqueue];
        let culprits: Vec<u32> = rows.into_iter().filter(|row| *row != NOBODY).collect();
        let then = match first.dequeue {
            NOBODY => String::from("nobody took out the first"),
            row => format!("{} began", with_process(history, row)),
        };
        let reason = format!(
            "{} returned before {} began, but {} returned before {then}.",
            with_process(history, first.enqueue),
            with_process(history, second.enqueue),
            with_process(history, second.dequeue)
        );
        return Some(Flaw { anomaly: String::from("out of order"), reason, culprits, ..Flaw::default() });
    }
    None
}
