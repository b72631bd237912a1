//! Ways through the states: shrunk, judged, and the same whatever the number of threads.
use serde::{Deserialize, Serialize};

use super::chaos::Chaos;
use super::*;
use crate::check::explore::{Claim, Limits, Options, Report, Strategy, explore};
use crate::sim::{Cx, Invariants, Op};

fn run<P: Protocol, J: Judge<P>>(worlds: &Worlds<P, J>, options: &Options) -> Report<Worlds<P, J>>
where
    J::Error: std::fmt::Debug,
{
    explore(worlds, options, &mut |_| true).unwrap_or_else(|failed| panic!("{:?}", failed.error))
}

fn chaos(seed: u64, count: u32) -> World<Chaos> {
    let disk = if seed.is_multiple_of(2) { slow_disk() } else { DiskModel::default() };
    let mut world = World::new(Config { seed, disk, ..config() });
    for node in 0..count {
        world.spawn(&format!("n{node}"), Chaos::new(count, (seed + u64::from(node)) as u8 % 4)).unwrap();
    }
    world
}

#[test]
fn the_report_is_the_same_on_any_number_of_threads() {
    for seed in 0..6 {
        let setup = Setup {
            budget: Budget { crashes: Some(1), timeouts: Some(2), drops: Some(1), ..Budget::default() },
            calls: vec![(NodeId(0), vec![1, 2])],
            ..Setup::default()
        };
        let world = chaos(seed, 2);
        let reports = [1, 2, 3].map(|threads| {
            let worlds = Worlds::new(&world, setup.clone(), ()).unwrap();
            let limits = Limits { states: Some(15_000), ..Limits::default() };
            let report =
                run(&worlds, &Options { threads, limits, all_counterexamples: true, ..Options::default() });
            let ways: Vec<_> = report
                .counterexamples
                .iter()
                .map(|it| worlds.steps(&it.states, &it.actions).unwrap())
                .collect();
            let outcomes = format!("{:?} {:?}", report.properties, report.coverage);
            (report.distinct, report.generated, report.levels, outcomes, ways)
        });
        assert!(reports[0] == reports[1] && reports[1] == reports[2], "seed {seed}");
        assert!(reports[0].0 > 1_000, "seed {seed}: {} states", reports[0].0);
    }
}

#[test]
fn walks_are_shrunk_to_ways_from_which_nothing_can_be_left_out() {
    let mut shorter = 0;
    for seed in 0..12 {
        let world = chaos(seed, 2);
        let setup = || Setup {
            budget: Budget { crashes: Some(1), drops: Some(1), duplicates: Some(1), ..Budget::default() },
            invariants: Invariants::Named([String::from("NoFourInMoodThree")].into()),
            ..Setup::default()
        };
        let worlds = Worlds::new(&world, setup(), ()).unwrap();
        let limits = Limits { depth: Some(60), ..Limits::default() };
        let strategy = Strategy::Walks { count: 40, seed };
        let report = run(&worlds, &Options { strategy, limits, ..Options::default() });
        let Some(found) = report.counterexamples.first() else { continue };
        let shrunk = worlds.shrink(found).unwrap();
        assert!(shrunk.actions.len() <= found.actions.len());
        shorter += usize::from(shrunk.actions.len() < found.actions.len());
        assert!(!worlds.holds(0, shrunk.states.last().unwrap()).unwrap());
        // It is a way: every action leads to the next state, in the simulator too.
        for (at, action) in shrunk.actions.iter().enumerate() {
            assert_eq!(worlds.next(&shrunk.states[at], action).unwrap().unwrap(), shrunk.states[at + 1]);
        }
        let steps = worlds.steps(&shrunk.states, &shrunk.actions).unwrap();
        let broken = worlds.replay(&world, &steps).unwrap();
        assert_eq!(broken.violation().unwrap().invariant, "NoFourInMoodThree", "seed {seed}");
        let again = worlds.shrink(&shrunk).unwrap();
        assert_eq!(again.actions, shrunk.actions, "seed {seed}: shrinking twice gives no more");
    }
    assert!(shorter >= 3, "{shorter}");
}

