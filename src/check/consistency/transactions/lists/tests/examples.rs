//! The anomalies of the literature, by name, as histories of lists.
use super::{judge, show};
use crate::check::consistency::history::{Access, Builder, History, Kind};

use crate::check::consistency::transactions::{check, check_with_versions};
use crate::check::consistency::{Budget, Error, Model, Witness};
use crate::sim::{Outcome, Value};

use Model::*;

/// Transactions as lines: a process, `@` and two times if they matter, and its accesses: `x+1` appends,
/// `x=1,2` reads a list, `x=` an empty one. `!` after the process: it was aborted; `?`: nobody knows.
fn history(text: &str) -> History {
    let mut builder = Builder::default();
    for (i, line) in text.split(';').enumerate() {
        let mut words = line.split_whitespace();
        let name = words.next().expect("a process");
        let status = match name.chars().last() {
            Some('!') => Outcome::Fail,
            Some('?') => Outcome::Info,
            _ => Outcome::Ok,
        };
        let process = builder.process(name);
        let (mut invoked, mut completed) = (0, 1000);
        if name.starts_with("p") {
            // Processes called p… have their transactions one after the other.
            (invoked, completed) = (10 * i as i64, 10 * i as i64 + 5);
        }
        let mut accesses = vec![];
        for word in words {
            let at = word.find(['+', '=']).expect("an access");
            let key = builder.value(Value::from(&word[..at]));
            let mut values = vec![];
            for number in word[at + 1..].split(',').filter(|it| !it.is_empty()) {
                values.push(builder.value(number.parse::<i64>().expect("a number").into()));
            }
            accesses.push((
                key,
                if word.as_bytes()[at] == b'+' {
                    Access::Append(values[0])
                } else {
                    Access::ReadList(builder.list(values))
                },
            ));
        }
        builder.push_txn(process, accesses, status, invoked, Some(completed));
    }
    builder.finish().expect("well formed")
}

/// The anomaly by which each level fails, from read committed to strict serializable; `-` for one that holds.
fn anomalies(text: &str) -> String {
    let history = history(text);
    let all = [
        ReadCommitted,
        ReadAtomic,
        TransactionalCausal,
        Prefix,
        SnapshotIsolation,
        Serializable,
        StrictSerializable,
    ];
    let names: Vec<String> = all
        .into_iter()
        .map(|model| judge(&history, model, None).flaw.map_or("-".to_owned(), |flaw| flaw.anomaly))
        .collect();
    names.join(" ")
}

#[test]
fn classic_anomalies_break_the_levels_they_should() {
    let all = |name: &str| [name; 7].join(" ");
    let cases = [
        ("nothing", "a x+1; b x=1 x+2; c x=1,2", "- - - - - - -".to_owned()),
        ("dirty write", "a x+1 y+1; b x+2 y+2; c x=1,2 y=2,1", all("G0")),
        ("aborted read", "a! x+1; b x=1", all("G1a")),
        ("intermediate read", "a x+1 x+2; b x=1", all("G1b")),
        ("torn write", "a x+1 x+2; b x+3; c x=1,3,2", all("G0")),
        ("circular information", "a x+1 y=1; b y+1 x=1", all("G1c")),
        ("own write lost", "a x+1 x=", all("internal")),
        ("own future", "a x=1 x+1", all("internal")),
        ("nobody wrote it", "a x=7", all("thin-air read")),
        ("twice in a list", "a x+1; b x=1,1", all("duplicate elements")),
        ("two orders", "a x+1; b x+2; c x=1; d x=2,1", all("incompatible order")),
        ("order against sessions", "p x+1; p x+2; c x=2,1", all("G0-session")),
        ("fractured read", "a x+1 y+1; b x=1 y=", all("G-single")),
        ("fractured read, first what is old", "a x+1 y+1; b x= y=1", with("-", "G-single", 1)),
        ("non-repeatable read", "a x+1; b x= x=1", with("-", "G-single", 1)),
        ("causality violation", "a x+1; b x=1 y+1; c x= y=1", with("-", "G-single", 2)),
        ("stale read in a session", "p x+1; p x=; p x=1", with("-", "G-single-session", 1)),
        ("long fork", "a x+1; b y+1; c x=1 y=; d x= y=1", with("-", "G-nonadjacent", 3)),
        ("lost update", "a x= x+1; b x= x+2; c x=1,2", with("-", "G-single", 4)),
        // Snapshot isolation must order both writes, and whichever is first makes such a cycle.
        ("lost update that nobody read", "a x= x+1; b x= x+2", "- - - - G-single G2-item G2-item".to_owned()),
        ("write skew", "a x= y+1; b y= x+1; c x=1; d y=1", with("-", "G2-item", 5)),
        (
            "write skew with blind writes",
            "a x= y+1 z+1; b y= x+1 z+2",
            "- - - - G-single G2-item G2-item".to_owned(),
        ),
        ("stale read", "p x+1; p2 x=", with("-", "G-single-realtime", 6)),
        ("of unknown outcome, and read", "p? x+1; p2 x=1", "- - - - - - -".to_owned()),
        ("of unknown outcome, and not read", "p? x+1; p2 x=", "- - - - - - -".to_owned()),
        ("once seen, always there", "a? x+1; p x=1; p2 x=", with("-", "G-single-realtime", 6)),
        ("of unknown outcome, and seen in part", "p? x+1 y+1; b x=1 y=", all("G-single")),
    ];
    for (what, text, expected) in cases {
        assert_eq!(anomalies(text), expected, "{what}: {}", show(&history(text)));
    }
}

fn with(weak: &str, strong: &str, held: usize) -> String {
    let names: Vec<&str> = (0..7).map(|i| if i < held { weak } else { strong }).collect();
    names.join(" ")
}

