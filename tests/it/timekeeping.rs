//! NTP, and Cristian's and Berkeley's algorithms: how right clocks are kept, in worlds whose true time the test sees.
use std::cell::Cell;

use distlab::machines::clocks::Discipline;
use distlab::protocols::{berkeley, cristian, ntp};
use distlab::sim::{
    Config, Distribution, Error, Fault, Invariants, Network, NodeId, Places, Probability, Protocol, Purpose,
    Rng, Span, Time, World,
};

use crate::raft::each_seed;

const MS: Time = 1_000_000;
const SECOND: Time = 1_000_000_000;

/// A network whose ways from the first node to the others take `there`, and back take `back`.
fn ways(there: Time, back: Time) -> Network {
    let of = vec![0, 1, 1, 1, 1, 1, 1, 1];
    let places = Places { of, between: vec![vec![0, there], vec![back, 0]] };
    Network { latency: Distribution::Constant(0), places: Some(places), ..Network::default() }
}

fn world<P: Protocol>(network: Network, seed: u64) -> World<P> {
    World::new(Config { seed, network, ..Config::default() })
}

fn spawn<P: Protocol>(world: &mut World<P>, name: &str, node: P) -> NodeId {
    world.spawn(name, node).unwrap()
}

/// How far ahead of true time a node takes the time to be.
fn error<P: Protocol>(world: &World<P>, node: NodeId) -> i64 {
    let node = world.node(node);
    let time = node.state().unwrap().time(node.clock().reading(world.now())).time;
    time - world.now() as i64
}

fn jump<P: Protocol>(world: &mut World<P>, node: NodeId, by: i64) {
    world.apply(&Fault::ClockJump { node, by }).unwrap();
}

fn drift<P: Protocol>(world: &mut World<P>, node: NodeId, ppb: i64) {
    world.apply(&Fault::ClockDrift { node, ppb }).unwrap();
}

fn reference() -> ntp::Node {
    ntp::Node::new(ntp::Config { reference: Some(0), ..ntp::Config::default() })
}

fn below(upstreams: &[NodeId]) -> ntp::Node {
    ntp::Node::new(ntp::Config { upstreams: upstreams.to_vec(), ..ntp::Config::default() })
}

fn stratum(world: &World<ntp::Node>, node: NodeId) -> u8 {
    world.node(node).state().unwrap().stratum()
}

#[test]
fn the_error_is_half_the_asymmetry_and_reaches_half_the_delay() {
    each_seed(200, |seed| {
        let mut dice = Rng::stream(seed, Purpose::Nemesis, 0, 0);
        // The client asks: its way to the server is "back" here.
        let (there, back) =
            (dice.below(100 * MS), if seed.is_multiple_of(4) { 0 } else { dice.below(100 * MS) });
        let mut world = world::<ntp::Node>(ways(there, back), seed);
        let server = spawn(&mut world, "server", reference());
        let client = spawn(&mut world, "client", below(&[server]));
        jump(&mut world, client, dice.below(20 * SECOND) as i64 + SECOND as i64);
        world.watch(Invariants::All).unwrap();
        world.run_until(SECOND).unwrap();
        let system = world.node(client).state().unwrap().system.unwrap();
        assert_eq!(system.delay, there + back);
        assert_eq!(error(&world, client), (back as i64 - there as i64).div_euclid(2));
        assert!(error(&world, client).unsigned_abs() <= system.delay.div_ceil(2));
        if back == 0 {
            assert_eq!(
                error(&world, client).unsigned_abs(),
                system.delay.div_ceil(2),
                "nothing worse is possible"
            );
        }
    });
}

