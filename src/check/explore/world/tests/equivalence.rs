//! The key test: random walks through the explorer's states, each step gone by the simulator too, must agree on
//! everything that both know after every step.
use super::chaos::{Chaos, Watcher};
use super::*;
use crate::sim::{Invariants, Moment};

/// A world of a few chaotic nodes, as `dice` have it, perhaps after it has run for a while.
fn world(dice: &mut Dice) -> World<Chaos> {
    let disk = match dice.below(3) {
        0 => DiskModel::default(),
        1 => slow_disk(),
        _ => DiskModel { fsync: false, ..slow_disk() },
    };
    let network = Network { fifo: dice.below(3) == 0, ..Network::default() };
    let service = (dice.below(4) == 0).then_some(Distribution::Constant(1_000));
    let config = Config { seed: dice.0, disk, network, service, ..Config::default() };
    let mut world = World::new(config);
    let count = 1 + dice.below(3) as u32;
    for node in 0..count {
        world.spawn(&format!("n{node}"), Chaos::new(count, dice.below(4) as u8)).unwrap();
    }
    if dice.below(3) == 0 {
        let _ = world.watch(Invariants::All);
    }
    if dice.below(2) == 0 {
        world.run_until(0).ok();
        for _ in 0..dice.below(3) {
            world.call(NodeId(dice.below(count as usize) as u32), dice.below(5) as u8).unwrap();
        }
        for _ in 0..dice.below(30) {
            if world.violation().is_some() {
                world.unwatch();
            }
            let _ = world.step();
        }
        if dice.below(4) == 0 {
            world.apply(&crate::sim::Fault::crash(NodeId(0))).ok();
        }
    }
    world
}

fn setup(dice: &mut Dice, count: usize) -> Setup<Chaos> {
    let some = |dice: &mut Dice| [Some(0), Some(1), Some(3), None][dice.below(4)];
    let budget = Budget {
        crashes: some(dice),
        recoveries: some(dice),
        drops: some(dice),
        duplicates: some(dice),
        partitions: if count > 1 { some(dice) } else { Some(0) },
        timeouts: [Some(4), None][dice.below(2)],
    };
    let messages = [None, Some(Messages::Bag), Some(Messages::Fifo)];
    let calls = (0..dice.below(3)).map(|_| {
        let node = NodeId(dice.below(count) as u32);
        (node, (0..dice.below(3)).map(|_| dice.below(5) as u8).collect())
    });
    Setup {
        calls: calls.collect(),
        budget,
        timing: dice.one_of(&[Timing::Asynchronous, Timing::Synchronous]),
        partial_sends: dice.one_of(&[None, Some(true), Some(false)]),
        messages: dice.one_of(&messages),
        starts: dice.one_of(&[Starts::Together, Starts::AnyTime]),
        history: dice.below(2) == 0,
        mending: dice.below(2) == 0,
        ..Setup::default()
    }
}

/// One node, as both sides know it.
#[derive(Debug, PartialEq)]
struct Seen {
    state: Option<Chaos>,
    disk: u8,
    unsynced: Vec<u8>,
    syncing: u32,
    held: String,
    timers: Vec<u8>,
    restarts: u32,
}

/// The nodes, the messages under way, the answers.
type Whole = (Vec<Seen>, Vec<(u32, u32, u8)>, Vec<Option<u8>>);

fn explored(worlds: &Worlds<Chaos, ()>, state: &State) -> Whole {
    let nodes = worlds.layout.locals(&state.0).iter().map(|id| {
        let local = &worlds.tables.node(*id).local;
        Seen {
            state: local.state.clone(),
            disk: local.disk.0,
            unsynced: local.unsynced.clone(),
            syncing: local.syncing,
            held: format!("{:?}", local.held),
            timers: local.timers.iter().map(|it| it.name).collect(),
            restarts: (worlds.incarnations[local.node.index()] + u32::from(local.turn)) % 2,
        }
    });
    let view = worlds.view(state);
    let mut messages: Vec<_> = view.messages().map(|(from, to, msg)| (from.0, to.0, *msg)).collect();
    messages.sort_unstable();
    (nodes.collect(), messages, view.operations().map(|it| it.reply.copied()).collect())
}

