//! Scans against a judge that tries all orders, and one example each of what they can tell.
use super::*;
use crate::check::consistency::arbitrary::{Chance, Shape};
use crate::check::consistency::budget::Budget;
use crate::check::consistency::history::Builder;
use crate::check::consistency::shrink::smallest;
use crate::check::consistency::spec::{naive, parts};
use crate::check::consistency::verdict::{Flaw, Verdict, Witness};
use crate::check::consistency::{linearizable, sequential};

/// Holds a verdict against the definition; says what it is.
fn agree(history: &History, verdict: &Verdict, before: &dyn Fn(usize, usize) -> bool, seed: u64) -> bool {
    let words = || (0..history.len()).map(|row| history.describe(row)).collect::<Vec<_>>().join("\n");
    let want = naive::exists_order(history, &Spec::Kv, before);
    assert_eq!(verdict.ok, Some(want), "seed {seed}\n{}\n{verdict:?}\n{history:?}", words());
    match (&verdict.witness, &verdict.flaw) {
        (Some(Witness::Order(order)), None) => {
            let fine = naive::is_order(history, &Spec::Kv, before, order);
            assert!(fine, "seed {seed}: {order:?}\n{}\n{history:?}", words());
        }
        (None, Some(flaw)) => assert!(!flaw.culprits.is_empty() && !flaw.reason.is_empty()),
        _ => panic!("neither a witness nor a flaw, or both: {verdict:?}"),
    }
    want
}

fn random(seed: u64) -> History {
    let mut chance = Chance::new(seed);
    let shape = Shape {
        processes: 2 + chance.below(3),
        operations: 3 + chance.below(4) as usize + usize::from(chance.percent(10)),
        keys: 2 + chance.below(3),
        values: chance.below(4),
        lies: [0, 10, 30][chance.below(3) as usize],
        unknown: [0, 30][chance.below(2) as usize],
    };
    let kinds: &[Kind] = match chance.below(3) {
        0 => naive::SCANNED,
        1 => &[Kind::SCAN, Kind::WRITE],
        _ => &[Kind::SCAN, Kind::READ, Kind::WRITE, Kind::WRITE, Kind::DELETE],
    };
    naive::random(&mut chance, &Spec::Kv, kinds, shape)
}

#[test]
fn scans_agree_with_the_definition_of_linearizability() {
    let mut held = 0;
    for seed in 0..50_000 {
        let history = random(seed);
        let verdict = linearizable::check(&history, &Spec::Kv, &Budget::default()).unwrap();
        held += u32::from(agree(&history, &verdict, &|one, other| history.precedes(one, other), seed));
    }
    assert!((10_000..45_000).contains(&held), "{held}");
}

#[test]
fn scans_agree_with_the_definition_of_sequential_consistency() {
    let mut held = 0;
    for seed in 0..10_000 {
        let history = random(seed);
        let before = |one: usize, other: usize| {
            history.process[one] == history.process[other] && history.invoked[one] < history.invoked[other]
        };
        let verdict = sequential::check(&history, &Spec::Kv, &Budget::default()).unwrap();
        held += u32::from(agree(&history, &verdict, &before, seed));
    }
    assert!((2_000..9_500).contains(&held), "{held}");
}

/// What a client does: process, kind, key, argument, result, from, to.
type Row<'a> = (&'a str, Kind, &'a str, Value, Value, i64, i64);

fn history(rows: &[Row]) -> History {
    history_from(Value::Null, rows)
}

fn history_from(initial: Value, rows: &[Row]) -> History {
    let mut builder = Builder::default();
    builder.initial(initial);
    for (process, kind, key, argument, result, from, to) in rows {
        let process = builder.process(process);
        let (key, argument) = (builder.value((*key).into()), builder.value(argument.clone()));
        let result = builder.value(result.clone());
        builder.push(process, *kind, key, argument, result, Outcome::Ok, *from, Some(*to));
    }
    builder.finish().unwrap()
}

fn write<'a>(process: &'a str, key: &'a str, value: i64, from: i64, to: i64) -> Row<'a> {
    (process, Kind::WRITE, key, value.into(), Value::Null, from, to)
}

fn scan<'a>(process: &'a str, first: &'a str, limit: i64, pairs: &[(&str, i64)], at: (i64, i64)) -> Row<'a> {
    let pair = |(key, value): &(&str, i64)| [(*key).into(), (*value).into()].into_iter().collect::<Value>();
    (process, Kind::SCAN, first, limit.into(), pairs.iter().map(pair).collect(), at.0, at.1)
}

fn judge(rows: &[Row]) -> Verdict {
    linearizable::check(&history(rows), &Spec::Kv, &Budget::default()).unwrap()
}

fn flaw(rows: &[Row]) -> Flaw {
    judge(rows).flaw.expect("it fails")
}