/// Two references, two nodes of stratum 1 under them, two of stratum 2 and one of stratum 3.
fn tree(seed: u64) -> (World<ntp::Node>, Vec<NodeId>) {
    let mut world = world(Network::default(), seed);
    let gps = ["gps0", "gps1"].map(|name| spawn(&mut world, name, reference()));
    let a = ["a0", "a1"].map(|name| spawn(&mut world, name, below(&gps)));
    let b = ["b0", "b1"].map(|name| spawn(&mut world, name, below(&a)));
    let c = spawn(&mut world, "c0", below(&b));
    (world, [&gps[..], &a, &b, &[c]].concat())
}

#[test]
fn strata_form_a_tree_and_who_loses_its_upstream_takes_another() {
    let (mut world, nodes) = tree(7);
    world.watch(Invariants::All).unwrap();
    world.run_until(100 * SECOND).unwrap();
    let strata: Vec<u8> = nodes.iter().map(|id| stratum(&world, *id)).collect();
    assert_eq!(strata, [0, 0, 1, 1, 2, 2, 3]);
    let followed = |world: &World<ntp::Node>, node: NodeId| {
        world.node(node).state().unwrap().system.map(|it| it.upstream)
    };
    let first = followed(&world, nodes[6]).unwrap();
    world.apply(&Fault::crash(first)).unwrap();
    world.run_until(300 * SECOND).unwrap();
    let second = followed(&world, nodes[6]).unwrap();
    assert!(second != first && nodes[4..6].contains(&second), "{second:?} after {first:?}");
    assert_eq!(stratum(&world, nodes[6]), 3);
    world.apply(&Fault::crash(second)).unwrap();
    world.run_until(600 * SECOND).unwrap();
    assert_eq!((stratum(&world, nodes[6]), followed(&world, nodes[6])), (16, None));
    world.apply(&Fault::Recover { node: first }).unwrap();
    world.run_until(700 * SECOND).unwrap();
    assert_eq!(stratum(&world, nodes[6]), 3, "it comes back");
}

#[test]
fn who_has_the_time_from_each_other_only_soon_has_it_no_more() {
    let mut world = world::<ntp::Node>(Network::default(), 3);
    let gps = spawn(&mut world, "gps", reference());
    let a = spawn(&mut world, "a", below(&[gps, NodeId(2)]));
    let b = spawn(&mut world, "b", below(&[a]));
    world.run_until(60 * SECOND).unwrap();
    assert_eq!((stratum(&world, a), stratum(&world, b)), (1, 2));
    world.apply(&Fault::crash(gps)).unwrap();
    world.run_until(800 * SECOND).unwrap();
    assert_eq!(
        (stratum(&world, a), stratum(&world, b)),
        (16, 16),
        "they do not count each other up for ever"
    );
}

#[test]
fn a_falseticker_is_outvoted() {
    let mut world = world::<ntp::Node>(Network::default(), 5);
    let gps = ["right0", "wrong", "right1"].map(|name| spawn(&mut world, name, reference()));
    let client = spawn(&mut world, "client", below(&gps));
    jump(&mut world, gps[1], 3 * SECOND as i64);
    drift(&mut world, client, 10_000);
    world.run_until(100 * SECOND).unwrap();
    let state = world.node(client).state().unwrap();
    assert_eq!(state.falsetickers(), [gps[1]]);
    assert_ne!(state.system.unwrap().upstream, gps[1]);
    assert!(error(&world, client).unsigned_abs() < MS);
    // Of two that contradict each other nobody knows which one is wrong.
    let undecided = spawn(&mut world, "undecided", below(&gps[..2]));
    world.run_until(200 * SECOND).unwrap();
    assert_eq!(stratum(&world, undecided), 16);
}

