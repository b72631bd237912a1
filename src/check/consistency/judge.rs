//! One door to all judges: any history against any model.
use super::budget::Budget;
use super::error::Error;
use super::history::{History, Kind};
use super::model::Model;
use super::shrink::{Counterexample, smallest};
use super::spec::{Broken, Machine, Spec};
use super::verdict::Verdict;
use super::{causal, eventual, linearizable, release, sequential, sessions, transactions, views};

/// What the objects of a history are.
pub enum Objects<'a> {
    /// One of the built-in specifications.
    Spec(Spec),
    /// The user's own.
    Own(&'a mut dyn Machine),
    /// Keys whose versions are known, as (key, values in their order): for transactions, whose levels are then
    /// decided without a search.
    Versions(Vec<(u32, Vec<u32>)>),
}

/// A verdict, and if it is bad the smallest part of the history that shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// The part that fails by itself.
    pub counterexample: Option<Counterexample>,
}

/// Holds a history against a model, with the strongest algorithm there is for it.
///
/// # Errors
/// What the model or the specification is not defined for: see [`Error`].
pub fn judge(
    history: &History,
    model: Model,
    objects: &mut Objects<'_>,
    budget: &Budget<'_>,
) -> Result<Verdict, Error> {
    if !model.is_transactional() && history.is_transactional() {
        return Err(Error::NotDefined {
            model,
            what: "transactions".to_owned(),
            hint: "use one from read-committed to strict-serializable".to_owned(),
        });
    }
    match (model, objects) {
        (_, Objects::Versions(_)) if !model.is_transactional() => Err(Error::NotDefined {
            model,
            what: "known versions".to_owned(),
            hint: "they help with the levels from read-committed to strict-serializable".to_owned(),
        }),
        (_, Objects::Versions(versions)) => {
            transactions::check_with_versions(history, model, versions, budget)
        }
        (Model::Linearizable, Objects::Spec(spec)) => linearizable::check(history, spec, budget),
        (Model::Linearizable, Objects::Own(machine)) => {
            linearizable::check_machine(history, *machine, budget)
        }
        (Model::Sequential, Objects::Spec(spec)) => sequential::check(history, spec, budget),
        (Model::Sequential, Objects::Own(machine)) => sequential::check_machine(history, *machine, budget),
        (Model::Causal | Model::CausalConvergence, _) => causal::check(history, model, budget),
        (Model::CausalMemory | Model::Pram, _) => views::check(history, model, budget),
        (
            Model::ReadYourWrites | Model::MonotonicReads | Model::MonotonicWrites | Model::WritesFollowReads,
            _,
        ) => sessions::check(history, model, budget),
        (Model::Eventual, _) => eventual::check(history, budget),
        (Model::Release | Model::LazyRelease, _) => release::check(history, model, budget),
        _ => transactions::check(history, model, budget),
    }
}

/// As [`judge`]; a bad verdict comes with a minimal counterexample, which the verdict also names by row.
///
/// # Errors
/// As [`judge`].
pub fn judge_and_shrink(
    history: &History,
    model: Model,
    objects: &mut Objects<'_>,
    budget: &Budget<'_>,
) -> Result<Judgement, Error> {
    let mut verdict = judge(history, model, objects, budget)?;
    let Some(flaw) = &mut verdict.flaw else { return Ok(Judgement { verdict, counterexample: None }) };
    let found = smallest(history, flaw, &mut |rows, part| {
        let judged = match &mut *objects {
            Objects::Own(machine) => {
                let mut machine = Renumbered { machine: &mut **machine, rows };
                judge(part, model, &mut Objects::Own(&mut machine), budget)
            }
            spec => judge(part, model, spec, budget),
        };
        judged.is_ok_and(|verdict| verdict.ok == Some(false))
    });
    flaw.counterexample.clone_from(&found.rows);
    Ok(Judgement { verdict, counterexample: Some(found) })
}

/// A machine that knows operations by their rows in a whole history, for a part of it.
struct Renumbered<'a> {
    machine: &'a mut dyn Machine,
    rows: &'a [u32],
}

impl Machine for Renumbered<'_> {
    fn initial(&mut self, group: u32) -> Result<u32, Broken> {
        self.machine.initial(group)
    }
    fn step(&mut self, state: u32, row: u32) -> Result<Option<u32>, Broken> {
        self.machine.step(state, self.rows[row as usize])
    }
    fn partition(&mut self, row: u32) -> Result<u32, Broken> {
        self.machine.partition(self.rows[row as usize])
    }
    fn observes(&self, row: u32) -> bool {
        self.machine.observes(self.rows[row as usize])
    }
    fn show(&self, state: u32) -> String {
        self.machine.show(state)
    }
}

