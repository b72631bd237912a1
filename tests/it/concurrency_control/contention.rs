//! Workloads: a bank whose money stays what it was, and what contention costs.
use distlab::check::consistency::Model;
use distlab::protocols::concurrency_control::Control;
use distlab::sim::workload::{Keys, Mix, Workload};
use distlab::sim::{Outcome, Span, Value};

use super::{CONTROLS, Cluster, SECOND, get};
use crate::raft::each_seed;

/// Runs a workload of so many operations; how many committed and aborted.
fn load(control: Control, mix: Mix, keys: Keys, limit: u64, seed: u64) -> (Cluster, u64, u64) {
    let mut cluster = Cluster::new(3, 8, control, seed);
    let width = Span::exactly(2);
    let clients = cluster.clients.clone();
    let workload = Workload { keys, mix, width, limit: Some(limit), first_value: 1, ..Workload::of(clients) };
    cluster.world.load(workload).unwrap();
    assert!(cluster.run_until(200 * SECOND, |it| it.world.history().answered() >= limit), "{control:?}");
    let ended = |how| cluster.world.history().ops().iter().filter(|op| op.outcome() == how).count() as u64;
    let (committed, aborted) = (ended(Outcome::Ok), ended(Outcome::Fail));
    (cluster, committed, aborted)
}

#[test]
fn no_money_is_made_or_lost() {
    let mix = Mix { transfer: 0.8, read: 0.2, ..Mix::default() };
    for control in CONTROLS {
        each_seed(5, |seed| {
            let (mut cluster, committed, _) =
                load(control, mix, Keys::Zipf { n: 10, exponent: 0.9 }, 300, seed);
            assert!(cluster.run_until(20 * SECOND, Cluster::at_rest));
            let balance = |key: u32| match cluster.value(&format!("k{key}")) {
                Value::Null => 0,
                Value::Int(it) => it,
                other => panic!("{other}"),
            };
            assert_eq!((0..10).map(balance).sum::<i64>(), 0, "{control:?}");
            assert!(committed > 30, "{control:?}: {committed}");
            cluster.run_one(0, vec![get("k0")]);
        });
    }
}

#[test]
fn without_control_money_is_made_or_lost() {
    let mix = Mix { transfer: 1.0, ..Mix::default() };
    let (cluster, ..) = load(Control::Nothing, mix, Keys::Zipf { n: 4, exponent: 0.9 }, 300, 1);
    let balance = |key: u32| match cluster.value(&format!("k{key}")) {
        Value::Int(it) => it,
        _ => 0,
    };
    assert_ne!((0..4).map(balance).sum::<i64>(), 0);
}

/// Stock: get two, put two.
#[test]
fn trades_of_two_stocks_are_strictly_serializable() {
    let mix = Mix { read_modify_write: 0.7, read: 0.3, ..Mix::default() };
    for control in CONTROLS {
        let (cluster, committed, _) = load(control, mix, Keys::Zipf { n: 20, exponent: 0.9 }, 400, 2);
        let verdict = cluster.judge(Model::StrictSerializable);
        assert_eq!(verdict.ok, Some(true), "{control:?}: {:?}", verdict.flaw);
        assert!(committed > 50);
    }
}

#[test]
fn the_more_popular_the_first_keys_the_more_is_aborted() {
    let mix = Mix { read_modify_write: 1.0, ..Mix::default() };
    for control in [CONTROLS[1], Control::Timestamp] {
        let rates: Vec<u64> = [0.0, 0.9, 2.0]
            .map(|exponent| load(control, mix, Keys::Zipf { n: 200, exponent }, 1_000, 4).2)
            .into();
        assert!(rates[0] < rates[1] && rates[1] < rates[2], "{control:?}: {rates:?}");
    }
}
