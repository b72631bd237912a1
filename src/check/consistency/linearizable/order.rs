//! One order out of the orders of the parts.
use crate::check::consistency::history::History;

/// The rows of all parts in one order that keeps real time.
///
/// Each part is given as (point, row), in its order. A point is a moment within the operation: twice a place of
/// the history for the moment just before that event, one more for the moment just after it. An event belongs
/// to one part, so only operations of one part share points. O(n) for whole histories, O(n log n) for parts of
/// them.
pub fn merge(history: &History, parts: Vec<Vec<(u32, u32)>>) -> Vec<u32> {
    let count: usize = parts.iter().map(Vec::len).sum();
    let mut parts = parts.into_iter();
    if parts.len() == 1 {
        return parts.next().unwrap_or_default().into_iter().map(|(_, row)| row).collect();
    }
    let points = 4 * history.len() + 2;
    let all = || parts.as_slice().iter().flatten();
    if all().any(|(point, _)| *point as usize >= points) {
        let mut all: Vec<(u32, u32)> = parts.flatten().collect();
        all.sort_by_key(|(point, _)| *point);
        return all.into_iter().map(|(_, row)| row).collect();
    }
    let mut places = vec![0u32; points + 1];
    for (point, _) in all() {
        places[*point as usize + 1] += 1;
    }
    for point in 0..points {
        places[point + 1] += places[point];
    }
    let mut order = vec![0; count];
    for (point, row) in parts.flatten() {
        let place = &mut places[point as usize];
        order[*place as usize] = row;
        *place += 1;
    }
    order
}
