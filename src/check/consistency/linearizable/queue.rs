//! Queues whose elements all differ, in O(n log n).
//!
//! What is wrong with a queue always shows in one, two or a chain of elements (Henzinger, Sezgin and Vafeiadis
//! 2013; Bouajjani et al. 2015): an element comes out that was never put in, or twice, or too early; two elements
//! come out in the wrong order; the queue is seen empty while some element must be in it. Where nothing is wrong,
//! an order is built: elements in an order that both their enqueues and their dequeues allow, each operation as
//! soon as it and all before it have begun. Each moment at which the queue is seen empty cuts the history in two.
use crate::check::consistency::history::{History, Kind};
use crate::check::consistency::verdict::Flaw;

use super::elements::{Element, Ends, NOBODY, Shown, cuts, elements};
use super::explain::with_process;

const ENDS: Ends = Ends { put: Kind::ENQUEUE, take: Kind::DEQUEUE };

/// Judges one queue. `rows` come in the order of invocation.
pub fn judge(history: &History, rows: &[u32]) -> Shown {
    if rows.iter().any(|row| history.kind[*row as usize] == Kind::PEEK) {
        return Shown::Unclear;
    }
    let mut elements = match elements(history, rows, ENDS) {
        Ok(elements) => elements,
        Err(other) => return other,
    };
    let empty: Vec<u32> = rows.iter().copied().filter(|row| ENDS.sees_empty(history, *row)).collect();
    let cuts = match cuts(history, &elements, &empty) {
        Ok(cuts) => cuts,
        Err(flaw) => return Shown::Flaw(flaw),
    };
    divide(&mut elements, &cuts);
    let Some(order) = arrange(&elements) else {
        return out_of_order(history, &elements).map_or(Shown::Unclear, |it| Shown::Flaw(Box::new(it)));
    };
    place(&elements, &order, &cuts).map_or(Shown::Unclear, Shown::Order)
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
        placed.push((last_in, 2 * element.era, 2 * turn as u32, element.put));
        if element.take != NOBODY {
            last_out = element.comes_out.0.max(last_out).max(last_in);
            if last_out > element.comes_out.1 {
                return None;
            }
            placed.push((last_out, 2 * element.era, 2 * turn as u32 + 1, element.take));
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
        let rows = [second.take, first.take, first.put, second.put];
        let culprits: Vec<u32> = rows.into_iter().filter(|row| *row != NOBODY).collect();
        let then = match first.take {
            NOBODY => String::from("nobody took out the first"),
            row => format!("{} began", with_process(history, row)),
        };
        let reason = format!(
            "{} returned before {} began, but {} returned before {then}.",
            with_process(history, first.put),
            with_process(history, second.put),
            with_process(history, second.take)
        );
        return Some(Flaw { anomaly: String::from("out of order"), reason, culprits, ..Flaw::default() });
    }
    None
}
