//! What holds of every specification.
use std::collections::BTreeSet;
use std::convert::Infallible;

use super::super::reference::{Explored, Found, explore};
use super::*;
use crate::check::explore::{self, Claim, Model, Options, Outcome};

struct Slowly;
impl Visitor for Slowly {
    type Out = Explored;
    fn visit<S: Spec>(self, spec: &S) -> Explored {
        explore(spec)
    }
}

#[test]
fn the_published_counts_are_met() {
    for Published { named, distinct, generated, depth } in published() {
        let it = named.with(Slowly).unwrap();
        assert_eq!((it.distinct, it.generated, it.depth), (distinct, generated, depth), "{named:?}");
        assert_eq!(it.alike, 0, "{named:?}");
        assert_eq!(Found { deadlock: false, ..it.found }, Found::default(), "{named:?}");
    }
}

/// The search proper, by so many threads; what it does not say is how many states have equal fingerprints
/// and how many actions led nowhere.
struct Quickly {
    threads: usize,
}
impl Visitor for Quickly {
    type Out = Explored;
    fn visit<S: Spec>(self, spec: &S) -> Explored {
        let options = Options { threads: self.threads, all_counterexamples: true, ..Options::default() };
        let report = explore::explore(spec, &options, &mut |_| true).unwrap_or_else(|it| match it.error {});
        let mut found = Found { deadlock: report.terminal > 0, ..Found::default() };
        for (property, outcome) in report.properties {
            let list = match property.claim {
                Claim::Always => &mut found.violated,
                Claim::Sometimes => &mut found.unseen,
                Claim::Eventually => &mut found.avoided,
            };
            match outcome {
                Outcome::Fails(_) => list.push(property.name),
                Outcome::Holds | Outcome::Seen => {}
                Outcome::Unknown => panic!("{}: not known", property.name),
            }
        }
        let (distinct, generated, depth) = (report.distinct, report.generated, report.depth);
        Explored { distinct, generated, refused: 0, depth, alike: 0, found }
    }
}

/// Everything small, as published and with its flaws.
fn small() -> Vec<Named> {
    let flawed = [
        r#"{"two_phase": {"managers": 3, "flaw": "commits_early"}}"#,
        r#"{"two_phase": {"managers": 3, "flaw": "aborts_prepared"}}"#,
        r#"{"peterson": {"flaw": "ignores_turn"}}"#,
        r#"{"peterson": {"flaw": "keeps_turn"}}"#,
        r#"{"philosophers": {"seats": 4}}"#,
        r#"{"philosophers": {"seats": 4, "flaw": "everybody_holds_left"}}"#,
        r#"{"philosophers": {"seats": 4, "flaw": "eats_dirty"}}"#,
        r#"{"ewd840": {"nodes": 3, "flaw": "stays_white"}}"#,
        r#"{"ewd840": {"nodes": 3, "flaw": "stays_black"}}"#,
        r#"{"chang_roberts": {"nodes": 4}}"#,
        r#"{"chang_roberts": {"nodes": 3, "flaw": "forwards_larger"}}"#,
        r#"{"chang_roberts": {"nodes": 3, "flaw": "swallows_smaller"}}"#,
        r#"{"alternating_bit": {"values": 2, "under_way": 2, "loss": false}}"#,
        r#"{"alternating_bit": {"values": 2, "under_way": 2, "flaw": "trusts_any_acknowledgement"}}"#,
        r#"{"alternating_bit": {"values": 2, "under_way": 2, "flaw": "acknowledges_ahead"}}"#,
        r#"{"pings": {"clients": 2, "pings": 2}}"#,
        r#"{"pings": {"clients": 2, "pings": 2, "loss": true}}"#,
        r#"{"primary_backup": {}}"#,
        r#"{"primary_backup": {"arbiter": "read_then_set"}}"#,
        r#"{"primary_backup": {"arbiter": "nobody"}}"#,
        r#"{"paxos": {"clients": 2, "flaw": "ignores_votes"}}"#,
        r#"{"paxos": {"clients": 2, "flaw": "breaks_promises"}}"#,
    ];
    let published = published().into_iter().filter(|it| it.distinct < 20_000).map(|it| it.named);
    published.chain(flawed.map(|it| serde_json::from_str(it).unwrap())).collect()
}

