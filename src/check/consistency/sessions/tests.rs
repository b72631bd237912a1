//! The session guarantees: figures, their definitions by naive loops, and what implies them.
use super::super::arbitrary::Chance;
use super::super::reads_from::testing::{self, Small, history};
use super::super::{Budget, History, Model, Verdict, causal, views};

const GUARANTEES: [Model; 4] =
    [Model::ReadYourWrites, Model::MonotonicReads, Model::MonotonicWrites, Model::WritesFollowReads];

fn judge(history: &History, model: Model) -> Verdict {
    super::check(history, model, &Budget::default()).expect("reads and writes")
}

#[track_caller]
fn expect(text: &str, expected: [bool; 4]) {
    let history = history(text);
    let got = GUARANTEES.map(|model| judge(&history, model).ok == Some(true));
    assert_eq!(got, expected, "{text}: own writes, monotonic reads and writes, writes follow reads");
}

#[test]
fn figures_and_examples() {
    expect("wx4 rx0 rx4", [false, true, true, true]);
    expect("rx0 wx4 rx4", [true; 4]);
    expect("wx3 wx4 | rx4 rx3", [true, false, true, true]);
    expect("wx3 wx4 wy5 | ry5 rx3", [true, true, false, true]);
    expect("wx1 | rx1 rx0", [true, false, true, true]);
    expect("wx1 wy1 | ry1 rx0", [true, true, false, true]);
    expect("wx1 | rx1 wy1 | ry1 rx0", [true, true, true, false]);
    expect("wx1 | rx1 wx2 rx1", [false, true, true, true]);
    expect("wx1 wy1 | ry1 wx2 rx1", [false, true, true, true]);
    expect("wx1 | wx2 | rx1 rx2 rx1", [true; 4]);
    expect("wx1 | wx2 rx1", [true; 4]);
}

/// The definitions at the head of the module, word by word.
fn definition(small: &Small, model: Model) -> bool {
    let ops = &small.ops;
    let all = 0..ops.len();
    let earlier = |a: usize, b: usize| a < b && ops[a].process == ops[b].process;
    let older = |old: usize, new: usize| earlier(old, new) && ops[old].key == ops[new].key;
    let read_by = |p: usize, until: usize| {
        all.clone()
            .filter(move |r| *r == until || earlier(*r, until))
            .filter(move |r| !ops[*r].write && ops[*r].process == ops[p].process)
    };
    let broken = |r: usize, w1: usize| {
        let known = match model {
            Model::ReadYourWrites => earlier(w1, r),
            Model::MonotonicReads => read_by(r, r).any(|it| it != r && small.source[it] == Some(w1)),
            Model::MonotonicWrites => {
                read_by(r, r).any(|it| small.source[it].is_some_and(|w2| earlier(w1, w2)))
            }
            _ => read_by(r, r)
                .filter_map(|it| small.source[it])
                .any(|w2| all.clone().any(|other| earlier(other, w2) && small.source[other] == Some(w1))),
        };
        let Some(returned) = small.source[r] else { return known };
        let knew_then = model == Model::ReadYourWrites
            && all.clone().any(|it| {
                let later = |w: usize| w == returned || earlier(returned, w);
                earlier(it, w1)
                    && ops[returned].process != ops[r].process
                    && small.source[it].is_some_and(later)
            });
        known && w1 != returned && (older(returned, w1) || knew_then)
    };
    let reads = all.clone().filter(|r| !ops[*r].write);
    let same = |r: usize, w: usize| ops[w].write && ops[w].key == ops[r].key;
    !reads.into_iter().any(|r| all.clone().any(|w1| same(r, w1) && broken(r, w1)))
}

#[test]
fn verdicts_agree_with_the_definitions_and_are_implied() {
    let mut counts = [[0; 2]; 4];
    for seed in 200_000..250_000 {
        let chance = &mut Chance::new(seed);
        let history = testing::arbitrary(chance);
        let all = Small::all(&history);
        let budget = Budget::default();
        let pram = views::check(&history, Model::Pram, &budget).unwrap().ok == Some(true);
        let causal = causal::check(&history, Model::Causal, &budget).unwrap().ok == Some(true);
        for (i, model) in GUARANTEES.into_iter().enumerate() {
            let verdict = judge(&history, model);
            let expected = all.iter().any(|it| definition(it, model));
            assert_eq!(verdict.ok, Some(expected), "seed {seed}, {model}: {verdict:?} {:?}", all.first());
            assert!(expected || !causal, "seed {seed}: causal, but not {model}");
            assert!(expected || !pram || i == 3, "seed {seed}: PRAM, but not {model}");
            counts[i][usize::from(expected)] += 1;
            if let Some(flaw) = &verdict.flaw {
                assert!(!flaw.reason.is_empty(), "seed {seed}: {flaw:?}");
                let part = judge(&history.select(&flaw.culprits), model);
                assert_eq!(part.ok, Some(false), "seed {seed}, {model}: {flaw:?}");
            }
        }
    }
    assert!(counts.iter().flatten().all(|count| *count > 4_000), "{counts:?}");
}
