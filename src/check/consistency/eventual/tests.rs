//! Eventual consistency: figures, its definition by naive loops, and that linearizability implies it.
use super::super::arbitrary::Chance;
use super::super::reads_from::testing::{self, Small, history};
use super::super::{Budget, History, Verdict};

fn judge(history: &History) -> Verdict {
    super::check(history, &Budget::default()).expect("reads and writes")
}

#[track_caller]
fn expect(text: &str, expected: bool, compared: u64) {
    let verdict = judge(&history(text));
    assert_eq!((verdict.ok, verdict.states), (Some(expected), compared), "{text}");
}

#[test]
fn figures_and_examples() {
    expect("wx1 | wy2 | ry2@11-12 rx0@13-14 rx1@15-16 | rx1@11-12 ry0@13-14 ry2@15-16", true, 4);
    expect("wx1 | wx2 | rx1@11-12 rx2@13-14 | rx2@11-12 rx1@13-14", false, 2);
    expect("wx1 | rx0 rx0@11-12 | rx1@11-12", false, 2);
    expect("wx1 | rx0@3-4 | rx1@11-12", true, 1);
    expect("wx1@0- | rx0@11-12 | rx1@11-12", true, 0);
    expect("wx1@0- | rx0@11-12 | rx0@11-12", true, 2);
    expect("wx1 | rx3@11-12", false, 0);
    expect("", true, 0);
}

fn definition(small: &Small) -> bool {
    let ops = &small.ops;
    let same = |a: usize, b: usize| ops[a].key == ops[b].key;
    let finals = |read: &usize| {
        let later =
            |it: &usize| !ops[*it].write && same(*it, *read) && ops[*it].process == ops[*read].process;
        let written = |it: &usize| ops[*it].write && ops[*it].sure && same(*it, *read);
        !ops[*read].write
            && !(*read + 1..ops.len()).any(|it| later(&it))
            && (0..ops.len()).filter(written).all(|it| ops[it].completed < ops[*read].invoked)
    };
    let finals: Vec<usize> = (0..ops.len()).filter(finals).collect();
    let open = |key: u32| {
        let unsure = |it: usize| ops[it].write && !ops[it].sure && ops[it].key == key;
        (0..ops.len()).filter(|it| unsure(*it)).any(|write| {
            (0..ops.len()).any(|it| !ops[it].write && same(it, write) && ops[it].value == ops[write].value)
        })
    };
    finals
        .iter()
        .all(|a| finals.iter().all(|b| !same(*a, *b) || open(ops[*a].key) || ops[*a].value == ops[*b].value))
}

/// One order of all, which keeps real time.
fn linearizable(small: &Small) -> bool {
    let n = small.ops.len();
    let before: Vec<Vec<bool>> =
        (0..n).map(|a| (0..n).map(|b| small.ops[a].completed < small.ops[b].invoked).collect()).collect();
    let seen = |op: usize| small.source.contains(&Some(op));
    small.serializes(&before, &|op| small.ops[op].sure || seen(op), &|_| true)
}

#[test]
fn verdicts_agree_with_the_definition() {
    let mut counts = [0; 2];
    for seed in 300_000..350_000 {
        let chance = &mut Chance::new(seed);
        let shape = super::super::arbitrary::Shape { processes: 3, ..testing::shape(chance) };
        let history = super::super::arbitrary::registers(chance, shape);
        let all = Small::all(&history);
        let verdict = judge(&history);
        let expected = all.first().is_some_and(definition);
        assert_eq!(verdict.ok, Some(expected), "seed {seed}: {verdict:?} {:?}", all.first());
        assert!(expected || !all.iter().any(linearizable), "seed {seed}: linearizable");
        counts[usize::from(expected)] += 1;
        if let Some(flaw) = &verdict.flaw {
            let part = judge(&history.select(&flaw.culprits));
            assert_eq!(part.ok, Some(false), "seed {seed}: {flaw:?}");
        }
    }
    assert!(counts.iter().all(|count| *count > 4_000), "{counts:?}");
}
