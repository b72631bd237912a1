//! The figures of the notes, and what is said where something is wrong.
use super::*;
use crate::check::consistency::history::{Builder, Kind, NULL};
use crate::check::consistency::sequential;
use crate::check::consistency::spec::Broken;
use crate::sim::{Outcome, Value};

/// Operations as (process, kind, value, invoked, completed): what a write writes, what a read returns.
fn history(rows: &[(&str, Kind, i64, i64, Option<i64>)]) -> History {
    let mut builder = Builder::default();
    builder.initial(0.into());
    for (process, kind, value, invoked, completed) in rows {
        let (process, key, value) =
            (builder.process(process), builder.value("x".into()), builder.value((*value).into()));
        let returns = matches!(*kind, Kind::READ | Kind::DEQUEUE | Kind::POP);
        let (argument, result) = if returns { (NULL, value) } else { (value, NULL) };
        let status = if completed.is_some() { Outcome::Ok } else { Outcome::Info };
        builder.push(process, *kind, key, argument, result, status, *invoked, *completed);
    }
    builder.finish().unwrap()
}

const W: Kind = Kind::WRITE;
const R: Kind = Kind::READ;

fn linearizable(history: &History) -> Verdict {
    check(history, &Spec::Register, &Budget::default()).unwrap()
}

#[test]
fn the_figures_of_the_notes_are_judged_as_their_captions_say() {
    // 2.18: the initial value is read after a write of another one completed.
    let figure = history(&[("a", W, 1, 0, Some(2)), ("b", R, 0, 3, Some(4)), ("b", R, 1, 5, Some(6))]);
    let flaw = linearizable(&figure).flaw.unwrap();
    assert_eq!(flaw.anomaly, "stale read");
    assert!(sequential::check(&figure, &Spec::Register, &Budget::default()).unwrap().ok.unwrap());
    // 2.19
    let figure = history(&[
        ("a", W, 1, 0, Some(2)),
        ("b", R, 1, 1, Some(4)),
        ("a", W, 2, 3, Some(6)),
        ("b", R, 2, 5, Some(7)),
    ]);
    assert_eq!(linearizable(&figure).witness, Some(Witness::Order(vec![0, 1, 2, 3])));
    // 2.21: the old value is read after the write of the new one finished; 2.22: no order but real time forbids it.
    let figure = history(&[
        ("a", W, 1, 0, Some(1)),
        ("a", W, 2, 2, Some(3)),
        ("b", R, 1, 4, Some(5)),
        ("b", R, 2, 6, Some(7)),
    ]);
    let flaw = linearizable(&figure).flaw.unwrap();
    assert!(flaw.reason.contains("read(x) -> 1 by b"), "{}", flaw.reason);
    let verdict = sequential::check(&figure, &Spec::Register, &Budget::default()).unwrap();
    assert_eq!(verdict.witness, Some(Witness::Order(vec![0, 2, 1, 3])));
    // Neither: two processes see two writes in different orders.
    let figure = history(&[
        ("a", W, 1, 0, Some(9)),
        ("b", W, 2, 0, Some(9)),
        ("c", R, 1, 1, Some(2)),
        ("c", R, 2, 3, Some(4)),
        ("d", R, 2, 1, Some(2)),
        ("d", R, 1, 3, Some(4)),
    ]);
    assert_eq!(linearizable(&figure).ok, Some(false));
    let verdict = sequential::check(&figure, &Spec::Register, &Budget::default()).unwrap();
    let flaw = verdict.flaw.unwrap();
    assert_eq!((verdict.ok, &*flaw.anomaly), (Some(false), "cycle"));
    assert!(flaw.cycle.windows(2).all(|it| it[0].to == it[1].from), "{flaw:?}");
    assert_eq!(flaw.cycle.first().map(|it| it.from), flaw.cycle.last().map(|it| it.to));
}

#[test]
fn what_nobody_wrote_is_a_flaw_and_no_error() {
    let verdict = linearizable(&history(&[("a", W, 1, 0, Some(1)), ("b", R, 7, 2, Some(3))]));
    let flaw = verdict.flaw.unwrap();
    assert_eq!(
        (flaw.reason.as_str(), &flaw.culprits[..]),
        ("b reads 7 from x, which nobody wrote.", &[1][..])
    );
    assert_eq!(linearizable(&history(&[])).ok, Some(true));
}

#[test]
fn a_write_that_may_have_happened_may_be_read_late_but_not_unread() {
    let open = ("a", W, 1, 0, None);
    assert_eq!(
        linearizable(&history(&[open, ("b", R, 0, 5, Some(6)), ("b", R, 1, 7, Some(8))])).ok,
        Some(true)
    );
    assert_eq!(
        linearizable(&history(&[open, ("b", R, 1, 5, Some(6)), ("b", R, 0, 7, Some(8))])).ok,
        Some(false)
    );
}

#[test]
fn unknown_kinds_and_impossible_arguments_are_named() {
    let wrong = check(&history(&[("a", Kind::POP, 1, 0, Some(1))]), &Spec::Queue, &Budget::default());
    let error = wrong.unwrap_err().to_string();
    assert!(error.contains("`queue` has no operation `pop`; it has enqueue, dequeue"), "{error}");
    let wrong = check(&history(&[("a", Kind::CAS, 1, 0, Some(1))]), &Spec::CasRegister, &Budget::default());
    assert!(wrong.unwrap_err().to_string().contains("a cas needs [expected, new]"));
}