#[test]
fn a_clock_is_stepped_only_above_128_ms_and_never_runs_back_otherwise() {
    for (off, steps) in [(100 * MS, 0), (128 * MS - 1, 0), (129 * MS, 1)] {
        let mut world = world::<ntp::Node>(ways(0, 0), 0);
        let server = spawn(&mut world, "server", reference());
        let client = spawn(&mut world, "client", below(&[server]));
        jump(&mut world, client, off as i64);
        world.watch(Invariants::All).unwrap();
        let (mut shown, mut back) = (i64::MIN, 0);
        for tick in 0..400 {
            world.run_until(tick * SECOND).unwrap();
            let now = error(&world, client) + world.now() as i64;
            back += u32::from(now < shown);
            shown = now;
        }
        let state = world.node(client).state().unwrap();
        assert_eq!((state.clock.steps(), error(&world, client)), (steps, 0), "{off} ns off");
        assert_eq!(back, 0, "by 129 ms within a second nobody sees it run back");
    }
}

/// A tree with drifting, wandering hardware on a bad network, its nodes set up as `alter` says: how many have the time
/// in the end, and of how many.
fn storm(seed: u64, alter: impl Fn(&mut ntp::Config)) -> Result<(usize, usize), Error> {
    let mut dice = Rng::stream(seed, Purpose::Nemesis, 1, 0);
    let loss = Probability::try_from(0.1).unwrap();
    let latency = Distribution::Exponential { mean: 5 * MS };
    let mut world =
        world::<ntp::Node>(Network { loss, duplicate: loss, latency, ..Network::default() }, seed);
    let (mut above, mut nodes) = (Vec::new(), Vec::new());
    for level in 0..4 {
        let width = 3 + dice.below(2); // of two that contradict each other nobody would be believed
        let level: Vec<NodeId> = (0..width)
            .map(|number| {
                let mut config = ntp::Config { upstreams: above.clone(), ..ntp::Config::default() };
                config.reference = (level == 0).then_some(0);
                alter(&mut config);
                spawn(&mut world, &format!("s{level}n{number}"), ntp::Node::new(config))
            })
            .collect();
        if !above.is_empty() {
            nodes.extend(&level);
        }
        above = level;
    }
    for node in &nodes {
        jump(&mut world, *node, dice.below(SECOND) as i64 - 500 * MS as i64);
        drift(&mut world, *node, dice.below(29_999) as i64 - 14_999);
        let (every, step_ppb, most_ppb) = (SECOND, 500, 14_999);
        world.apply(&Fault::ClockWander { node: *node, every, step_ppb, most_ppb }).unwrap();
        let node = nodes[dice.below(nodes.len() as u64) as usize];
        let at = dice.below(200) * SECOND;
        world.schedule(at, Fault::crash(node)).unwrap();
        world.schedule(at + dice.below(100) * SECOND, Fault::Recover { node }).unwrap();
    }
    world.watch(Invariants::All)?;
    world.run_until(400 * SECOND)?;
    let synchronized = nodes.iter().filter(|id| stratum(&world, **id) < 16).count();
    Ok((synchronized, nodes.len()))
}

#[test]
fn the_bound_holds_on_bad_networks_with_wandering_clocks() {
    let (synchronized, all) = (Cell::new(0), Cell::new(0));
    each_seed(300, |seed| {
        let (some, of) = storm(seed, |_| {}).unwrap();
        synchronized.set(synchronized.get() + some);
        all.set(all.get() + of);
    });
    // Who has no majority does not have the time, and that is right; but it must not be the rule.
    assert!(4 * synchronized.get() > 3 * all.get(), "{} of {}", synchronized.get(), all.get());
}

#[test]
fn every_broken_rule_of_ntp_breaks_an_invariant() {
    use ntp::Mutant::{AlwaysStep, ForgetRoot, NoDispersion};
    for (mutant, invariant) in
        [(AlwaysStep, "SlewRate"), (NoDispersion, "ErrorBound"), (ForgetRoot, "ErrorBound")]
    {
        let found = (0..200).find_map(|seed| storm(seed, |config| config.mutant = Some(mutant)).err());
        match found {
            Some(Error::Invariant(it)) => assert_eq!(it.invariant, invariant, "{mutant:?}: {}", it.detail),
            other => panic!("{mutant:?}: {other:?}"),
        }
    }
}

