//! Histories from text: the notation of the notes' figures, and the logs of Jepsen, Knossos and Elle.
use thiserror::Error;

use super::{History, Malformed};

pub mod edn;
pub mod jepsen;
pub mod notation;

/// Text that is no history.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unreadable {
    /// The text does not have the form.
    #[error("line {line}, column {column}: {problem}")]
    Syntax {
        /// Which line, from 1.
        line: usize,
        /// Which character of it, from 1.
        column: usize,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// It has the form, but no history can be like that.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// A history with the times its text gave, for pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Timed {
    /// The history.
    pub history: History,
    /// When each operation was asked, in the unit of the text.
    pub invoked: Vec<f64>,
    /// When each operation was answered; NaN if it was not.
    pub completed: Vec<f64>,
}

/// A number for each time, in the same order. (Times are compared, never calculated with.)
pub fn rank(time: f64) -> i64 {
    let bits = (time + 0.0).to_bits() as i64; // + 0.0: there is one zero
    if bits < 0 { i64::MIN - bits } else { bits }
}

impl Unreadable {
    /// A fault at a byte of the text.
    fn at(text: &str, offset: usize, problem: impl Into<String>) -> Self {
        let before = &text[..offset.min(text.len())];
        let line_start = before.rfind('\n').map_or(0, |it| it + 1);
        Self::Syntax {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            problem: problem.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_keep_the_order_of_times() {
        let times = [-2.5, -1.0, -0.0, 1e-300, 0.5, 1.0, 1e9, f64::INFINITY];
        for pair in times.windows(2) {
            assert!(rank(pair[0]) < rank(pair[1]), "{pair:?}");
        }
        assert_eq!(rank(0.0), rank(-0.0));
    }

    #[test]
    fn faults_are_where_they_are() {
        let Unreadable::Syntax { line, column, .. } = Unreadable::at("ab\ncd", 4, "no") else { panic!() };
        assert_eq!((line, column), (2, 2));
    }
}
