//! Mutual exclusion: nobody together, everybody in turn, and what that costs.
use distlab::protocols::mutual_exclusion::{Algorithm, Call, Config, Mutant, Node, Phase, Reply};
use distlab::sim::{
    self, Distribution, Error, Fault, Invariants, Network, NodeId, OpId, Protocol as _, Purpose, Rng, Time,
    World,
};

use crate::raft::each_seed;

const MS: Time = 1_000_000;
const BOTH: [Algorithm; 2] = [Algorithm::Lamport, Algorithm::RicartAgrawala];

fn world(nodes: u32, fifo: bool, seed: u64, config: &Config) -> World<Node> {
    let latency = Distribution::Uniform { min: MS / 2, max: 5 * MS };
    let network = Network { latency, fifo, ..Network::default() };
    let mut world = World::new(sim::Config { seed, network, ..sim::Config::default() });
    let peers: Vec<NodeId> = (0..nodes).map(NodeId).collect();
    for id in 0..nodes {
        let config = Config { peers: peers.clone(), ..config.clone() };
        world.spawn(&format!("n{id}"), Node::new(config)).unwrap();
    }
    world.watch(Invariants::All).unwrap();
    world
}

fn with(algorithm: Algorithm, mutant: Option<Mutant>) -> Config {
    Config { algorithm, mutant, ..Config::default() }
}

fn is_answered(world: &World<Node>, op: OpId) -> bool {
    world.op(op).unwrap().answer.is_some()
}

#[test]
fn an_entry_takes_three_messages_for_each_other_node_or_two() {
    for (algorithm, each) in [(Algorithm::Lamport, 3), (Algorithm::RicartAgrawala, 2)] {
        for nodes in 1..8 {
            let mut world = world(nodes, true, 1, &with(algorithm, None));
            for entry in 1..=5 {
                let op = world.call(NodeId(entry % nodes), Call::Enter { hold: MS }).unwrap();
                world.run_until(u64::from(entry) * 100 * MS).unwrap();
                assert!(is_answered(&world, op));
                assert_eq!(
                    world.metrics().sent,
                    u64::from(each * (nodes - 1) * entry),
                    "{algorithm:?}, {nodes}"
                );
            }
        }
    }
}

#[test]
fn who_acquires_stays_until_it_releases() {
    for algorithm in BOTH {
        let mut world = world(3, true, 1, &with(algorithm, None));
        let first = world.call(NodeId(0), Call::Acquire).unwrap();
        world.run_until(20 * MS).unwrap();
        let second = world.call(NodeId(1), Call::Acquire).unwrap();
        world.run_until(1_000 * MS).unwrap();
        assert!(is_answered(&world, first) && !is_answered(&world, second));
        let early = world.call(NodeId(2), Call::Release).unwrap();
        let release = world.call(NodeId(0), Call::Release).unwrap();
        world.run_until(1_100 * MS).unwrap();
        assert!(matches!(world.op(early).unwrap().reply(), Some(Reply::Refused { .. })));
        assert!(matches!(world.op(release).unwrap().reply(), Some(Reply::Released { .. })));
        assert!(is_answered(&world, second));
        assert!(matches!(world.node(NodeId(1)).state().unwrap().phase, Phase::Inside { .. }));
    }
}

/// Many nodes that want to enter again and again; how many entries there were.
fn storm(seed: u64, fifo: bool, config: &Config) -> Result<usize, Error> {
    let mut dice = Rng::stream(seed, Purpose::Nemesis, 3, 0);
    let nodes = 2 + dice.below(4) as u32;
    let mut world = world(nodes, fifo, seed, config);
    let mut ops = Vec::new();
    for _ in 0..30 {
        let node = NodeId(dice.below(nodes.into()) as u32);
        ops.push(world.call(node, Call::Enter { hold: dice.below(3 * MS) }).unwrap());
        world.run_until(world.now() + dice.below(8 * MS))?;
    }
    world.run_until(world.now() + 2_000 * MS)?;
    Ok(ops.into_iter().filter(|op| is_answered(&world, *op)).count())
}

