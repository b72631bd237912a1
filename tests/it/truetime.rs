//! TrueTime: what the interval says, who is believed, and what a commit must wait for.
use distlab::protocols::truetime::{Call, Config, Kind, Mutant, Node, Reply};
use distlab::sim::{
    self, Distribution, Error, Fault, Invariants, Network, NodeId, OpId, Protocol, Purpose, Rng, Span, Time,
    World,
};

use crate::raft::each_seed;

const MS: Time = 1_000_000;
const SECOND: Time = 1_000_000_000;

fn world(latency: Distribution, seed: u64) -> World<Node> {
    let network = Network { latency, ..Network::default() };
    World::new(sim::Config { seed, network, ..sim::Config::default() })
}

fn master(world: &mut World<Node>, name: &str, epsilon: Time) -> NodeId {
    world.spawn(name, Node::new(Config { kind: Kind::Gps, epsilon, ..Config::default() })).unwrap()
}

fn daemon(world: &mut World<Node>, name: &str, sources: &[NodeId], mutant: Option<Mutant>) -> NodeId {
    world.spawn(name, Node::new(Config { sources: sources.to_vec(), mutant, ..Config::default() })).unwrap()
}

fn epsilon(world: &World<Node>, node: NodeId) -> Time {
    let node = world.node(node);
    node.state().unwrap().time(node.clock().reading(world.now())).within.unwrap()
}

fn ask(world: &mut World<Node>, node: NodeId, call: Call) -> Option<Reply> {
    let op = world.call(node, call).unwrap();
    world.run_until(world.now()).unwrap();
    answer(world, op)
}

fn answer(world: &World<Node>, op: OpId) -> Option<Reply> {
    world.op(op).unwrap().reply().cloned()
}

/// The bound just after each poll, just before the next, and on average.
fn sawtooth(latency: Time, own: Time) -> (Time, Time, Time) {
    let mut world = world(Distribution::Constant(latency), 0);
    let gps = master(&mut world, "gps", own);
    let node = daemon(&mut world, "daemon", &[gps], None);
    world.run_until(30 * SECOND + 2 * latency).unwrap();
    let base = epsilon(&world, node);
    let bounds: Vec<Time> = (0..3_000)
        .map(|tick| {
            world.run_until(30 * SECOND + 2 * latency + tick * 10 * MS + 5 * MS).unwrap();
            epsilon(&world, node)
        })
        .collect();
    world.run_until(60 * SECOND + 2 * latency - 1).unwrap();
    (base, epsilon(&world, node), bounds.iter().sum::<Time>() / bounds.len() as Time)
}

#[test]
fn the_bound_is_a_sawtooth_from_1_to_7_ms() {
    // Corbett et al. (2012), section 3: polls every 30 s, 200 us/s, 1 ms to the masters: 1 to 7 ms, 4 ms on average.
    assert_eq!(sawtooth(0, MS), (MS, 7 * MS, 4 * MS));
    // What the clocks may drift during the round trip comes on top: half of 0.4 us.
    assert_eq!(sawtooth(MS, 0), (MS + 200, 7 * MS + 200, 4 * MS + 200));
}

#[test]
fn liars_are_outvoted_and_a_daemon_without_a_majority_learns_nothing() {
    let mut world = world(Distribution::Constant(MS), 0);
    let masters = ["a", "liar", "c"].map(|name| master(&mut world, name, 0));
    let node = daemon(&mut world, "daemon", &masters, None);
    let undecided = daemon(&mut world, "undecided", &masters[..2], None);
    world.apply(&Fault::ClockJump { node: masters[1], by: SECOND as i64 }).unwrap();
    world.run_until(100 * SECOND).unwrap();
    let state = world.node(node).state().unwrap();
    assert_eq!((state.liars(), state.is_evicted()), (&masters[1..2], false));
    assert!(state.now(100 * SECOND as i64).unwrap().contains(100 * SECOND as i64));
    assert_eq!(world.node(undecided).state().unwrap().known, None);
    assert!(matches!(ask(&mut world, undecided, Call::Now), Some(Reply::Refused { .. })));
    assert!(world.metrics().notes["no majority"] > 2);
}