/// The models that say something about a history, strongest first in each branch of the ladder.
pub fn ladder(history: &History) -> Vec<Model> {
    let has = |kinds: &[Kind]| history.kind.iter().any(|kind| kinds.contains(kind));
    let only = |kinds: &[Kind]| history.kind.iter().all(|kind| kinds.contains(kind));
    const PLAIN: [Kind; 2] = [Kind::READ, Kind::WRITE];
    const LOCKED: [Kind; 4] = [Kind::READ, Kind::WRITE, Kind::ACQUIRE, Kind::RELEASE];
    let chosen: fn(&Model) -> bool = match () {
        () if history.is_transactional() => |it| it.is_transactional(),
        () if only(&PLAIN) => {
            |it| !it.is_transactional() && !matches!(it, Model::Release | Model::LazyRelease)
        }
        () if only(&LOCKED) && has(&PLAIN) => |it| matches!(it, Model::Release | Model::LazyRelease),
        () => |it| matches!(it, Model::Linearizable | Model::Sequential),
    };
    Model::ALL.into_iter().filter(chosen).collect()
}

#[cfg(test)]
mod tests {
    use super::super::arbitrary::{Chance, Shape, registers};
    use super::super::shrink::without_each;
    use super::*;

    const SPEC: fn() -> Objects<'static> = || Objects::Spec(Spec::Kv);

    fn shape(chance: &mut Chance) -> Shape {
        Shape {
            processes: 2 + chance.below(3),
            operations: 3 + chance.below(6) as usize,
            keys: 1 + chance.below(2),
            values: chance.below(2) * 2,
            lies: chance.below(60),
            unknown: chance.below(30),
        }
    }

    /// Every model of the ladder on random histories: what one implies holds wherever it holds.
    #[test]
    fn the_ladder_holds_on_random_histories() {
        let mut held = [0; Model::ALL.len()];
        let runs = 8_000;
        for seed in 0..runs {
            let mut chance = Chance::new(seed);
            let shape = shape(&mut chance);
            let plain = registers(&mut chance, shape);
            for history in [&plain, &plain.as_transactions()] {
                let ok =
                    |model| judge(history, model, &mut SPEC(), &Budget::default()).expect("it is defined").ok;
                let verdicts: Vec<_> = ladder(history).into_iter().map(|model| (model, ok(model))).collect();
                for (model, ok) in &verdicts {
                    held[*model as usize] += u64::from(*ok == Some(true));
                    let implied = model.all_implied();
                    for (weaker, weaker_ok) in verdicts.iter().filter(|it| implied.contains(&it.0)) {
                        let fine = *ok != Some(true) || *weaker_ok == Some(true);
                        assert!(fine, "seed {seed}: {model} holds, {weaker} does not: {history:?}");
                    }
                }
            }
        }
        for model in Model::ALL.into_iter().filter(|it| !matches!(it, Model::Release | Model::LazyRelease)) {
            let held = held[model as usize];
            assert!(held > runs / 10 && held < runs, "{model}: {held}");
        }
    }

    /// Counterexamples fail, and nothing can be left out of them.
    #[test]
    fn counterexamples_are_minimal() {
        let mut shrunk = [0; Model::ALL.len()];
        for seed in 0..1_500 {
            let mut chance = Chance::new(seed);
            let shape = Shape { operations: 6 + chance.below(10) as usize, lies: 40, ..shape(&mut chance) };
            let plain = registers(&mut chance, shape);
            for history in [&plain, &plain.as_transactions()] {
                for model in ladder(history) {
                    let fails = |part: &History| {
                        judge(part, model, &mut SPEC(), &Budget::default()).expect("defined").ok
                            == Some(false)
                    };
                    let judged = judge_and_shrink(history, model, &mut SPEC(), &Budget::default());
                    let Some(found) = judged.expect("defined").counterexample else { continue };
                    assert!(fails(&found.history), "seed {seed}, {model}");
                    assert_eq!(found.rows.len(), found.history.len());
                    for smaller in without_each(&found.history) {
                        assert!(!fails(&smaller), "seed {seed}, {model}: {:?}", found.history);
                    }
                    shrunk[model as usize] += 1;
                }
            }
        }
        assert!(
            [Model::Linearizable, Model::Causal, Model::Serializable]
                .iter()
                .all(|it| shrunk[*it as usize] > 200)
        );
    }
}
