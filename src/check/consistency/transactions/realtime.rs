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
