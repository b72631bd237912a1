//! Lists against an obvious reference.
mod generate;
mod reference;

use self::reference::{LEVELS, levels, satisfied};
use super::check;
use crate::check::consistency::arbitrary::Chance;
use crate::check::consistency::history::{Access, Builder, History};
use crate::check::consistency::{Budget, Flaw, Model, Verdict, Witness};
use crate::sim::{Outcome, Value};

fn judge(history: &History, model: Model) -> Verdict {
    check(history, model, &Budget::default()).expect("well formed")
}

/// Everything that took effect for sure is in the witness once, and the order is what the level asks for.
fn assert_witness(history: &History, verdict: &Verdict, level: usize) {
    let Some(Witness::Order(order)) = &verdict.witness else { panic!("no order in {verdict:?}") };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), order.len());
    for row in 0..history.len() as u32 {
        match history.status[row as usize] {
            Outcome::Ok => assert!(sorted.contains(&row)),
            Outcome::Fail => assert!(!sorted.contains(&row)),
            Outcome::Info => {}
        }
    }
    assert!(satisfied(history, order)[level], "{verdict:?}\n{}", show(history));
}

/// What the flaw speaks of is flawed when it is alone, too; mostly by the same.
fn assert_flaw(history: &History, flaw: &Flaw, model: Model) -> bool {
    let mut rows = flaw.culprits.clone();
    rows.sort_unstable();
    assert!(!rows.is_empty() && !flaw.reason.is_empty() && flaw.counterexample.is_empty(), "{flaw:?}");
    let wanted = |_, access: usize| flaw.accesses.is_empty() || flaw.accesses.contains(&(access as u32));
    let part = history.select_accesses(&rows, wanted);
    let verdict = judge(&part, model);
    let again = verdict.flaw.unwrap_or_else(|| panic!("{flaw:#?}\n{}\n{}", show(history), show(&part)));
    for (edge, next) in flaw.cycle.iter().zip(flaw.cycle.iter().cycle().skip(1)) {
        assert_eq!(edge.to, next.from);
    }
    again.anomaly == flaw.anomaly
}

fn show(history: &History) -> String {
    let line = |row| format!("{row} {:?} {}\n", history.invoked[row], history.describe(row));
    (0..history.len()).map(line).collect()
}

fn compare(seeds: std::ops::Range<u64>, most: u64) -> [u64; 7] {
    let mut held = [0; 7];
    let (mut flaws, mut same) = (0, 0);
    for seed in seeds {
        let history = generate::history(&mut Chance::new(seed), most);
        let expected = levels(&history);
        for (level, model) in LEVELS.into_iter().enumerate() {
            let verdict = judge(&history, model);
            assert_eq!(verdict.ok, Some(expected[level]), "{seed}: {verdict:#?}\n{}", show(&history));
            held[level] += u64::from(expected[level]);
            match &verdict.flaw {
                None => assert_witness(&history, &verdict, level),
                Some(flaw) => {
                    flaws += 1;
                    same += u64::from(assert_flaw(&history, flaw, model));
                }
            }
        }
    }
    assert!(same * 100 > flaws * 97, "{same} of {flaws}");
    held
}

#[test]
fn every_level_is_what_the_definition_says() {
    let held = compare(0..40_000, 4);
    println!("{held:?}");
    assert!(held.iter().all(|held| (5_000..36_000).contains(held)), "{held:?}");
}

#[test]
fn every_level_is_what_the_definition_says_of_more_transactions() {
    let held = compare(40_000..50_000, 5);
    println!("{held:?}");
    assert!(held.iter().all(|held| (2_000..9_000).contains(held)), "{held:?}");
}
