//! What cannot be explored is refused, by name.
use super::pings::{Msg, Pinger};
use super::*;
use crate::sim::{Error, Fault, Invariants, Probability, Weather};

fn world(config: Config) -> World<Pinger> {
    let mut world = World::new(config);
    let server = world.spawn("server", Pinger::Server).unwrap();
    world.spawn("client", Pinger::Client { server, left: 2 }).unwrap();
    world
}

fn refused(world: &World<Pinger>, setup: Setup<Pinger>) -> String {
    Worlds::new(world, setup, ()).map(drop).unwrap_err().to_string()
}

/// What the explorer says of a world that `change` was done to.
fn after(change: impl FnOnce(&mut World<Pinger>)) -> String {
    let mut world = world(config());
    world.run_until(0).unwrap();
    change(&mut world);
    refused(&world, Setup::default())
}

#[test]
fn what_happens_by_chance_or_by_plan_is_refused() {
    let [server, client] = [0, 1].map(NodeId);
    let apply = |fault: Fault| after(|world| world.apply(&fault).unwrap());
    let said = after(|world| {
        world.schedule(5, Fault::crash(server)).unwrap();
    });
    assert_eq!(
        said,
        "faults is crash; allowed: none while exploring: allow faults by budgets instead of planning them"
    );
    let weather = Weather { loss: Probability::try_from(0.5).unwrap(), ..Weather::default() };
    assert!(apply(Fault::Weather { from: None, to: None, weather }).starts_with("weather is in force"));
    let omit = Fault::Omit {
        node: client,
        send: Probability::ALWAYS,
        receive: Probability::NEVER,
        peer: None,
        kind: None,
    };
    assert!(apply(omit).starts_with("node client: it omits messages"));
    assert!(apply(Fault::Pause { node: server }).starts_with("node server: it is paused"));
    assert!(apply(Fault::ClockFreeze { node: server }).starts_with("node server: its clock stands still"));
    let lie = Fault::DiskLie { node: server, probability: Probability::ALWAYS };
    assert!(apply(lie).starts_with("node server: its disk lies"));
    assert!(apply(Fault::DiskFull { node: client, full: true }).starts_with("node client: its disk is full"));
}

#[test]
fn parameters_are_refused_by_name() {
    let world = world(config());
    let budget = Budget { drops: Some(65_535), ..Budget::default() };
    let said = refused(&world, Setup { budget, ..Setup::default() });
    assert_eq!(said, "budget.drops is 65535; allowed: at most 65,534, or none for no limit");
    let said = refused(&world, Setup { crashable: Some(vec![NodeId(2)]), ..Setup::default() });
    assert_eq!(said, Error::UnknownNode { id: 2, count: 2 }.to_string());
    let said = refused(&world, Setup { calls: vec![(NodeId(9), vec![])], ..Setup::default() });
    assert_eq!(said, Error::UnknownNode { id: 9, count: 2 }.to_string());
    let twice = [vec![NodeId(0)], vec![NodeId(1), NodeId(0)]];
    assert!(refused(&world, Setup { cuts: vec![twice], ..Setup::default() }).starts_with("cuts is"));
    let budget = Budget { partitions: Some(1), ..Budget::default() };
    let one = Setup { budget, partitionable: Some(vec![NodeId(0)]), ..Setup::default() };
    assert!(refused(&world, one).starts_with("partitionable is 1 nodes"));
    let groups = vec![vec![NodeId(0)], vec![NodeId(1), NodeId(0)]];
    assert!(refused(&world, Setup { symmetry: groups, ..Setup::default() }).starts_with("symmetry is"));
    let invariants = Invariants::Named([String::from("Luck")].into());
    assert!(refused(&world, Setup { invariants, ..Setup::default() }).starts_with("invariants is \"Luck\""));
    let calls = vec![(NodeId(0), vec![(); 65])];
    assert!(refused(&world, Setup { calls, history: true, ..Setup::default() }).starts_with("calls is 65"));
}

#[test]
fn a_step_that_is_not_possible_is_named() {
    let world = world(config());
    let worlds = Worlds::new(&world, Setup::default(), ()).unwrap();
    let [server, client] = [0, 1].map(NodeId);
    let start = |node| Step::Start { node, choices: vec![] };
    let never = Step::Deliver { from: client, to: server, msg: Msg::Ping(7), choices: vec![] };
    let stuck = worlds.replay(&world, &[start(server), start(client), never]).map(drop).unwrap_err();
    let said = stuck.to_string();
    assert!(said.starts_with("step 3 (Deliver") && said.ends_with("no such message is under way"), "{said}");
    let stuck = worlds.replay(&world, &[start(server), start(server)]).map(drop).unwrap_err();
    assert!(stuck.to_string().ends_with("the node has started already"), "{stuck}");
    let stuck =
        worlds.replay(&world, &[Step::Start { node: server, choices: vec![1] }]).map(drop).unwrap_err();
    assert!(stuck.to_string().ends_with("fewer choices are made than before"), "{stuck}");
}