#[test]
fn queues_say_what_is_wrong_with_them() {
    let (put, take) = (Kind::ENQUEUE, Kind::DEQUEUE);
    let queue = |rows: &[_]| check(&history(rows), &Spec::Queue, &Budget::default()).unwrap().flaw.unwrap();
    let puts = [("a", put, 1, 0, Some(1)), ("a", put, 2, 2, Some(3))];
    let with = |more: &[_]| queue(&[&puts[..], more].concat());
    let wrong = with(&[("b", take, 2, 4, Some(5)), ("b", take, 1, 6, Some(7))]);
    assert_eq!((wrong.anomaly.as_str(), &wrong.culprits[..]), ("out of order", &[2, 3, 0, 1][..]));
    assert_eq!(with(&[("b", take, 1, 4, Some(5)), ("c", take, 1, 6, Some(7))]).anomaly, "taken twice");
    assert_eq!(with(&[("b", take, 3, 4, Some(5))]).anomaly, "taken from nowhere");
    assert_eq!(queue(&[("b", take, 1, 0, Some(1)), ("a", put, 1, 2, Some(3))]).culprits, [0, 1]);
}

#[test]
fn a_spent_budget_is_no_verdict() {
    let mut rows = vec![];
    let names: Vec<String> = (0..12).map(|it| format!("p{it}")).collect();
    for (at, name) in names.iter().enumerate() {
        rows.push((&**name, W, at as i64 % 6 + 1, 0, Some(20)));
        rows.push((&**name, R, at as i64 % 6 + 1, 21, Some(30)));
    }
    let history = history(&rows);
    assert_eq!(linearizable(&history).ok, Some(false));
    for budget in [Budget { states: 3, ..Budget::default() }, Budget { stop: &|| true, ..Budget::default() }]
    {
        let sequential =
            sequential::check(&history, &Spec::Register, &Budget { states: 3, ..budget }).unwrap();
        assert_eq!(sequential.ok, None);
        let verdict = check(&history, &Spec::Register, &budget).unwrap();
        assert!(verdict.ok != Some(true) && (budget.states > 3 || verdict.ok.is_none()));
    }
}

/// A register, as a user would write it; broken where it is told to be.
struct Mine<'a> {
    history: &'a History,
    breaks_at: Option<u32>,
    asked: usize,
}

impl Machine for Mine<'_> {
    fn initial(&mut self, _: u32) -> Result<u32, Broken> {
        Ok(self.history.initial)
    }
    fn step(&mut self, state: u32, row: u32) -> Result<Option<u32>, Broken> {
        self.asked += 1;
        let at = row as usize;
        match self.history.kind[at] {
            _ if self.breaks_at == Some(row) => Err(Broken),
            W => Ok(Some(self.history.argument[at])),
            _ => Ok((self.history.result[at] == state).then_some(state)),
        }
    }
    fn show(&self, state: u32) -> String {
        self.history.show(state)
    }
}

#[test]
fn a_users_own_specification_is_asked_once_for_each_pair_and_may_fail() {
    let rows: Vec<_> =
        (0..40).map(|at| ("a", [W, R][at % 2], 1 + at as i64 / 2 % 2, at as i64, Some(at as i64))).collect();
    let good = history(&rows);
    let mut mine = Mine { history: &good, breaks_at: None, asked: 0 };
    assert_eq!(check_machine(&good, &mut mine, &Budget::default()).unwrap().ok, Some(true));
    assert!(mine.asked <= 12, "{}", mine.asked);
    assert_eq!(sequential::check_machine(&good, &mut mine, &Budget::default()).unwrap().ok, Some(true));
    let bad = history(&[("a", W, 1, 0, Some(1)), ("b", R, 2, 2, Some(3))]);
    let mut mine = Mine { history: &bad, breaks_at: None, asked: 0 };
    assert_eq!(check_machine(&bad, &mut mine, &Budget::default()).unwrap().ok, Some(false));
    mine.breaks_at = Some(1);
    let error = Error::Specification { row: 1 };
    assert_eq!(check_machine(&bad, &mut mine, &Budget::default()), Err(error.clone()));
    assert_eq!(sequential::check_machine(&bad, &mut mine, &Budget::default()), Err(error));
}

#[test]
fn the_kinds_of_a_history_tell_its_specification() {
    let of = |kind, value: Value| {
        let mut builder = Builder::default();
        let (process, value) = (builder.process("a"), builder.value(value));
        builder.push(process, kind, NULL, value, NULL, Outcome::Ok, 0, Some(1));
        Spec::infer(&builder.finish().unwrap())
    };
    assert_eq!(of(Kind::ADD, 1.into()), Spec::Counter);
    assert_eq!(of(Kind::ADD, "milk".into()), Spec::Set);
    assert_eq!(of(Kind::WRITE, 1.into()), Spec::Kv);
    assert_eq!(of(Kind::POP, Value::Null), Spec::Stack);
    assert!(Spec::NAMES.iter().all(|name| Spec::parse(name).is_some_and(|it| it.name() == *name)));
}
