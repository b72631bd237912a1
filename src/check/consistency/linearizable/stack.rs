//! Stacks whose elements all differ, by nesting.
//!
//! Where the push of an element was over before its pop began, the element was on the stack all the time from the
//! one to the other, its *core*. (The others can be pushed and popped at one moment, and are in nobody's way.) The
//! times at which elements are on a stack are nested or apart. So of elements whose cores hang together, one must
//! be below all others: its push can come before the others' pushes have to, its pop after the others' pops can.
//! If several can be the lowest, it does not matter which is: whoever can be, stays able to when another one goes
//! below it. Taking away the lowest leaves groups of cores that hang together, and so on. If a group has no
//! lowest element, there is no order; if all have, everything can be pushed as late and popped as early as what is
//! above it allows, so an empty stack can be seen wherever there is no core. (Lee and Mathur 2024 decrease
//! histories in this way, too.)
//!
//! O(n log n + n d) where d is how often what hangs together falls apart, at most the depth of the stack.
use crate::check::consistency::history::{History, Kind};
use crate::check::consistency::verdict::Flaw;

use super::elements::{Element, Ends, NOBODY, Shown, cuts, elements};

const ENDS: Ends = Ends { put: Kind::PUSH, take: Kind::POP };

/// When an element is pushed and popped, and what is below it then.
#[derive(Clone, Copy, Default)]
struct Place {
    pushed: u32,
    popped: u32,
    depth: u32,
}

/// Judges one stack. `rows` come in the order of invocation.
pub fn judge(history: &History, rows: &[u32]) -> Shown {
    let elements = match elements(history, rows, ENDS) {
        Ok(elements) => elements,
        Err(other) => return other,
    };
    let empty: Vec<u32> = rows.iter().copied().filter(|row| ENDS.sees_empty(history, *row)).collect();
    let cuts = match cuts(history, &elements, &empty) {
        Ok(cuts) => cuts,
        Err(flaw) => return Shown::Flaw(flaw),
    };
    match nest(&elements) {
        Ok(places) => Shown::Order(order(&elements, &places, &cuts)),
        Err(group) => Shown::Flaw(Box::new(tangled(history, &elements, &group))),
    }
}

/// The place of each element, or a group without a lowest element.
fn nest(elements: &[Element]) -> Result<Vec<Place>, Vec<u32>> {
    let mut places: Vec<Place> = elements
        .iter()
        .map(|it| Place { pushed: it.comes_out.0, popped: it.comes_out.0, depth: 0 })
        .collect();
    let core = |index: &u32| {
        let it = &elements[*index as usize];
        it.goes_in.1 < it.comes_out.0
    };
    let mut all: Vec<u32> = (0..elements.len() as u32).filter(core).collect();
    all.sort_unstable_by_key(|index| elements[*index as usize].goes_in.1);
    let mut work = vec![(all, 0)];
    while let Some((group, depth)) = work.pop() {
        for part in apart(elements, &group) {
            let bounds = Bounds::of(elements, part);
            let (lowest, rest): (Vec<u32>, Vec<u32>) =
                part.iter().partition(|index| bounds.can_be_lowest(elements, **index));
            if lowest.is_empty() {
                return Err(part.to_vec());
            }
            let above = depth + lowest.len() as u32;
            for (index, depth) in lowest.into_iter().zip(depth..) {
                places[index as usize] = Place { pushed: bounds.begins[0], popped: bounds.ends[0], depth };
            }
            if !rest.is_empty() {
                work.push((rest, above));
            }
        }
    }
    Ok(places)
}

/// The groups of elements, given in the order in which their cores begin, whose cores hang together.
fn apart<'a>(elements: &[Element], group: &'a [u32]) -> impl Iterator<Item = &'a [u32]> {
    let mut until = 0;
    let mut starts: Vec<usize> = vec![];
    for (at, index) in group.iter().enumerate() {
        let it = &elements[*index as usize];
        if at == 0 || it.goes_in.1 > until {
            starts.push(at);
        }
        until = until.max(it.comes_out.0);
    }
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([group.len()]).collect();
    starts.into_iter().zip(ends).map(|(start, end)| &group[start..end])
}

/// When the first two cores of a group begin, and when the last two end (the last first).
struct Bounds {
    begins: [u32; 2],
    ends: [u32; 2],
}

impl Bounds {
    fn of(elements: &[Element], group: &[u32]) -> Self {
        let mut bounds = Self { begins: [u32::MAX; 2], ends: [0; 2] };
        for index in group {
            let it = &elements[*index as usize];
            let (begin, end) = (it.goes_in.1, it.comes_out.0);
            match bounds.begins {
                [first, _] if begin < first => bounds.begins = [begin, first],
                [first, second] => bounds.begins = [first, second.min(begin)],
            }
            match bounds.ends {
                [last, _] if end > last => bounds.ends = [end, last],
                [last, second] => bounds.ends = [last, second.max(end)],
            }
        }
        bounds
    }

    /// Whether an element of the group can be pushed before all others have to be, and popped after all others
    /// can be.
    fn can_be_lowest(&self, elements: &[Element], index: u32) -> bool {
        let it = &elements[index as usize];
        let first = self.begins[usize::from(it.goes_in.1 == self.begins[0])];
        let last = self.ends[usize::from(it.comes_out.0 == self.ends[0])];
        it.goes_in.0 < first && it.comes_out.1 > last
    }
}

/// All operations in their order: what is pushed at one moment from below to above, what is popped at one from
/// above to below.
fn order(elements: &[Element], places: &[Place], cuts: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let mut order: Vec<(u32, u64, u32)> = Vec::with_capacity(2 * elements.len() + cuts.len());
    for (element, place) in elements.iter().zip(places) {
        order.push((place.pushed, u64::from(place.depth), element.put));
        if element.take != NOBODY {
            order.push((place.popped, u64::from(u32::MAX) * 2 - u64::from(place.depth), element.take));
        }
    }
    order.extend(cuts.iter().map(|(moment, row)| (*moment, u64::MAX, *row)));
    order.sort_unstable();
    order.into_iter().map(|(moment, _, row)| (moment, row)).collect()
}

fn tangled(history: &History, elements: &[Element], group: &[u32]) -> Flaw {
    let mut culprits = vec![];
    let mut names = vec![];
    for element in group.iter().map(|index| &elements[*index as usize]) {
        culprits.extend([element.take, element.put].into_iter().filter(|row| *row != NOBODY));
        names.push(history.show(history.argument[element.put as usize]));
    }
    let some = names.iter().take(6).cloned().collect::<Vec<_>>().join(", ");
    let more = if names.len() > 6 { ", …" } else { "" };
    Flaw {
        anomaly: String::from("not last in, first out"),
        reason: format!(
            "{some}{more} were on the stack together, but none of them can have been below all others: each was \
             pushed after another one was there, or popped while another one still was."
        ),
        culprits,
        ..Flaw::default()
    }
}