#[test]
fn a_scan_that_misses_a_completed_write_is_stale() {
    let rows = |at| [write("a", "x", 1, 0, 1), write("a", "y", 2, 2, 3), scan("b", "x", 9, &[("x", 1)], at)];
    let flaw = flaw(&rows((4, 5)));
    assert_eq!((&*flaw.anomaly, flaw.culprits[0]), ("stale read", 2));
    assert_eq!(
        flaw.reason,
        "scan(x, 9) -> [[\"x\", 1]] by b cannot be explained: write(y, 2) by a had overwritten what it returned by \
         then."
    );
    assert_eq!(judge(&rows((2, 5))).ok, Some(true), "it may have come before the second write");
}

#[test]
fn a_scan_of_a_mixture_that_never_was_is_a_flaw() {
    let old = [write("a", "x", 1, 0, 1), write("a", "x", 2, 2, 3), write("a", "y", 3, 4, 5)];
    let all = |pairs: &[(&str, i64)]| judge(&[&old[..], &[scan("b", "x", 9, pairs, (0, 9))]].concat()).ok;
    assert_eq!(all(&[("x", 1), ("y", 3)]), Some(false), "x was overwritten before y was written");
    for fine in [&[][..], &[("x", 1)], &[("x", 2)], &[("x", 2), ("y", 3)]] {
        assert_eq!(all(fine), Some(true), "{fine:?}");
    }
}

#[test]
fn two_scans_that_see_two_writes_in_two_orders_are_a_flaw() {
    let both = |second: &[(&str, i64)]| {
        let writes = [write("a", "x", 1, 0, 9), write("b", "y", 2, 0, 9)];
        let scans = [scan("c", "x", 9, &[("x", 1)], (1, 8)), scan("d", "x", 9, second, (1, 8))];
        judge(&[writes, scans].concat()).ok
    };
    assert_eq!(both(&[("y", 2)]), Some(false), "each key on its own is fine");
    assert_eq!(both(&[("x", 1), ("y", 2)]), Some(true));
}

#[test]
fn a_scan_returns_no_more_than_it_was_asked_for_and_all_of_that() {
    let writes = [write("a", "x", 1, 0, 1), write("a", "y", 2, 2, 3), write("a", "z", 3, 4, 5)];
    let ask = |limit, pairs: &[(&str, i64)]| {
        judge(&[&writes[..], &[scan("b", "x", limit, pairs, (6, 7))]].concat()).ok
    };
    assert_eq!(ask(2, &[("x", 1), ("y", 2)]), Some(true));
    assert_eq!(ask(2, &[("x", 1), ("z", 3)]), Some(false), "y was left out");
    assert_eq!(ask(2, &[("x", 1)]), Some(false), "one is missing");
    assert_eq!(ask(1, &[("x", 1), ("y", 2)]), Some(false), "one too many");
    assert_eq!(ask(2, &[("y", 2), ("x", 1)]), Some(false), "out of order");
    assert_eq!(ask(0, &[]), Some(true));
}

#[test]
fn a_scan_returns_nothing_before_its_first_key() {
    let writes = [write("a", "x", 1, 0, 1), write("a", "z", 3, 4, 5)];
    let ask = |first, pairs: &[(&str, i64)]| {
        judge(&[&writes[..], &[scan("b", first, 9, pairs, (6, 7))]].concat()).ok
    };
    assert_eq!(ask("y", &[("z", 3)]), Some(true), "the first key need not hold anything");
    assert_eq!(ask("y", &[("x", 1), ("z", 3)]), Some(false));
    assert_eq!(ask("zz", &[]), Some(true));
}

#[test]
fn a_scan_leaves_out_what_was_deleted() {
    let delete = ("a", Kind::DELETE, "x", Value::Null, Value::Null, 4, 5);
    let rows = [write("a", "x", 1, 0, 1), write("a", "y", 2, 2, 3), delete];
    let ask = |pairs: &[(&str, i64)], at| judge(&[&rows[..], &[scan("b", "x", 1, pairs, at)]].concat()).ok;
    assert_eq!(ask(&[("y", 2)], (6, 7)), Some(true));
    assert_eq!(ask(&[("x", 1)], (6, 7)), Some(false));
    assert_eq!(ask(&[("x", 1)], (4, 7)), Some(true));
}