#[test]
fn the_reason_is_the_cycle_in_words() {
    let verdict = judge(&history("a x= y+1; b y= x+2; c x=2; d y=1"), Serializable, None);
    let flaw = verdict.flaw.expect("write skew");
    assert_eq!(
        flaw.reason,
        "G2-item, write skew: a reads x = [] and so does not see b's append of 2 (rw); b reads y = [] and so \
         does not see a's append of 1 (rw)."
    );
    let kinds: Vec<&str> = flaw.cycle.iter().map(|edge| edge.kind.as_str()).collect();
    assert_eq!((kinds, flaw.culprits), (vec!["rw", "rw"], vec![0, 1, 2, 3]));
}

#[test]
fn lost_updates_that_nobody_read_are_told_both_ways() {
    let flaw = judge(&history("a x= x+1; b x= x+2"), SnapshotIsolation, None).flaw.expect("lost update");
    assert!(flaw.reason.starts_with("G-single, lost update: "), "{}", flaw.reason);
    assert!(flaw.reason.contains(" The other way round: "), "{}", flaw.reason);
}

#[test]
fn a_witness_keeps_real_time() {
    let verdict = judge(&history("p x+1; p2 x=1 x+2; p x=1,2"), StrictSerializable, None);
    assert_eq!(verdict.witness, Some(Witness::Order(vec![0, 1, 2])));
}

#[test]
fn what_cannot_be_judged_is_an_error_that_names_the_operations() {
    let budget = Budget::default();
    let error = check(&history("a x+1; b x+1"), Serializable, &budget).unwrap_err();
    assert!(error.to_string().starts_with("operation 1 (txn[append(x, 1)]): it appends 1 to x"), "{error}");
    let error = check(&history("a x+1"), Linearizable, &budget).unwrap_err();
    assert!(matches!(error, Error::NotDefined { model: Linearizable, .. }));
    let mut builder = Builder::default();
    let (process, kind) = (builder.process("a"), builder.kind("enqueue"));
    builder.push(process, kind, 0, 0, 0, Outcome::Ok, 0, Some(1));
    let error = check(&builder.finish().expect("well formed"), Serializable, &budget).unwrap_err();
    assert!(matches!(error, Error::UnknownKind { row: 0, .. }), "{error}");
    let mut builder = Builder::default();
    let (process, key, one) = (builder.process("a"), builder.value("x".into()), builder.value(1.into()));
    builder.push_txn(process, [(key, Access::Append(one))], Outcome::Ok, 0, Some(1));
    builder.push_txn(process, [(key, Access::Write(one))], Outcome::Ok, 2, Some(3));
    let error = check(&builder.finish().expect("well formed"), Serializable, &budget).unwrap_err();
    assert!(error.to_string().contains("either a list"), "{error}");
}

#[test]
fn an_empty_history_holds_and_a_spent_budget_is_no_verdict() {
    let empty = Builder::default().finish().expect("well formed");
    assert_eq!(judge(&empty, StrictSerializable, None).ok, Some(true));
    let history = history("a x= y+1; b y= x+1");
    let budget = |states, memory_bytes| Budget { states, memory_bytes, ..Budget::default() };
    for budget in [budget(1, 1 << 30), budget(1 << 30, 1), Budget { stop: &|| true, ..Budget::default() }] {
        assert_eq!(check(&history, Serializable, &budget).expect("can be judged").ok, None, "{budget:?}");
    }
}

#[test]
fn given_orders_judge_lists_and_registers_in_one_history() {
    let mut builder = Builder::default();
    let [a, b] = ["a", "b"].map(|name| builder.process(name));
    let [x, y] = ["x", "y"].map(|key| builder.value(Value::from(key)));
    let [one, two] = [1, 2].map(|value| builder.value(value.into()));
    let empty = builder.list([]);
    builder.push_txn(a, [(x, Access::Read(0)), (y, Access::Append(one))], Outcome::Ok, 0, Some(9));
    builder.push_txn(b, [(y, Access::ReadList(empty)), (x, Access::Write(two))], Outcome::Ok, 1, Some(9));
    let history = builder.finish().expect("well formed");
    let orders = [(x, vec![two]), (y, vec![one])];
    let judge = |model| {
        check_with_versions(&history, model, &orders, &Budget::default()).expect("can be judged").flaw
    };
    assert_eq!(judge(SnapshotIsolation), None);
    let flaw = judge(Serializable).expect("write skew");
    assert_eq!(
        flaw.reason,
        "G2-item, write skew: a reads x = null, which b overwrites with 2 (rw); b reads y = [] and so does \
         not see a's append of 1 (rw)."
    );
    assert_eq!(flaw.accesses, vec![0, 1, 2, 3]);
}

#[test]
fn plain_operations_are_transactions_of_one_access() {
    let mut builder = Builder::default();
    let [a, b] = ["a", "b"].map(|name| builder.process(name));
    let (x, one) = (builder.value("x".into()), builder.value(1.into()));
    builder.push(a, Kind::WRITE, x, one, 0, Outcome::Ok, 0, Some(1));
    builder.push(b, Kind::READ, x, 0, 0, Outcome::Ok, 2, Some(3));
    let history = builder.finish().expect("well formed");
    let judge = |model| {
        check_with_versions(&history, model, &[(x, vec![one])], &Budget::default())
            .expect("can be judged")
            .flaw
    };
    assert_eq!(judge(Serializable), None);
    let flaw = judge(StrictSerializable).expect("stale read");
    assert_eq!((flaw.anomaly.as_str(), flaw.accesses), ("G-single-realtime", vec![]));
    assert!(flaw.reason.starts_with("G-single-realtime, stale read: b reads x = null"), "{}", flaw.reason);
}
