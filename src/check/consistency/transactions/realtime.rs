//! Real time as links: whoever was answered comes before whoever was asked afterwards.
use super::graph::{Dependency, Links};
use super::{Committed, History};
use crate::check::consistency::history::{NEVER, NULL};

/// Adds real time to the links. O(n): instead of a link for each pair there is a chain of helpers, moments
/// between an answer and the next question; who was answered comes before the next moment, and who is asked
/// comes after the latest one. Transactions that were never answered precede nobody.
pub fn add_real_time(links: &mut Links, history: &History, committed: &Committed) {
    let mut answers: Vec<(u32, u32)> = (0..committed.len() as u32)
        .map(|number| (history.completed[committed.row(number)], number))
        .filter(|(place, _)| *place != NEVER)
        .collect();
    answers.sort_unstable();
    let mut answers = answers.into_iter().peekable();
    let mut moment = None;
    for asked in 0..committed.len() as u32 {
        let place = history.invoked[committed.row(asked)];
        let mut answered = answers.next_if(|(answer, _)| *answer < place);
        if answered.is_some() {
            let next = links.helper();
            if let Some(previous) = moment {
                links.add(previous, next, Dependency::RealTime, NULL);
            }
            moment = Some(next);
        }
        while let (Some((_, earlier)), Some(moment)) = (answered, moment) {
            links.add(earlier, moment, Dependency::RealTime, NULL);
            answered = answers.next_if(|(answer, _)| *answer < place);
        }
        if let Some(moment) = moment {
            links.add(moment, asked, Dependency::RealTime, NULL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::consistency::arbitrary::{Chance, Shape, registers};

    #[test]
    fn whoever_was_answered_reaches_whoever_was_asked_afterwards_and_nobody_else() {
        let shape = Shape { processes: 4, operations: 12, keys: 1, values: 2, lies: 0, unknown: 30 };
        for seed in 0..500 {
            let history = registers(&mut Chance::new(seed), shape);
            let committed = Committed::new(&history, |row| row % 5 > 0);
            let mut links = Links::new(committed.len());
            add_real_time(&mut links, &history, &committed);
            assert!(links.links.len() <= 3 * committed.len());
            for one in 0..committed.len() as u32 {
                let mut reached = vec![one];
                let mut next = 0;
                while let Some(from) = reached.get(next).copied() {
                    let onwards = links.links.iter().filter(|link| link.from == from).map(|link| link.to);
                    reached.extend(onwards);
                    next += 1;
                }
                for other in 0..committed.len() as u32 {
                    let precedes = history.precedes(committed.row(one), committed.row(other));
                    assert_eq!(precedes, reached[1..].contains(&other), "{seed}: {one} {other}");
                }
            }
        }
    }
}
