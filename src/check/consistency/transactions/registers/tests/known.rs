//! Histories that everybody knows.
use super::*;

/// A history from lines `session: access access`, each access `Rx0` or `Wx1`; 0 is the initial value. All
/// transactions of different sessions are concurrent.
fn parse(lines: &[&str]) -> History {
    let mut builder = Builder::default();
    for (time, line) in lines.iter().enumerate() {
        let (session, accesses) = line.split_once(':').expect("session: accesses");
        let process = builder.process(session.trim());
        let accesses: Vec<_> = accesses
            .split_whitespace()
            .map(|access| {
                let key = builder.value((&access[1..2]).into());
                let value: i64 = access[2..].parse().expect("a number");
                let value = if value == 0 { 0 } else { builder.value(value.into()) };
                (key, if access.starts_with('R') { Access::Read(value) } else { Access::Write(value) })
            })
            .collect();
        let earlier = lines[..time].iter().filter(|it| it.starts_with(session)).count() as i64;
        builder.push_txn(process, accesses, Outcome::Ok, earlier * 10, Some(earlier * 10 + 9));
    }
    builder.finish().expect("well formed")
}

/// The strongest level that holds, and the flaw of the next one.
fn check_case(lines: &[&str], strongest: Option<Model>, title: &str) {
    let history = parse(lines);
    let verdicts: Vec<Verdict> = LEVELS.iter().map(|model| judge(&history, *model)).collect();
    let held = verdicts.iter().take_while(|it| it.ok == Some(true)).last().map(|it| it.model);
    assert_eq!(held, strongest, "{lines:?}");
    compare(&history);
    let flaw = verdicts.iter().find_map(|it| it.flaw.as_ref());
    let told = flaw.map_or(String::new(), |it| format!("{} {}", it.anomaly, it.reason));
    assert!(told.contains(title), "{lines:?}: {told}");
}

#[test]
fn the_first_set_of_example_6_1_is_serializable() {
    let lines = ["a: Rx0 Wx1", "b: Rz0 Wz9", "c: Ry1 Rx1", "d: Rx0 Wy1"];
    check_case(&lines, Some(Model::StrictSerializable), "");
    let history = parse(&lines);
    assert!(brute::is_legal_order(&history, Model::Serializable, &[3, 0, 2, 1]));
}

#[test]
fn the_second_set_of_example_6_1_is_a_cycle_of_three() {
    let history = parse(&["a: Rx0 Wx1", "b: Rx0 Wy1", "c: Ry0 Rx1"]);
    let flaw = judge(&history, Model::Serializable).flaw.expect("not serializable");
    let mut cycle: Vec<_> = flaw.cycle.iter().map(|it| (it.from, it.to, &*it.kind)).collect();
    cycle.sort_unstable();
    assert_eq!(cycle, [(0, 2, "wr"), (1, 0, "rw"), (2, 1, "rw")]);
    assert_eq!(flaw.anomaly, "G2-item");
}

#[test]
fn example_6_2_is_serializable_on_each_server_and_not_globally() {
    let lines = ["a: Rx0 Wx1 Ry0 Wy1", "b: Rx1 Wx2 Ry0 Wy2"];
    assert_eq!(judge(&parse(&lines), Model::Serializable).ok, Some(false));
    assert_eq!(judge(&parse(&["a: Rx0 Wx1", "b: Rx1 Wx2"]), Model::StrictSerializable).ok, Some(true));
    assert_eq!(judge(&parse(&["a: Ry0 Wy1", "b: Ry0 Rz0"]), Model::StrictSerializable).ok, Some(true));
}

#[test]
fn the_classic_anomalies_are_found_at_their_level_and_named() {
    let some = Some;
    check_case(&["a: Rx0 Wx1", "b: Rx0 Wx2"], some(Model::Prefix), "lost update");
    check_case(&["a: Rx0 Ry0 Wx1", "b: Rx0 Ry0 Wy1"], some(Model::SnapshotIsolation), "write skew");
    check_case(
        &["a: Wx1", "b: Wy1", "c: Rx1 Ry0", "d: Rx0 Ry1"],
        some(Model::TransactionalCausal),
        "long fork",
    );
    check_case(&["a: Wx1 Wy1", "b: Rx1 Ry0"], None, "fractured read");
    check_case(&["a: Wx1 Wy1", "b: Ry0 Rx1"], some(Model::ReadCommitted), "fractured read");
    check_case(&["a: Wx1", "b: Rx1 Wy1", "c: Ry1", "c: Rx0"], some(Model::ReadAtomic), "causality violation");
    check_case(&["a: Wx1", "b: Rx1 Rx0"], None, "");
    check_case(&["a: Wx1", "a: Wx2", "b: Rx1 Rx2"], some(Model::ReadCommitted), "");
    check_case(&["a: Rx1 Wy1", "b: Ry1 Wx1"], None, "G1c");
    check_case(&["a: Rx7"], None, "nobody wrote");
    check_case(&["a: Wx1 Wx2", "b: Rx1"], None, "G1b");
    check_case(&["a: Wx1 Rx2", "b: Wx2"], None, "internal");
}

#[test]
fn reading_a_key_twice_is_no_cycle_and_nothing_is_fine() {
    check_case(&["a: Wx1", "b: Rx1 Rx1 Wx2 Rx2"], Some(Model::StrictSerializable), "");
    check_case(&[], Some(Model::StrictSerializable), "");
}

#[test]
fn a_stale_read_of_the_initial_value_is_no_better_than_another_one() {
    check_case(&["a: Wx1", "b: Rx1", "b: Rx0"], Some(Model::ReadAtomic), "causality violation");
}

#[test]
fn aborted_writes_must_not_be_read() {
    let mut builder = Builder::default();
    let (a, b) = (builder.process("a"), builder.process("b"));
    let (x, one) = (builder.value("x".into()), builder.value(1.into()));
    builder.push_txn(a, [(x, Access::Write(one))], Outcome::Fail, 0, Some(1));
    builder.push_txn(b, [(x, Access::Read(one))], Outcome::Ok, 2, Some(3));
    let history = builder.finish().expect("well formed");
    for model in LEVELS {
        let flaw = judge(&history, model).flaw.expect("an aborted read");
        assert_eq!((&*flaw.anomaly, &flaw.culprits[..]), ("G1a", &[1, 0][..]));
    }
}

#[test]
fn a_budget_that_runs_out_says_nothing() {
    let history = parse(&["a: Rx0 Ry0 Wx1", "b: Rx0 Ry0 Wy1"]);
    let verdict = check(&history, Model::Serializable, &Budget { states: 1, ..Budget::default() });
    assert_eq!(verdict.expect("only registers").ok, None);
}
