//! Figure 2.34: transactions whose operations interleave.
use std::collections::BTreeMap;

use distlab::check::consistency::Model;
use distlab::protocols::concurrency_control::{Control, Op};

use super::{CONTROLS, Cluster, MS, SECOND, add, get, put};

/// Looks at the prices of both stocks, and trades one for the other.
fn trade(first: i64) -> Vec<Op> {
    vec![get("A"), get("B"), put("B", first), put("A", first + 50)]
}

fn take(key: &str, by: i64) -> Op {
    Op::Take { key: key.into(), by }
}

/// Two transactions at once, and a third that looks at both stocks afterwards.
fn play(control: Control, pair: [Vec<Op>; 2], seed: u64) -> Cluster {
    let mut cluster = Cluster::new(2, 2, control, seed);
    cluster.run(MS);
    let [one, other] = pair;
    let ops = [cluster.ask(0, one), cluster.ask(1, other)];
    assert!(cluster.run_until(20 * SECOND, |it| ops.iter().all(|op| it.reply(*op).is_some())));
    cluster.run_one(0, vec![get("A"), get("B")]);
    cluster
}

/// Pairs of transactions, and what comes of them without control.
fn pairs() -> Vec<([Vec<Op>; 2], &'static str)> {
    let either = |key| vec![get("A"), get("B"), put(key, if key == "A" { 1 } else { 2 })];
    vec![
        ([trade(100), trade(200)], "lost update"),
        ([either("A"), either("B")], "write skew"),
        ([vec![get("A"), get("A")], vec![put("A", 1)]], "non-repeatable read"),
        ([vec![get("A"), get("B")], vec![put("A", 1), put("B", 1)]], "fractured read"),
        ([vec![put("A", 7), take("B", 5)], vec![get("A")]], "G1a"),
        ([vec![add("A", 1), add("B", 1)], vec![add("A", 10), add("B", 10)]], "lost update"),
    ]
}

#[test]
fn without_control_the_checker_names_what_went_wrong() {
    for (pair, name) in pairs() {
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        for seed in 0..100 {
            let cluster = play(Control::Nothing, pair.clone(), seed);
            if let Some(flaw) = cluster.judge(Model::StrictSerializable).flaw {
                let words = format!("{} {}", flaw.anomaly, flaw.reason.split(':').next().unwrap_or_default());
                *seen.entry(words).or_default() += 1;
            }
        }
        assert!(seen.keys().any(|it| it.contains(name)), "no {name}: {seen:?}");
    }
}

#[test]
fn with_control_nothing_goes_wrong() {
    for control in CONTROLS {
        for (pair, _) in pairs() {
            for seed in 0..50 {
                let verdict = play(control, pair.clone(), seed).judge(Model::StrictSerializable);
                assert_eq!(verdict.ok, Some(true), "{control:?} seed {seed}: {:?}", verdict.flaw);
            }
        }
    }
}
