//! What replication costs, and how quickly logs that differ come together.
use super::*;
use distlab::protocols::raft::{ClientConfig, Command};
use distlab::sim::{Network, Row, RowKind, TraceLevel};

/// How many rows of this kind with this label the trace has.
fn count(cluster: &Cluster, kind: RowKind, label: &str) -> usize {
    let trace = cluster.world.trace();
    trace.rows().filter(|row: &&Row| row.kind == kind && trace.labels()[row.label as usize] == label).count()
}

/// Scenario L12 (6.5840 Backup3B): long logs of cut-off leaders are put right with a few refusals.
#[test]
fn long_wrong_logs_are_put_right_in_a_few_steps() {
    each_seed(10, |seed| {
        let mut cluster = Cluster::new(5, seed);
        let first = cluster.elect();
        cluster.propose(first, 0);
        cluster.run(SECOND);
        let mut value = 0;
        let mut flood = |cluster: &mut Cluster, leader: NodeId| {
            for _ in 0..50 {
                value += 1;
                cluster.propose(leader, value);
            }
            cluster.run(500 * MS);
        };
        for _ in 0..2 {
            // A leader with one companion gets nothing committed.
            cluster.apply(Fault::Heal);
            let leader = cluster.elect();
            cluster.run(SECOND);
            let (with, without): (Vec<_>, Vec<_>) = {
                let mut others = cluster.servers.clone();
                others.retain(|id| *id != leader);
                let without = others.split_off(1);
                (vec![leader, others[0]], without)
            };
            cluster.apply(Fault::Partition { groups: vec![with, without] });
            flood(&mut cluster, leader);
            assert!(cluster.run_until(20 * SECOND, |it| it.leader() != Some(leader)));
            let other = cluster.elect();
            flood(&mut cluster, other);
        }
        let before = cluster.noted("refused");
        cluster.apply(Fault::Heal);
        cluster.converges();
        let refused = cluster.noted("refused") - before;
        assert!(refused <= 16, "{refused} refusals");
    });
}

/// Scenario L14: proposals at once get indices of their own in one term.
#[test]
fn concurrent_proposals_all_commit() {
    let mut cluster = Cluster::new(3, 4);
    let leader = cluster.elect();
    let ops: Vec<OpId> = (0..5).map(|value| cluster.propose(leader, value)).collect();
    cluster.run(SECOND);
    let done = |op: &OpId| match cluster.reply(*op) {
        Some(Reply::Done { index, term, .. }) => (*index, *term),
        other => panic!("{other:?}"),
    };
    assert_eq!(ops.iter().map(done).collect::<Vec<_>>(), (2..7).map(|index| (index, 1)).collect::<Vec<_>>());
}

/// Some proposals in one call are one entry each, and one message to every follower.
#[test]
fn a_batch_is_one_message_to_each() {
    let world = sim::Config { seed: 4, trace: TraceLevel::Full, ..sim::Config::default() };
    let mut cluster = Cluster::with(3, world, |_, _| {});
    let leader = cluster.elect();
    cluster.run(20 * MS);
    cluster.world.clear_trace();
    let op = cluster.world.call(leader, Call::ProposeBatch { ops: (0..64).map(push).collect() }).unwrap();
    cluster.run(5 * MS);
    let Some(Reply::Done { index: 65, term: 1, .. }) = cluster.reply(op) else {
        panic!("{:?}", cluster.reply(op))
    };
    assert_eq!(count(&cluster, RowKind::Send, "append_entries"), 2);
    let empty = cluster.world.call(leader, Call::ProposeBatch { ops: vec![] }).unwrap();
    cluster.run(MS);
    assert!(matches!(cluster.reply(empty), Some(Reply::Refused { .. })));
}