#[test]
fn who_believes_the_lowest_stratum_believes_a_liar() {
    let run = |mutant| {
        let mut world = world::<ntp::Node>(Network::default(), 1);
        let liar = spawn(&mut world, "liar", reference());
        let others = ["b", "c"].map(|name| {
            let config = ntp::Config { reference: Some(1), ..ntp::Config::default() };
            spawn(&mut world, name, ntp::Node::new(config))
        });
        let upstreams = vec![liar, others[0], others[1]];
        let client = ntp::Node::new(ntp::Config { upstreams, mutant, ..ntp::Config::default() });
        let client = spawn(&mut world, "client", client);
        jump(&mut world, liar, SECOND as i64);
        world.run_until(30 * SECOND).unwrap();
        error(&world, client)
    };
    assert!(run(None).unsigned_abs() < MS);
    assert!(run(Some(ntp::Mutant::TrustStratum)).unsigned_abs() > 900 * MS);
}

fn stepping() -> Discipline {
    Discipline { step: 0, ..Discipline::default() }
}

#[test]
fn cristian_takes_half_of_the_round_trip() {
    // 40 ms there, 10 ms back: the clock is 15 ms behind; that no way takes less than 10 ms makes it at most 15.
    let mut world = world::<cristian::Node>(ways(10 * MS, 40 * MS), 0);
    let server = spawn(&mut world, "server", cristian::Node::default());
    let client = cristian::Config {
        server: Some(server),
        least_way: 10 * MS,
        discipline: stepping(),
        ..cristian::Config::default()
    };
    let client = spawn(&mut world, "client", cristian::Node::new(client));
    jump(&mut world, client, -7_000 * MS as i64);
    world.watch(Invariants::All).unwrap();
    world.run_until(SECOND).unwrap();
    let last = world.node(client).state().unwrap().last.unwrap();
    assert_eq!((last.delay, last.offset), (50 * MS, 7_000 * MS as i64 + 15 * MS as i64));
    assert_eq!(error(&world, client), 15 * MS as i64);
    assert!((15 * MS..15 * MS + 1_000).contains(&last.within), "{}", last.within);
}

#[test]
fn cristian_asks_again_until_it_is_answered_soon_enough() {
    each_seed(300, |seed| {
        let latency = Distribution::Exponential { mean: 20 * MS };
        let mut world = world::<cristian::Node>(Network { latency, ..Network::default() }, seed);
        let server = spawn(&mut world, "server", cristian::Node::default());
        let config =
            cristian::Config { server: Some(server), most_delay: Some(10 * MS), ..Default::default() };
        let client = spawn(&mut world, "client", cristian::Node::new(config));
        jump(&mut world, client, SECOND as i64);
        drift(&mut world, client, seed as i64 % 30_000 - 15_000);
        world.watch(Invariants::All).unwrap();
        world.run_until(600 * SECOND).unwrap();
        assert!(world.node(client).state().unwrap().last.is_some_and(|it| it.delay <= 10 * MS));
        assert!(error(&world, client).unsigned_abs() < 20 * MS);
    });
}

#[test]
fn berkeley_takes_the_average_of_those_that_are_close() {
    let minute = 60 * SECOND as i64;
    let mut world = world::<berkeley::Node>(ways(5 * MS, 5 * MS), 0);
    let members: Vec<NodeId> = (1..=3).map(NodeId).collect();
    let config = berkeley::Config { members: members.clone(), gamma: 3_600 * SECOND, ..Default::default() };
    let master = spawn(&mut world, "master", berkeley::Node::new(config));
    for name in ["fast", "slow", "broken"] {
        spawn(&mut world, name, berkeley::Node::default());
    }
    // The master says 3:00, the others 3:25 and 2:50, and one is a day ahead.
    for (node, off) in members.iter().zip([25 * minute, -10 * minute, 24 * 60 * minute]) {
        jump(&mut world, *node, off);
    }
    world.watch(Invariants::All).unwrap();
    world.run_until(SECOND).unwrap();
    for node in [master].iter().chain(&members) {
        assert_eq!(error(&world, *node), 5 * minute, "3:05 it is");
    }
    let adjusted = |node: NodeId| world.node(node).state().unwrap().adjusted;
    assert_eq!((adjusted(members[0]), adjusted(members[1])), (-20 * minute, 15 * minute));
    assert_eq!(world.metrics().notes["outliers"], 1);
}