#[test]
fn now_after_and_before_say_what_is_certain() {
    let mut world = world(Distribution::Constant(MS), 0);
    let gps = master(&mut world, "gps", 0);
    let node = daemon(&mut world, "daemon", &[gps], None);
    world.run_until(10 * SECOND).unwrap();
    let Some(Reply::Now { earliest, latest }) = ask(&mut world, node, Call::Now) else { panic!("it knows") };
    assert!(earliest <= 10 * SECOND as i64 && latest >= 10 * SECOND as i64);
    for (call, holds) in [
        (Call::After { time: earliest - 1 }, true),
        (Call::After { time: earliest }, false),
        (Call::Before { time: latest + 1 }, true),
        (Call::Before { time: latest }, false),
    ] {
        assert_eq!(ask(&mut world, node, call), Some(Reply::Certain { holds }), "{call:?}");
    }
}

#[test]
fn a_commit_waits_as_long_as_the_interval_is_wide() {
    let mut world = world(Distribution::Constant(MS), 0);
    let gps = master(&mut world, "gps", 0);
    let node = daemon(&mut world, "daemon", &[gps], None);
    for at in [5, 15, 25] {
        world.run_until(at * SECOND).unwrap();
        let wide = 2 * epsilon(&world, node);
        let op = world.call(node, Call::Commit).unwrap();
        world.run_until(at * SECOND + SECOND).unwrap();
        let latency = world.op(op).unwrap().answer.as_ref().unwrap().0 - at * SECOND;
        // While it waits the clock may fall behind by 200 us/s.
        assert!((wide..wide + wide / 4_000).contains(&latency), "{latency} for {wide}");
        assert!(matches!(answer(&world, op), Some(Reply::Waited { stamp }) if stamp > (at * SECOND) as i64));
    }
}

#[test]
fn a_clock_fault_is_caught_by_the_experimenter_at_once_and_by_the_daemon_at_the_next_poll() {
    let set_up = || {
        let mut world = world(Distribution::Constant(MS), 0);
        let gps = master(&mut world, "gps", 0);
        let node = daemon(&mut world, "daemon", &[gps], None);
        world.run_until(40 * SECOND).unwrap();
        (world, node)
    };
    let (mut world, node) = set_up();
    world.watch(Invariants::All).unwrap();
    world.apply(&Fault::ClockDrift { node, ppb: 1_000_000 }).unwrap();
    let error = world.run_until(100 * SECOND).unwrap_err();
    assert!(matches!(&error, Error::Invariant(it) if it.invariant == "ErrorBound"), "{error}");

    let (mut world, node) = set_up();
    let op = world.call(node, Call::CommitWait { stamp: 1_000 * SECOND as i64 }).unwrap();
    world.apply(&Fault::ClockDrift { node, ppb: 1_000_000 }).unwrap();
    world.run_until(100 * SECOND).unwrap();
    assert!(world.node(node).state().unwrap().is_evicted());
    assert!(matches!(answer(&world, op), Some(Reply::Refused { reason }) if reason == "its clock is wrong"));
    assert!(matches!(ask(&mut world, node, Call::Now), Some(Reply::Refused { .. })));
    // Repaired and started again it knows the time.
    world.apply(&Fault::ClockDrift { node, ppb: 0 }).unwrap();
    world.apply(&Fault::crash(node)).unwrap();
    world.apply(&Fault::Recover { node }).unwrap();
    world.watch(Invariants::All).unwrap();
    world.run_until(130 * SECOND).unwrap();
    assert!(matches!(ask(&mut world, node, Call::Now), Some(Reply::Now { .. })));
}

#[test]
fn a_master_that_its_peers_contradict_evicts_itself() {
    let mut world = world(Distribution::Constant(MS), 0);
    let right = ["a", "b"].map(|name| master(&mut world, name, MS));
    let config = Config {
        kind: Kind::Atomic,
        sources: right.to_vec(),
        epsilon: MS,
        drift_ppb: 1_000,
        ..Config::default()
    };
    let atomic = world.spawn("atomic", Node::new(config)).unwrap();
    world.watch(Invariants::All).unwrap();
    world.apply(&Fault::ClockDrift { node: atomic, ppb: 900 }).unwrap();
    world.run_until(300 * SECOND).unwrap();
    assert!(!world.node(atomic).state().unwrap().is_evicted());
    world.unwatch();
    world.apply(&Fault::ClockJump { node: atomic, by: -100 * MS as i64 }).unwrap();
    world.run_until(400 * SECOND).unwrap();
    assert!(world.node(atomic).state().unwrap().is_evicted());
}