#[test]
fn everybody_enters_and_nobody_together() {
    each_seed(1_000, |seed| {
        assert_eq!(storm(seed, true, &with(Algorithm::Lamport, None)).unwrap(), 30);
        assert_eq!(storm(seed, seed.is_multiple_of(2), &with(Algorithm::RicartAgrawala, None)).unwrap(), 30);
    });
}

#[test]
fn lamports_algorithm_needs_channels_that_keep_their_order() {
    let runs: Vec<_> = (0..300).map(|seed| storm(seed, false, &with(Algorithm::Lamport, None))).collect();
    let broken = |name| {
        runs.iter().filter(|it| matches!(it, Err(Error::Invariant(it)) if it.invariant == name)).count()
    };
    assert!(broken("MutualExclusion") > 0, "two are inside where an acknowledgement overtakes a request");
    let stuck = runs.iter().filter(|it| matches!(it, Ok(entries) if *entries < 30)).count();
    assert!(stuck > 0, "and where a release overtakes its request, nobody enters any more");
}

#[test]
fn every_broken_rule_of_mutual_exclusion_breaks_an_invariant() {
    use Algorithm::{Lamport, RicartAgrawala};
    for (algorithm, mutant) in [
        (Lamport, Mutant::EnterWithoutAcks),
        (Lamport, Mutant::IgnoreQueue),
        (RicartAgrawala, Mutant::AnswerInside),
        (RicartAgrawala, Mutant::IgnoreTies),
    ] {
        let broken = (0..200).any(|seed| storm(seed, true, &with(algorithm, Some(mutant))).is_err());
        assert!(broken, "{algorithm:?}, {mutant:?}");
    }
}

/// Node 2 is inside, node 0 waits, node 1 has let both pass, goes down, comes back, and wants to enter itself.
fn restarted(config: &Config) -> (World<Node>, OpId, Result<(), Error>) {
    let mut world = world(3, true, 1, config);
    let inside = world.call(NodeId(2), Call::Acquire).unwrap();
    world.run_until(50 * MS).unwrap();
    assert!(is_answered(&world, inside));
    world.call(NodeId(0), Call::Acquire).unwrap();
    world.run_until(100 * MS).unwrap();
    world.apply(&Fault::crash(NodeId(1))).unwrap();
    world.run_until(150 * MS).unwrap();
    world.apply(&Fault::Recover { node: NodeId(1) }).unwrap();
    let again = world.call(NodeId(1), Call::Acquire).unwrap();
    let waiting = world.run_until(500 * MS).map(drop);
    let released = waiting.and_then(|()| {
        world.call(NodeId(2), Call::Release).unwrap();
        world.run_until(1_000 * MS).map(drop)
    });
    (world, again, released)
}

#[test]
fn who_was_down_takes_part_no_more_for_it_has_forgotten_whom_it_let_pass() {
    for algorithm in BOTH {
        let (world, again, result) = restarted(&with(algorithm, None));
        result.unwrap();
        assert!(matches!(world.op(again).unwrap().reply(), Some(Reply::Refused { .. })));
        let status = world.node(NodeId(1)).state().unwrap().status(&sim::Whole(true));
        assert_eq!(status[0].1, "forgotten".into());
        let (_, _, result) = restarted(&with(algorithm, Some(Mutant::ForgetRestart)));
        let broken = matches!(&result, Err(Error::Invariant(it)) if it.invariant == "MutualExclusion");
        assert!(broken, "{algorithm:?}: {result:?}");
    }
}

#[test]
fn while_one_is_down_nobody_enters() {
    for algorithm in BOTH {
        let mut world = world(3, true, 1, &with(algorithm, None));
        world.apply(&Fault::crash(NodeId(1))).unwrap();
        let blocked = world.call(NodeId(2), Call::Acquire).unwrap();
        world.run_until(1_000 * MS).unwrap();
        assert!(!is_answered(&world, blocked));
    }
}
