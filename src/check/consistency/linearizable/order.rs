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
    // Window by window, so that what is written to at random stays small.
    let window = WINDOW.max(points * parts.len() / (4 * count + 1));
    let mut rest: Vec<&[(u32, u32)]> = parts.as_slice().iter().map(Vec::as_slice).collect();
    let mut places = vec![0u32; window + 1];
    let mut order = vec![0; count];
    let mut done = 0;
    for start in (0..points).step_by(window) {
        places.fill(0);
        let inside =
            |part: &[(u32, u32)]| part.iter().take_while(|it| (it.0 as usize) < start + window).count();
        let counts: Vec<usize> = rest.iter().map(|part| inside(part)).collect();
        for (part, count) in rest.iter().zip(&counts) {
            part[..*count].iter().for_each(|(point, _)| places[*point as usize - start + 1] += 1);
        }
        for index in 0..window {
            places[index + 1] += places[index];
        }
        for (part, count) in rest.iter_mut().zip(counts) {
            for (point, row) in &part[..count] {
                let place = &mut places[*point as usize - start];
                order[done + *place as usize] = *row;
                *place += 1;
            }
            *part = &part[count..];
        }
        done += places[window.saturating_sub(1)] as usize;
    }
    order
}

/// How many points are sorted at a time, at least.
const WINDOW: usize = 1 << 15;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::consistency::history::{Builder, Kind, NULL};
    use crate::sim::Outcome;

    #[test]
    fn the_windows_of_a_long_history_come_in_order() {
        let mut builder = Builder::default();
        let process = builder.process("a");
        let length = 3 * WINDOW as i64 / 4;
        for at in 0..length {
            builder.push(process, Kind::READ, NULL, NULL, NULL, Outcome::Ok, at, Some(at));
        }
        let history = builder.finish().unwrap();
        let point = |row: u32| 2 * history.invoked[row as usize] + 1;
        let part =
            |rest| (0..length as u32).filter(|row| row % 3 == rest).map(|row| (point(row), row)).collect();
        let whole: Vec<u32> = (0..length as u32).collect();
        assert_eq!(merge(&history, (0..3).map(part).collect()), whole);
    }
}