/// A search that has found what is wrong with everything need not go on: only then do the counts differ.
#[test]
fn the_search_finds_what_slow_exploration_finds() {
    for named in small() {
        let slow = Explored { refused: 0, ..named.with(Slowly).unwrap() };
        for threads in [1, 2] {
            let quick = named.with(Quickly { threads }).unwrap();
            let stopped = (quick.distinct, quick.generated) != (slow.distinct, slow.generated);
            if stopped {
                assert!(quick.distinct <= slow.distinct && !slow.found.violated.is_empty(), "{named:?}");
                assert_eq!(quick.found.violated, slow.found.violated, "{named:?}");
            } else {
                assert_eq!(quick, slow, "{named:?}");
            }
        }
    }
}

fn reachable<M: Model<Error = Infallible, State: Ord>>(model: &M) -> BTreeSet<M::State> {
    let Ok(mut stack) = model.initial();
    let mut seen = BTreeSet::new();
    while let Some(state) = stack.pop() {
        if seen.insert(state.clone()) {
            let mut actions = vec![];
            let Ok(()) = model.actions(&state, &mut actions);
            stack.extend(actions.iter().filter_map(|it| model.next(&state, it).unwrap()));
        }
    }
    seen
}

struct Shown;
impl Visitor for Shown {
    type Out = ();
    /// States that differ look different, and so do the actions of a state.
    fn visit<S: Spec>(self, spec: &S) {
        let states = reachable(spec);
        let shown: BTreeSet<_> = states.iter().map(|it| spec.show_state(it)).collect();
        assert_eq!(shown.len(), states.len());
        for state in &states {
            let mut actions = vec![];
            let Ok(()) = spec.actions(state, &mut actions);
            let shown: BTreeSet<String> = actions.iter().map(|it| spec.show_action(it)).collect();
            assert_eq!(shown.len(), actions.len(), "{shown:?}");
            for action in &actions {
                let name = spec.kind_name(spec.kind(action));
                assert!(
                    spec.show_action(action).starts_with(&name),
                    "{} is a {name}",
                    spec.show_action(action)
                );
            }
        }
    }
}

#[test]
fn what_differs_looks_different() {
    for named in small() {
        named.with(Shown).unwrap();
    }
}

#[test]
fn constants_out_of_range_are_refused_by_name() {
    let flaw = |text: &str| {
        let named: Named = serde_json::from_str(text).unwrap();
        named.with(Shown).unwrap_err().to_string()
    };
    assert_eq!(flaw(r#"{"two_phase": {"managers": 16}}"#), "managers is 16; allowed: 1 to 15");
    assert_eq!(flaw(r#"{"philosophers": {"seats": 1}}"#), "seats is 1; allowed: 2 to 8");
    assert_eq!(flaw(r#"{"ewd840": {"nodes": 0}}"#), "nodes is 0; allowed: 1 to 8");
    assert_eq!(flaw(r#"{"chang_roberts": {"nodes": 7}}"#), "nodes is 7; allowed: 1 to 6");
    let line = r#"{"alternating_bit": {"values": 2, "under_way": 5}}"#;
    assert_eq!(flaw(line), "under_way is 5; allowed: 1 to 4");
    assert_eq!(flaw(r#"{"pings": {"clients": 9, "pings": 1}}"#), "clients is 9; allowed: 1 to 8");
    assert_eq!(flaw(r#"{"paxos": {"clients": 4}}"#), "clients is 4; allowed: 1 to 3");
}

#[test]
fn a_constant_that_does_not_exist_is_refused() {
    for text in
        [r#"{"paxos": {"clients": 1, "servers": 5}}"#, r#"{"raft": {}}"#, r#"{"peterson": {"flaw": "x"}}"#]
    {
        assert!(serde_json::from_str::<Named>(text).is_err(), "{text}");
    }
}