/// A register that forgets: of two copies, each node reads its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Copy {
    value: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Ask {
    Read,
    Write(u8),
}

impl Protocol for Copy {
    type Msg = u8;
    type Timer = ();
    type Call = Ask;
    type Reply = u8;
    type Disk = ();
    type Monitor = ();

    fn on_message(&mut self, _: &mut Cx<'_, Self>, _: NodeId, value: u8) {
        self.value = value;
    }
    fn on_call(&mut self, cx: &mut Cx<'_, Self>, op: OpId, ask: Ask) {
        if let Ask::Write(value) = ask {
            self.value = value;
            cx.send(NodeId(1 - cx.id.0), value);
        }
        cx.reply(op, self.value);
    }
}

/// No read that begins after a write of 1 has been answered returns 0.
struct NoStaleRead([Property; 1]);

impl Judge<Copy> for NoStaleRead {
    type Error = std::convert::Infallible;
    fn properties(&self) -> &[Property] {
        &self.0
    }
    fn holds(&self, _: usize, view: &View<'_, Copy>) -> Result<bool, Self::Error> {
        let history = view.history().expect("history counts");
        let written = history.ops().iter().find(|it| it.call == Ask::Write(1)).and_then(|it| it.answer);
        let Some((written, _)) = written else { return Ok(true) };
        Ok(!history
            .ops()
            .iter()
            .any(|it| it.call == Ask::Read && it.called_at > written && it.reply() == Some(&0)))
    }
}

#[test]
fn histories_tell_what_was_over_before_what_began() {
    let mut world = World::new(config());
    for name in ["a", "b"] {
        world.spawn(name, Copy::default()).unwrap();
    }
    world.run_until(0).unwrap();
    let early = world.call(NodeId(1), Ask::Read).unwrap();
    world.run_until(MS).unwrap();
    assert!(world.op(early).unwrap().answer.is_some());
    let calls = vec![(NodeId(0), vec![Ask::Write(1)]), (NodeId(1), vec![Ask::Read, Ask::Read])];
    let setup = Setup { calls, history: true, ..Setup::default() };
    let claim = [Property { name: "no stale read".into(), claim: Claim::Always }];
    let worlds = Worlds::new(&world, setup.clone(), NoStaleRead(claim)).unwrap();
    let report = run(&worlds, &Options::default());
    let found = &report.counterexamples[0];
    assert_eq!(found.actions.len(), 2, "a write, and a read elsewhere before the news has come");
    let replayed = worlds.replay(&world, &worlds.steps(&found.states, &found.actions).unwrap()).unwrap();
    let ops: Vec<_> = replayed.history().ops().iter().filter_map(Op::reply).copied().collect();
    assert_eq!(ops, [0, 1, 0]);
    // Made-up times say of every pair what the state says, and past operations come first.
    let silent = Worlds::new(&world, setup, ()).unwrap();
    let mut hashes = BTreeMap::new();
    for (state, _) in visit(&silent, 1_000) {
        let view = silent.view(&state);
        let history = view.history().unwrap();
        let ops: Vec<_> = history.ops().iter().cloned().collect();
        assert_eq!(ops.len(), 1 + view.operations().filter(|it| it.asked).count());
        assert_eq!(history.answered() as usize, ops.iter().filter(|it| it.answer.is_some()).count());
        assert!(ops[1..].iter().all(|it| it.called_at > ops[0].answer.as_ref().unwrap().0));
        let order: Vec<Vec<bool>> = ops
            .iter()
            .map(|one| {
                ops.iter().map(|it| one.answer.as_ref().is_some_and(|(at, _)| *at < it.called_at)).collect()
            })
            .collect();
        let seen = (format!("{:?}", ops.iter().map(|it| (&it.call, it.reply())).collect::<Vec<_>>()), order);
        let known = hashes.entry(view.history_hash()).or_insert_with(|| seen.clone());
        assert_eq!(*known, seen, "one hash, two histories");
    }
    assert!(hashes.len() > 5);
}
