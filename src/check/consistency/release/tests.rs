//! Release and lazy release: figures, traps, and their definitions by closing happens-before.
use super::super::arbitrary::Chance;
use super::super::history::Kind;
use super::super::reads_from::testing::{close, history};
use super::super::{Budget, Error, History, Model, Verdict};
use crate::sim::Outcome;

const MODELS: [Model; 2] = [Model::LazyRelease, Model::Release];

fn judge(history: &History, model: Model) -> Verdict {
    super::check(history, model, &Budget::default()).expect("reads, writes and locks")
}

#[track_caller]
fn expect(text: &str, expected: [bool; 2]) {
    let history = history(text);
    let got = MODELS.map(|model| judge(&history, model).ok == Some(true));
    assert_eq!(got, expected, "{text}: lazy, eager");
}

#[test]
fn figure_2_25_is_lazy_and_not_eager() {
    expect("Lm wx1 Um Lm wx3 Um | | rx1@61-62", [true, false]);
    expect("Lm wx1 wx3 Um | | rx1@61-62", [true, false]);
    expect("Lm wx1 wx3 Um | Lm@41-42 rx3@43-44 Um@45-46 | rx1@61-62", [true, false]);
    expect("Lm wx1 wx3 Um | Lm@41-42 rx1@43-44 Um@45-46", [false, false]);
    expect("Lm wx1 wx3 Um | Lm@41-42 rx0@43-44 Um@45-46", [false, false]);
    let flaw = judge(&history("Lm wx1 wx3 Um | | rx1@61-62"), Model::Release).flaw.expect("it fails");
    assert!(flaw.reason.contains("write(x, 3) overwrote that"), "{}", flaw.reason);
}

#[test]
fn another_lock_orders_nothing_lazily() {
    expect("Lm wx1 Um | Ln@41-42 rx0@43-44 Un@45-46", [true, false]);
    expect("Lm wx1 Um | Lm@41-42 Um@43-44 Ln@45-46 Un@47-48 | Ln@51-52 rx0@53-54", [false, false]);
}

#[test]
fn racy_and_unreleased_writes_may_be_seen_or_not() {
    expect("Lm wx1 wx2 | rx1@41-42 rx2@43-44 rx1@45-46 rx0@47-48", [true, true]);
    expect("wx1 | wx2 | rx1@41-42 rx2@43-44 rx1@45-46", [true, true]);
    expect("wx1 rx0", [false, false]);
    expect("rx1 | wx1@41-42", [false, false]);
    expect("wx1 wx2 wx1 rx1", [true, true]);
}

#[test]
fn locks_are_held_by_one_at_a_time() {
    expect("Lm@0-1 Um@8-9 | Lm@2-3 Um@10-11", [false, false]);
    expect("Lm@0-1 Um@4-9 | Lm@2-6 Um@10-11", [true, true]);
    expect("Lm Lm", [false, false]);
    expect("Um", [false, false]);
    expect("Lm | Lm@41-42", [false, false]);
    expect("Lm Um@10- | Lm@41-42", [true, true]);
    expect("Lm! Lm Um", [true, true]);
}

#[test]
fn other_operations_are_refused() {
    let mut builder = super::super::history::Builder::default();
    let process = builder.process("a");
    builder.push(process, Kind::ENQUEUE, 0, 0, 0, Outcome::Ok, 0, Some(1));
    let error = super::check(&builder.finish().unwrap(), Model::Release, &Budget::default()).unwrap_err();
    assert!(matches!(error, Error::UnknownKind { row: 0, .. }));
}

