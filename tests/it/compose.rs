//! One world of several protocols: the union is a protocol like any other.
use distlab::machines::store::Op;
use distlab::protocols::{AnyCall, AnyDisk, AnyMonitor, AnyMsg, AnyNode, AnyReply, echo, raft};
use distlab::sim::{Config, Fault, Invariants, Monitor, NodeId, Outcome, Protocol, World, label};

const SECOND: u64 = 1_000_000_000;

/// Three Raft servers, a client of theirs, and two echoes.
fn world() -> World<AnyNode> {
    let mut world = World::new(Config { seed: 1, ..Config::default() });
    let servers: Vec<NodeId> = (0..3).map(NodeId).collect();
    for id in &servers {
        let config = raft::Config::new(servers.clone());
        let node = AnyNode::Raft(raft::Node::Server(raft::Server::new(config)));
        world.spawn(&format!("n{}", id.0), node).unwrap();
    }
    let client = raft::Client::new(raft::ClientConfig::new(servers));
    world.spawn("client", AnyNode::Raft(raft::Node::Client(client))).unwrap();
    world.spawn("ping", AnyNode::Echo(echo::Node::default())).unwrap();
    world.spawn("pong", AnyNode::Echo(echo::Node::default())).unwrap();
    world
}

const CLIENT: NodeId = NodeId(3);
const PING: NodeId = NodeId(4);
const PONG: NodeId = NodeId(5);

fn put() -> AnyCall {
    AnyCall::Raft(raft::Call::Execute { op: Op::Put { key: "x".into(), value: 1.into() } })
}

#[test]
fn protocols_share_a_world_and_its_invariants() {
    let mut world = world();
    world.watch(Invariants::All).unwrap();
    let ping = world.call(PING, AnyCall::Echo(echo::Call::Ping { to: PONG, count: 10 })).unwrap();
    let write = world.call(CLIENT, put()).unwrap();
    world.run_until(2 * SECOND).unwrap();
    assert_eq!(world.op(ping).unwrap().reply(), Some(&AnyReply::Echo(echo::Reply::Done)));
    assert_eq!(world.op(write).unwrap().outcome(), Outcome::Ok);
    let described = world.op(write).unwrap().describe();
    assert_eq!((&*described.kind, described.argument), ("write", 1.into()));
    let Some(AnyNode::Echo(pong)) = world.node(PONG).state() else { panic!() };
    assert_eq!(pong.heard, 10);
}

#[test]
fn an_invariant_of_one_protocol_is_watched_in_the_union() {
    assert!(AnyMonitor::INVARIANTS.contains(&"ElectionSafety"));
    let mut world = world();
    world.watch(Invariants::All).unwrap();
    world.run_until(SECOND).unwrap();
    let broken = world.edit(NodeId(0), |node, _| {
        let AnyNode::Raft(raft::Node::Server(server)) = node else { panic!() };
        server.applied = 99;
    });
    assert!(broken.unwrap_err().to_string().contains("StateOrdering"));
}

#[test]
fn disks_are_formatted_for_their_protocol() {
    let mut world = world();
    world.run_until(SECOND).unwrap();
    assert!(matches!(world.node(NodeId(0)).disk(), AnyDisk::Raft(_)));
    assert_eq!(*world.node(PING).disk(), AnyDisk::Echo(()));
    world.apply(&Fault::Wipe { node: NodeId(0) }).unwrap();
    assert_eq!(*world.node(NodeId(0)).disk(), AnyDisk::Raft(raft::Disk::default()));
}

#[test]
fn what_is_foreign_is_counted_or_answered_and_never_dropped() {
    let mut world = world();
    world
        .inject(CLIENT, PING, AnyMsg::Raft(raft::Msg::RequestVoteReply { term: 1, vote_granted: true }))
        .unwrap();
    world.inject(PING, NodeId(0), AnyMsg::Echo(echo::Msg::Ping(3))).unwrap();
    let op = world.call(PING, put()).unwrap();
    world.run_until(SECOND).unwrap();
    assert_eq!(world.metrics().notes["foreign message"], 2);
    assert_eq!(world.op(op).unwrap().reply(), Some(&AnyReply::Foreign));
    assert_eq!(world.op(op).unwrap().outcome(), Outcome::Fail);
}

/// The union costs nothing: the same servers in a world of their own take the same course.
#[test]
fn the_union_takes_the_same_course() {
    let run = |any: bool| {
        let servers: Vec<NodeId> = (0..3).map(NodeId).collect();
        let server = || raft::Node::Server(raft::Server::new(raft::Config::new(servers.clone())));
        let config = Config { seed: 5, ..Config::default() };
        let (events, notes) = if any {
            let mut world = World::new(config);
            for id in &servers {
                world.spawn(&id.0.to_string(), AnyNode::Raft(server())).unwrap();
            }
            world.run_until(5 * SECOND).unwrap();
            (
                world.metrics().clone(),
                world.node(NodeId(0)).state().unwrap().status(world.node(NodeId(0)).disk()),
            )
        } else {
            let mut world = World::new(config);
            for id in &servers {
                world.spawn(&id.0.to_string(), server()).unwrap();
            }
            world.run_until(5 * SECOND).unwrap();
            (
                world.metrics().clone(),
                world.node(NodeId(0)).state().unwrap().status(world.node(NodeId(0)).disk()),
            )
        };
        (events, notes)
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn messages_are_named_by_what_they_say() {
    let msg = AnyMsg::Raft(raft::Msg::RequestVote { term: 1, last_log_index: 0, last_log_term: 0 });
    assert_eq!(label(&msg), "request_vote");
    assert_eq!(label(&AnyMsg::Echo(echo::Msg::Ping(1))), "ping");
    let json = serde_json::to_string(&msg).unwrap();
    assert_eq!(json, r#"{"raft":{"request_vote":{"term":1,"last_log_index":0,"last_log_term":0}}}"#);
    assert_eq!(serde_json::from_str::<AnyMsg>(&json).unwrap(), msg);
}