#[test]
fn clocks_stay_synchronized_if_they_are_set_every_delta_by_two_rho() {
    const RHO_PPB: i64 = 100_000;
    const DELTA: u64 = 10 * MS;
    let period = DELTA * 1_000_000_000 / (2 * RHO_PPB as u64);
    assert_eq!(period, 50 * SECOND);
    let furthest = |poll: Time| {
        let mut world = world::<cristian::Node>(ways(0, 0), 0);
        let server = spawn(&mut world, "server", cristian::Node::default());
        let client = || {
            let (poll, discipline) = (Span::exactly(poll), stepping());
            let config = cristian::Config { server: Some(server), poll, discipline, ..Default::default() };
            cristian::Node::new(config)
        };
        let (fast, slow) = (spawn(&mut world, "fast", client()), spawn(&mut world, "slow", client()));
        drift(&mut world, fast, RHO_PPB);
        drift(&mut world, slow, -RHO_PPB);
        (1..5_000)
            .map(|tick| {
                world.run_until(tick * 100 * MS).unwrap();
                (error(&world, fast) - error(&world, slow)).unsigned_abs()
            })
            .max()
            .unwrap()
    };
    // The periods are counted by clocks that are wrong by rho themselves.
    assert!(furthest(period) <= DELTA + DELTA / 5_000, "{}", furthest(period));
    assert!(furthest(period * 11 / 10) > DELTA);
}

#[test]
fn hardware_wanders_the_same_way_with_the_same_seed_only() {
    let run = |seed, step_ppb| {
        let mut world = world::<cristian::Node>(Network::default(), seed);
        let node = spawn(&mut world, "node", cristian::Node::default());
        world.apply(&Fault::ClockWander { node, every: SECOND, step_ppb, most_ppb: 50_000 }).unwrap();
        world.run_until(500 * SECOND).unwrap();
        (world.node(node).clock().reading(world.now()), world.node(node).clock().drift())
    };
    assert_eq!(run(1, 10_000), run(1, 10_000));
    assert_ne!(run(1, 10_000), run(2, 10_000));
    assert!(run(1, 10_000).1.abs() <= 50_000);
    assert_eq!(run(1, 0), (500 * SECOND as i64, 0), "a step of 0 is none");
}

#[test]
fn a_wander_that_makes_no_sense_is_refused() {
    let mut world = world::<cristian::Node>(Network::default(), 0);
    let node = spawn(&mut world, "node", cristian::Node::default());
    let mut refused = |every, step_ppb, most_ppb| {
        world.apply(&Fault::ClockWander { node, every, step_ppb, most_ppb }).unwrap_err().to_string()
    };
    assert!(refused(0, 1, 1).contains("every"));
    assert!(refused(1, 1, 1_000_000_000).contains("most_ppb"));
    assert!(refused(1, 2, 1).contains("step_ppb"));
    world.apply(&Fault::ClockWander { node, every: SECOND, step_ppb: 5, most_ppb: 9 }).unwrap();
    assert!(world.moment().unwrap_err().to_string().contains("wanders"));
    world.apply(&Fault::ClockWander { node, every: SECOND, step_ppb: 0, most_ppb: 9 }).unwrap();
    assert!(world.moment().is_ok());
    assert!(!world.pending().iter().any(|it| it.at > 0), "what was planned before does not happen");
}