/// Scenario L15: every command crosses the network once for each follower.
#[test]
fn every_command_is_sent_once_to_each() {
    let network = Network { count_bytes: true, fifo: true, ..Network::default() };
    let world = sim::Config { seed: 6, network, ..sim::Config::default() };
    let mut cluster = Cluster::with(3, world, |_, _| {});
    let leader = cluster.elect();
    cluster.run(100 * MS);
    let before = cluster.world.metrics().bytes;
    for key in 0..10 {
        let op = Op::Put { key: key.to_string().into(), value: "x".repeat(5_000).as_str().into() };
        cluster.world.call(leader, Call::Propose { op }).unwrap();
        cluster.run(10 * MS);
    }
    cluster.run(SECOND);
    let bytes = cluster.world.metrics().bytes - before;
    assert!((100_000..=3 * 50_000 + 50_000).contains(&bytes), "{bytes}");
}

/// Scenario L16: ten entries, and a second of silence.
#[test]
fn requests_are_few() {
    let world = sim::Config { seed: 8, trace: TraceLevel::Full, ..sim::Config::default() };
    let mut cluster = Cluster::with(3, world, |_, config| config.heartbeat = 100 * MS);
    let leader = cluster.elect();
    let requests =
        |it: &Cluster| count(it, RowKind::Send, "append_entries") + count(it, RowKind::Send, "request_vote");
    assert!((1..=30).contains(&requests(&cluster)), "election: {}", requests(&cluster));
    cluster.run(50 * MS);
    cluster.world.clear_trace();
    for value in 0..10 {
        cluster.propose(leader, value);
    }
    cluster.run(40 * MS);
    assert_eq!(cluster.server(leader).unwrap().commit, 11);
    assert!(requests(&cluster) <= 42, "ten entries: {}", requests(&cluster));
    cluster.world.clear_trace();
    cluster.run(SECOND);
    assert!(requests(&cluster) <= 60, "a second of silence: {}", requests(&cluster));
}

/// Scenario R13: an operation takes a round trip, and does not wait for a heartbeat.
#[test]
fn an_operation_does_not_wait_for_a_heartbeat() {
    let mut cluster = Cluster::with(3, sim::Config::default(), |_, config| config.heartbeat = 100 * MS);
    let client = cluster.client(|_| {});
    cluster.elect();
    cluster.execute(client, 0);
    cluster.run(SECOND);
    let begin = cluster.world.now();
    for value in 1..=300 {
        let op = cluster.execute(client, value);
        assert!(cluster.run_until(SECOND, |it| it.reply(op).is_some()));
    }
    let each = (cluster.world.now() - begin) / 300;
    assert!(each < 6 * MS, "{each} ns");
}

/// A server whose state is moved back and forth through a format is the same server.
#[test]
fn nodes_and_disks_are_data() {
    let mut cluster = Cluster::new(3, 9);
    let client = cluster.client(|_| {});
    cluster.elect();
    cluster.execute(client, 1);
    cluster.run(SECOND);
    for node in cluster.world.nodes() {
        let state = node.state().unwrap();
        let json = serde_json::to_string(state).unwrap();
        assert_eq!(serde_json::from_str::<Node>(&json).unwrap(), *state);
        let json = serde_json::to_string(node.disk()).unwrap();
        assert_eq!(serde_json::from_str::<Disk>(&json).unwrap(), *node.disk());
    }
    let entry = cluster.disk(NodeId(0)).log.entry(2).unwrap();
    assert!(matches!(&*entry.command, Command::Apply { session: Some(_), op } if *op == push(1)));
    let spawned: Node = serde_json::from_str(r#"{"server": {"config": {"voters": [0, 1, 2]}}}"#).unwrap();
    assert_eq!(spawned, *cluster.world.node(NodeId(0)).spawned());
    let spawned: Node = serde_json::from_str(r#"{"client": {"config": {"servers": [0, 1, 2]}}}"#).unwrap();
    let config = ClientConfig::new(cluster.servers.clone());
    assert_eq!(spawned, Node::Client(Client::new(config)));
    let wrong = r#"{"server": {"config": {"voters": [0], "hartbeat": 1}}}"#;
    let error = serde_json::from_str::<Node>(wrong).unwrap_err().to_string();
    assert!(error.contains("hartbeat"), "{error}");
}