/// Commits at random daemons with drifting clocks, one beginning as soon as another one has ended.
fn storm(seed: u64, mutant: Option<Mutant>) -> Result<u64, Error> {
    let mut dice = Rng::stream(seed, Purpose::Nemesis, 2, 0);
    let mut world = world(Distribution::Uniform { min: MS / 2, max: 3 * MS / 2 }, seed);
    let masters: Vec<NodeId> = (0..3).map(|it| master(&mut world, &format!("gps{it}"), MS / 10)).collect();
    let daemons: Vec<NodeId> = (0..4)
        .map(|number| {
            let poll = Span { min: 15 * SECOND, max: 30 * SECOND };
            let config = Config { sources: masters.clone(), poll, mutant, ..Config::default() };
            world.spawn(&format!("d{number}"), Node::new(config)).unwrap()
        })
        .collect();
    for node in &daemons {
        world.apply(&Fault::ClockJump { node: *node, by: dice.below(SECOND) as i64 }).unwrap();
        // Of what the hardware counts, true time may differ by 200 us/s.
        let fast = dice.below(2) == 1;
        let ppb = if dice.below(3) == 0 { 0 } else { 199_000 - dice.below(20_000) as i64 };
        world.apply(&Fault::ClockDrift { node: *node, ppb: if fast { ppb } else { -ppb } }).unwrap();
    }
    // A liar breaks ErrorBound itself: that is looked at where there is none.
    let which = if mutant.is_none() && seed.is_multiple_of(2) {
        let liar = masters[dice.below(3) as usize];
        world
            .apply(&Fault::ClockJump { node: liar, by: dice.below(SECOND) as i64 - SECOND as i64 / 2 })
            .unwrap();
        Invariants::Named(["ExternalConsistency".to_owned()].into())
    } else {
        Invariants::All
    };
    world.watch(which)?;
    world.run_until(5 * SECOND)?;
    let mut commits = 0;
    while world.now() < 100 * SECOND {
        world.run_until(world.now() + dice.below(2 * SECOND))?;
        for _ in 0..4 {
            let ops: Vec<OpId> = (0..1 + dice.below(2))
                .map(|_| world.call(daemons[dice.below(4) as usize], Call::Commit).unwrap())
                .collect();
            let (mut events, deadline) = (0, world.now() + SECOND);
            let op = ops[0];
            world.run_while(deadline, u64::MAX, &mut events, |it| it.op(op).unwrap().answer.is_none())?;
            commits += 1;
        }
    }
    for node in &daemons {
        let (clock, state) = (world.node(*node).clock(), world.node(*node).state().unwrap());
        let now = state.now(clock.reading(world.now())).expect("it is synchronized");
        assert!(now.contains(world.now() as i64), "{now:?} at {}", world.now());
    }
    Ok(commits)
}

#[test]
fn commits_that_wait_are_externally_consistent() {
    let commits = std::cell::Cell::new(0);
    each_seed(2_000, |seed| commits.set(commits.get() + storm(seed, None).unwrap()));
    assert!(commits.get() > 0);
}

#[test]
fn every_broken_rule_of_truetime_breaks_an_invariant() {
    use Mutant::{HalfWait, NoDelay, NoDrift, NoWait};
    for (mutant, invariant) in [
        (HalfWait, "ExternalConsistency"),
        (NoWait, "ExternalConsistency"),
        (NoDrift, "ErrorBound"),
        (NoDelay, "ErrorBound"),
    ] {
        let broken = |seed| match storm(seed, Some(mutant)) {
            Err(Error::Invariant(it)) => it.invariant == invariant,
            _ => false,
        };
        assert!((0..300).any(broken), "{mutant:?} does not break {invariant}");
    }
}

#[test]
fn who_believes_every_master_believes_a_liar() {
    let contains = |mutant| {
        let mut world = world(Distribution::Constant(MS), 0);
        let masters = ["liar", "b", "c"].map(|name| master(&mut world, name, 0));
        let node = daemon(&mut world, "daemon", &masters, mutant);
        world.apply(&Fault::ClockJump { node: masters[0], by: SECOND as i64 }).unwrap();
        world.run_until(SECOND).unwrap();
        world.node(node).state().unwrap().now(SECOND as i64).unwrap().contains(SECOND as i64)
    };
    assert!(contains(None) && !contains(Some(Mutant::BelieveAll)));
}