fn simulated(
    worlds: &Worlds<Chaos, ()>,
    world: &World<Chaos>,
    moment: &Moment<Chaos>,
    no_way_back: bool,
) -> Whole {
    let nodes = moment.nodes.iter().map(|it| Seen {
        state: it.state.clone(),
        disk: it.disk.0,
        unsynced: it.unsynced.clone(),
        syncing: it.syncing,
        held: format!("{:?}", it.held),
        timers: it.timers.iter().map(|it| it.name).collect(),
        restarts: it.incarnation % 2,
    });
    let gone = |to: NodeId| no_way_back && !world.node(to).is_up() && !moment.nodes[to.index()].unstarted;
    let under_way = moment.messages.iter().filter(|(_, to, _)| !gone(*to));
    let mut messages: Vec<_> = under_way.map(|(from, to, msg)| (from.0, to.0, *msg)).collect();
    messages.sort_unstable();
    let replies = worlds.ops.iter().map(|ask| world.op(ask.id).and_then(|op| op.reply().copied()));
    (nodes.collect(), messages, replies.collect())
}

fn remembered(monitor: &Watcher) -> u8 {
    monitor.seen
}

/// One walk; says how many steps it had.
fn walk(seed: u64) -> usize {
    let dice = &mut Dice(seed);
    let world = world(dice);
    let setup = setup(dice, world.nodes().len());
    let worlds = Worlds::new(&world, setup, ()).unwrap();
    let mut beginnings = worlds.beginnings().unwrap();
    let begun = beginnings.swap_remove(dice.below(beginnings.len()));
    let mut state = begun.state;
    let starts = begun.starts.into_iter().map(|(node, choices)| Step::Start { node, choices });
    let mut fork = world.clone();
    if !worlds.was_watched {
        let _ = fork.watch(Invariants::All);
    }
    let mut replay = Replay::new(&fork, &worlds.setup.calls).unwrap();
    starts.for_each(|step| replay.step(&step).unwrap());
    let (mut actions, mut steps, mut last) = (Vec::new(), 0, None);
    loop {
        let world = replay.world();
        let moment = world.moment().unwrap();
        let no_way_back = state::left(&state.0, state::Spent::Recovery) == 0;
        let both = (explored(&worlds, &state), simulated(&worlds, world, &moment, no_way_back));
        assert_eq!(both.0, both.1, "seed {seed}, after {steps} steps, the last one {last:?}");
        let monitor = &worlds.tables.monitors.get(state.0[state::MONITOR]).value;
        let (own, _) = moment.watch.expect("it is watched");
        assert_eq!(remembered(monitor), remembered(&own), "seed {seed}, after {steps} steps");
        actions.clear();
        match worlds.actions(&state, &mut actions) {
            Ok(()) => {}
            Err(Failure::Subsets { .. }) => return steps,
            Err(failure) => panic!("seed {seed}: {failure}"),
        }
        if actions.is_empty() || steps == 60 {
            return steps;
        }
        let action = dice.one_of(&actions);
        let step = worlds.describe(&state, &action);
        state = worlds.next(&state, &action).unwrap().unwrap();
        let before = replay.world().violation().cloned();
        replay.step(&step).unwrap_or_else(|stuck| panic!("seed {seed}: {stuck}"));
        let after = replay.world().violation();
        let (broken, news) = (worlds.has_broken(&state.0, 1), after != before.as_ref());
        // A violation that is the same again, down to its time, is no news.
        assert!(if broken { after.is_some() } else { !news }, "seed {seed}, after {steps} steps: {step:?}");
        (steps, last) = (steps + 1, Some(step));
    }
}

#[test]
fn random_walks_agree_with_the_simulator() {
    let steps: usize = (0..4_000).map(walk).sum();
    assert!(steps > 60_000, "too few steps to mean anything: {steps}");
}

#[test]
fn a_way_found_by_exploring_is_gone_by_the_simulator() {
    let dice = &mut Dice(5);
    let world = world(dice);
    let worlds = Worlds::new(&world, Setup::default(), ()).unwrap();
    let mut states = vec![worlds.initial().unwrap().swap_remove(0)];
    let mut taken = Vec::new();
    let mut actions = Vec::new();
    for _ in 0..10 {
        let state = states.last().unwrap();
        actions.clear();
        worlds.actions(state, &mut actions).unwrap();
        let Some(action) = actions.first().copied() else { break };
        states.push(worlds.next(state, &action).unwrap().unwrap());
        taken.push(action);
    }
    let steps = worlds.steps(&states, &taken).unwrap();
    let saved = serde_json::to_string(&steps).unwrap();
    let steps: Vec<Step<Chaos>> = serde_json::from_str(&saved).unwrap();
    let replayed = worlds.replay(&world, &steps).unwrap();
    assert_eq!(explored(&worlds, states.last().unwrap()).0.len(), replayed.nodes().len());
    assert!(replayed.trace().rows().count() > 0);
}