#[test]
fn a_scan_may_return_the_initial_value_or_leave_it_out_but_never_null() {
    let ask = |initial: Value, pairs: &[(&str, Value)]| {
        let pair =
            |(key, value): &(&str, Value)| [(*key).into(), value.clone()].into_iter().collect::<Value>();
        let result = pairs.iter().map(pair).collect();
        let rows = [write("a", "x", 1, 0, 1), ("b", Kind::SCAN, "w", Value::Null, result, 2, 3)];
        linearizable::check(&history_from(initial, &rows), &Spec::Kv, &Budget::default()).unwrap().ok
    };
    let x = ("x", 1.into());
    assert_eq!(ask(0.into(), &[x.clone(), ("y", 0.into())]), Some(true));
    assert_eq!(ask(0.into(), &[("w", 0.into()), x.clone()]), Some(true));
    assert_eq!(ask(0.into(), std::slice::from_ref(&x)), Some(true));
    assert_eq!(ask(0.into(), &[]), Some(false), "x was written");
    assert_eq!(ask(Value::Null, &[x.clone(), ("y", 0.into())]), Some(false));
    assert_eq!(ask(Value::Null, &[x, ("y", Value::Null)]), Some(false));
}

#[test]
fn a_counterexample_keeps_the_writes_that_a_scan_saw() {
    let mut rows: Vec<Row> = (0..9).map(|it| write("a", "x", it, 2 * it, 2 * it + 1)).collect();
    rows.extend([write("a", "y", 2, 20, 21), write("a", "z", 3, 22, 23)]);
    rows.push(scan("b", "x", 9, &[("x", 8), ("z", 3)], (24, 25)));
    let history = history(&rows);
    let fails =
        |part: &History| linearizable::check(part, &Spec::Kv, &Budget::default()).unwrap().ok == Some(false);
    let found = smallest(&history, &flaw(&rows), &mut |_, part| fails(part));
    assert_eq!(found.rows, [8, 9, 10, 11], "the two that it saw and the one that it missed");
}

#[test]
fn a_scan_of_what_nobody_wrote_is_a_flaw_that_says_so() {
    let rows = [write("a", "x", 1, 0, 1), scan("b", "x", 9, &[("x", 1), ("y", 7)], (2, 3))];
    let unwritten = flaw(&rows);
    assert_eq!(
        (&*unwritten.anomaly, &*unwritten.reason),
        ("read from nowhere", "b reads 7 from y, which nobody wrote.")
    );
    let failed = flaw(&[write("a", "x", 1, 0, 1), scan("b", "x", 9, &[("x", 2)], (2, 3))]);
    assert_eq!(&*failed.reason, "b reads 2 from x, which nobody wrote.");
}

#[test]
fn scans_that_returned_no_pairs_are_no_scans() {
    let bad = |argument: Value, result: Value| {
        let rows = history(&[("a", Kind::SCAN, "x", argument, result, 0, 1)]);
        linearizable::check(&rows, &Spec::Kv, &Budget::default()).unwrap_err().to_string()
    };
    let list = |items: &[Value]| items.iter().cloned().collect::<Value>();
    assert!(bad(Value::from(-1), Value::Null).contains("at least 0"));
    assert!(bad(Value::Null, list(&["x".into()])).contains("[key, value] pairs"));
    assert!(bad(Value::Null, list(&[list(&["x".into()])])).contains("[key, value] pairs"));
    assert!(bad(Value::Null, 1.into()).contains("[key, value] pairs"));
}

#[test]
fn keys_that_no_scan_looked_at_together_are_judged_on_their_own() {
    let writes = ["a", "b", "c", "d", "e"].map(|key| write(key, key, 1, 0, 9));
    let one = scan("s", "b", 2, &[("b", 1), ("c", 1)], (1, 8));
    let two = scan("t", "e", 9, &[("e", 1)], (1, 8));
    let history = history(&[&writes[..], &[one, two]].concat());
    let parts = parts(&history, &Spec::Kv).unwrap();
    let mut rows: Vec<&[u32]> = (0..parts.len()).map(|part| parts.rows(part)).collect();
    rows.sort_unstable();
    assert_eq!(rows, [&[0][..], &[1, 2, 5], &[3], &[4, 6]]);
}

/// What a cluster's clients do: scans among reads, writes and read-modify-writes of a hundred keys.
fn long(seed: u64, values: u64, lies: u64, unknown: u64) -> History {
    let mut kinds = vec![Kind::SCAN];
    kinds.extend([Kind::READ, Kind::WRITE].repeat(8));
    kinds.extend([Kind::SWAP; 3]);
    let shape = Shape { processes: 8, operations: 2_000, keys: 100, values, lies, unknown };
    naive::random(&mut Chance::new(seed), &Spec::Kv, &kinds, shape)
}

#[test]
fn long_histories_with_scans_take_few_states() {
    for seed in 0..4 {
        for unknown in [0, 2] {
            let history = long(seed, 0, 0, unknown);
            let verdict = linearizable::check(&history, &Spec::Kv, &Budget::default()).unwrap();
            assert_eq!(verdict.ok, Some(true), "seed {seed}");
            assert!(verdict.states < 10_000, "seed {seed}, {unknown} % unknown: {} states", verdict.states);
        }
    }
}
