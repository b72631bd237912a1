//! Lists against an obvious reference.
mod examples;
mod generate;
mod reference;

use std::collections::BTreeMap;

use self::reference::{Given, LEVELS, levels, satisfied};
use super::{check, check_with_versions};
use crate::check::consistency::arbitrary::Chance;
use crate::check::consistency::history::{Access, History};
use crate::check::consistency::{Budget, Flaw, Model, Verdict, Witness};
use crate::sim::Outcome;

fn judge(history: &History, model: Model, given: Option<&Given>) -> Verdict {
    let budget = Budget::default();
    match given {
        None => check(history, model, &budget),
        Some(orders) => check_with_versions(history, model, orders, &budget),
    }
    .expect("can be judged")
}

/// Everything that took effect for sure is in the witness once, and the order is what the level asks for.
fn assert_witness(history: &History, verdict: &Verdict, level: usize, given: Option<&Given>) {
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
    assert!(satisfied(history, order, given)[level], "{verdict:?}\n{}", show(history));
}

/// What the flaw speaks of is flawed when it is alone, too; mostly by the same.
fn assert_flaw(history: &History, flaw: &Flaw, model: Model, given: Option<&Given>) -> bool {
    let mut rows = flaw.culprits.clone();
    rows.sort_unstable();
    assert!(!rows.is_empty() && !flaw.reason.is_empty() && flaw.counterexample.is_empty(), "{flaw:?}");
    let wanted = |access: usize| flaw.accesses.is_empty() || flaw.accesses.contains(&(access as u32));
    let part = history.select_accesses(&rows, wanted);
    let verdict = judge(&part, model, given);
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

/// Compares all levels with their definitions; how often each holds, and how often it is the strongest that
/// does.
fn compare(history: &History, given: Option<&Given>, seed: u64, counts: &mut Counts) {
    let expected = levels(history, given);
    for (level, model) in LEVELS.into_iter().enumerate() {
        let verdict = judge(history, model, given);
        assert_eq!(verdict.ok, Some(expected[level]), "{seed}: {verdict:#?}\n{}", show(history));
        counts.held[level] += u64::from(expected[level]);
        match &verdict.flaw {
            None => assert_witness(history, &verdict, level, given),
            Some(flaw) => {
                counts.flaws += 1;
                counts.same += u64::from(assert_flaw(history, flaw, model, given));
            }
        }
    }
    counts.strongest[expected.iter().filter(|held| **held).count()] += 1;
}

#[derive(Debug, Default)]
struct Counts {
    held: [u64; 7],
    strongest: [u64; 8],
    flaws: u64,
    same: u64,
}

impl Counts {
    /// Each level often holds and often fails, and the levels differ.
    fn assert_telling(&self, histories: u64) {
        println!("{self:?}");
        assert!(self.held.iter().all(|held| (histories / 5..histories * 19 / 20).contains(held)), "{self:?}");
        assert!(self.strongest.iter().all(|strongest| *strongest > histories / 3000), "{self:?}");
        assert!(self.same * 100 > self.flaws * 97, "{self:?}");
    }
}

#[test]
fn every_level_is_what_the_definition_says() {
    let mut counts = Counts::default();
    for seed in 0..40_000 {
        let (history, _) = generate::history(&mut Chance::new(seed), 4);
        compare(&history, None, seed, &mut counts);
    }
    counts.assert_telling(40_000);
}

#[test]
fn every_level_is_what_the_definition_says_of_more_transactions() {
    let mut counts = Counts::default();
    for seed in 40_000..50_000 {
        let (history, _) = generate::history(&mut Chance::new(seed), 5);
        compare(&history, None, seed, &mut counts);
    }
    counts.assert_telling(10_000);
}

#[test]
fn given_orders_of_lists_decide_the_same() {
    let mut counts = Counts::default();
    for seed in 50_000..60_000 {
        let (history, orders) = generate::history(&mut Chance::new(seed), 4);
        compare(&history, Some(&orders), seed, &mut counts);
    }
    counts.assert_telling(10_000);
}

#[test]
fn given_orders_of_registers_decide_the_same() {
    let mut counts = Counts::default();
    for seed in 60_000..70_000 {
        let (history, orders) = generate::history(&mut Chance::new(seed), 4);
        let history = generate::as_registers(&history);
        // What a transaction has overwritten itself is no version.
        let is_final = |key: u32, value: u32| {
            let writes = |row: usize| {
                history.accesses.of(row).filter(move |(of, it)| *of == key && matches!(it, Access::Write(_)))
            };
            (0..history.len()).any(|row| writes(row).last() == Some((key, Access::Write(value))))
        };
        let finals = |(key, order): &(u32, Vec<u32>)| {
            (*key, order.iter().copied().filter(|value| is_final(*key, *value)).collect())
        };
        let orders: Vec<(u32, Vec<u32>)> = orders.iter().map(finals).collect();
        compare(&history, Some(&orders), seed, &mut counts);
    }
    counts.assert_telling(10_000);
}

#[test]
fn what_nobody_read_is_put_in_an_order_if_there_is_one() {
    let mut counts = Counts::default();
    for seed in 0..5_000 {
        compare(&generate::unread(&mut Chance::new(seed)), None, seed, &mut counts);
    }
    let [.., prefix, snapshot, serializable, _] = counts.held;
    assert!(prefix == 5_000 && snapshot < 4_500 && serializable < snapshot - 100, "{counts:?}");
    assert!(snapshot > 500, "{counts:?}");
}

/// Whether the lists are those that the transactions make one after the other, in this order.
fn replays(history: &History, order: &[u32]) -> bool {
    let mut lists: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    order.iter().flat_map(|row| history.accesses.of(*row as usize)).all(|(key, access)| {
        let list = lists.entry(key).or_default();
        match access {
            Access::Append(element) => list.push(element),
            Access::ReadList(read) => return history.accesses.list(read) == list.as_slice(),
            _ => {}
        }
        true
    })
}

#[test]
fn many_transactions_are_judged_alike_by_any_number_of_threads() {
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    let (one, many) = (pool(1), pool(3));
    for spoiled in [false, true] {
        let history = generate::long(&mut Chance::new(7), 12_000, spoiled);
        for model in LEVELS {
            let verdict = one.install(|| judge(&history, model, None));
            assert_eq!(verdict, many.install(|| judge(&history, model, None)));
            if model == Model::StrictSerializable {
                assert_eq!(verdict.ok, Some(!spoiled));
            }
            if let (false, Some(Witness::Order(order))) = (spoiled, &verdict.witness) {
                assert!(order.len() == 12_000 && replays(&history, order));
            }
        }
    }
}