/// Straight from the words at the head of the module.
fn definition(history: &History, model: Model) -> bool {
    let counts = |row: &usize| match history.status[*row] {
        Outcome::Ok => true,
        Outcome::Info => matches!(history.kind[*row], Kind::WRITE | Kind::RELEASE),
        Outcome::Fail => false,
    };
    let n = history.len();
    let is = |row: usize, kind: Kind| counts(&row) && history.kind[row] == kind;
    let later = |a: usize, b: usize| {
        history.process[a] == history.process[b] && history.invoked[a] < history.invoked[b]
    };
    let lock = |a: usize, b: usize| history.key[a] == history.key[b];
    let next = |a: usize| {
        let about =
            |b: &usize| later(a, *b) && lock(a, *b) && (is(*b, Kind::ACQUIRE) || is(*b, Kind::RELEASE));
        (0..n).filter(about).min_by_key(|b| history.invoked[*b])
    };
    let acquires: Vec<usize> = (0..n).filter(|row| is(*row, Kind::ACQUIRE)).collect();
    let release = |a: usize| next(a).filter(|b| is(*b, Kind::RELEASE));
    let end = |a: usize| release(a).map_or(u32::MAX, |b| history.invoked[b]);
    let reentered = acquires.iter().any(|a| next(*a).is_some_and(|b| is(b, Kind::ACQUIRE)));
    let matched = |b: usize| acquires.iter().any(|a| release(*a) == Some(b));
    let overlap = |a: usize, b: usize| {
        a != b && lock(a, b) && history.completed[a] < end(b) && history.completed[b] < end(a)
    };
    if reentered
        || (0..n).any(|row| is(row, Kind::RELEASE) && !matched(row))
        || acquires.iter().any(|a| acquires.iter().any(|b| overlap(*a, *b)))
    {
        return false;
    }
    let mut before: Vec<Vec<bool>> = (0..n).map(|a| (0..n).map(|b| later(a, b)).collect()).collect();
    for a in &acquires {
        for b in acquires.iter().filter(|b| lock(*a, **b) && history.completed[*a] < history.completed[**b]) {
            release(*a).into_iter().for_each(|release| before[release][*b] = true);
        }
    }
    if model == Model::Release {
        for a in (0..n).filter(|row| is(*row, Kind::RELEASE)) {
            (0..n).filter(|b| history.precedes(a, *b)).for_each(|b| before[a][b] = true);
        }
    }
    close(&mut before);
    let value = |value: u32| if history.is_initial(value) { 0 } else { value };
    let mut reads = (0..n).filter(|row| is(*row, Kind::READ));
    reads.all(|read| {
        let result = value(history.result[read]);
        let writes: Vec<usize> = (0..n).filter(|w| is(*w, Kind::WRITE) && lock(*w, read)).collect();
        let hides = |w1: &&usize| before[**w1][read];
        let initial = result == 0 && !writes.iter().any(|w1| hides(&w1));
        initial
            || writes.iter().any(|w| {
                value(history.argument[*w]) == result
                    && !history.precedes(read, *w)
                    && !writes.iter().filter(hides).any(|w1| before[*w][*w1])
            })
    })
}

/// Sections and single operations, one after the other with some overlap.
fn arbitrary(chance: &mut Chance) -> History {
    let sessions = 2 + chance.below(2) as usize;
    let mut words = vec![Vec::new(); sessions];
    let mut free = vec![0; sessions];
    let (mut clock, mut value) = (0, 0);
    let repeats = chance.percent(20);
    for _ in 0..3 + chance.below(4) {
        let session = chance.below(sessions as u64) as usize;
        let locked = chance.percent(60);
        let lock = if chance.percent(80) { "m" } else { "n" };
        let inner = 1 + chance.below(2 + u64::from(locked));
        let mut todo = Vec::new();
        todo.extend(locked.then(|| format!("L{lock}")));
        for _ in 0..inner {
            let key = if chance.percent(70) { "x" } else { "y" };
            if chance.percent(50) {
                value = if repeats { 1 + chance.below(2) } else { value + 1 };
                todo.push(format!("w{key}{value}"));
            } else {
                let read = if chance.percent(50) { value } else { chance.below(value + 1) };
                todo.push(format!("r{key}{read}"));
            }
        }
        todo.extend((locked && chance.percent(95)).then(|| format!("U{lock}")));
        let mut time = clock.max(free[session]);
        for word in todo {
            let end = time + chance.below(3);
            words[session].push(format!("{word}@{time}-{end}"));
            time = end + 1 + chance.below(2);
        }
        free[session] = time;
        if chance.percent(75) {
            clock = time;
        }
    }
    let sessions: Vec<String> = words.iter().map(|session| session.join(" ")).collect();
    history(&sessions.join("|"))
}

#[test]
fn verdicts_agree_with_the_definitions() {
    let (mut counts, mut apart) = ([[0; 2]; 2], 0);
    for seed in 400_000..450_000 {
        let history = arbitrary(&mut Chance::new(seed));
        let expected = MODELS.map(|model| definition(&history, model));
        assert!(expected[0] || !expected[1], "seed {seed}: release implies lazy release");
        apart += usize::from(expected[0] != expected[1]);
        for (i, model) in MODELS.into_iter().enumerate() {
            let verdict = judge(&history, model);
            assert_eq!(verdict.ok, Some(expected[i]), "seed {seed}, {model}: {verdict:?}");
            counts[i][usize::from(expected[i])] += 1;
            if let Some(flaw) = &verdict.flaw {
                assert!(!flaw.reason.is_empty(), "seed {seed}: {flaw:?}");
                let part = judge(&history.select(&flaw.culprits), model);
                assert_eq!(part.ok, Some(false), "seed {seed}, {model}: {flaw:?}");
            }
        }
    }
    let common = counts.iter().flatten().all(|count| *count > 5_000);
    assert!(common && apart > 500, "{counts:?} {apart}");
}
