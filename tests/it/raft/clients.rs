//! Clients: exactly once, whoever leads.
use super::storm::{final_list, judge};
use super::*;
use distlab::machines::store::Answer;
use distlab::protocols::raft::{Command, Entries, Entry, Msg, ReadMode, Session};
use distlab::sim::{Access, Fault, Network, Outcome, Protocol, Request};

/// Scenario R1: the leader commits and crashes before it answers; the client asks the next one.
#[test]
fn a_command_repeated_at_another_leader_is_carried_out_once() {
    each_seed(20, |seed| {
        let mut cluster = Cluster::new(3, seed);
        let client = cluster.client(|_| {});
        let leader = cluster.elect();
        cluster.run(100 * MS);
        cluster.apply(Fault::Cut { from: leader, to: client, oneway: true });
        let op = cluster.execute(client, 1);
        let committed = |it: &Cluster| it.server(leader).unwrap().commit >= 2;
        assert!(cluster.run_until(5 * SECOND, committed));
        cluster.run(60 * MS); // the others learn of it
        cluster.crash(leader);
        assert!(cluster.run_until(10 * SECOND, |it| it.reply(op).is_some()));
        assert_eq!(final_list_of(&cluster, cluster.leader().unwrap()), 1);
        cluster.apply(Fault::Heal);
        cluster.recover(leader);
        cluster.converges();
        assert_eq!(final_list(&cluster), [1.into()]);
    });
}

fn final_list_of(cluster: &Cluster, server: NodeId) -> usize {
    match cluster.server(server).unwrap().replica.machine.query(&Op::Get { key: "log".into() }) {
        Answer::Value(sim::Value::List(items)) => items.len(),
        other => panic!("{other:?}"),
    }
}

/// Scenario R2: the network doubles requests; without sessions (negative) they count twice.
#[test]
fn doubled_requests_count_once_with_sessions_and_twice_without() {
    let sum = |sessions: bool| {
        let network = Network { duplicate: 1.0.try_into().unwrap(), ..Network::default() };
        let world = sim::Config { network, ..sim::Config::default() };
        let mut cluster = Cluster::with(3, world, |_, config| config.sessions = sessions);
        let client = cluster.client(|_| {});
        cluster.elect();
        cluster.run(100 * MS);
        cluster.execute(client, 1);
        cluster.run(SECOND);
        final_list(&cluster).len()
    };
    assert_eq!((sum(true), sum(false)), (1, 2));
}

/// Scenario S8: only the way between client and leader is cut, one way or the other.
#[test]
fn a_client_cut_off_from_the_leader_is_served_once() {
    each_seed(20, |seed| {
        let mut cluster = Cluster::new(3, seed);
        let client = cluster.client(|_| {});
        let leader = cluster.elect();
        cluster.execute(client, 0);
        cluster.run(SECOND);
        let (from, to) = if seed % 2 == 0 { (client, leader) } else { (leader, client) };
        cluster.apply(Fault::Cut { from, to, oneway: true });
        let op = cluster.execute(client, 1);
        cluster.run(3 * SECOND);
        assert_eq!(cluster.reply(op), None, "nobody else can serve it");
        cluster.apply(Fault::Heal);
        cluster.run(SECOND);
        assert!(matches!(cluster.reply(op), Some(Reply::Executed { .. })));
        assert_eq!(final_list(&cluster), [0.into(), 1.into()]);
    });
}

/// Scenario L23: servers with stale hints that point at each other do not send a client in circles.
#[test]
fn stale_hints_are_followed_once() {
    let mut cluster = Cluster::new(5, 11);
    let client = cluster.client(|_| {});
    let leader = cluster.elect();
    cluster.run(100 * MS);
    // Two followers are cut off and keep pointing at a leader that has crashed.
    let stale: Vec<NodeId> = cluster.servers.iter().copied().filter(|id| *id != leader).take(2).collect();
    let others: Vec<NodeId> = cluster.servers.iter().copied().filter(|id| !stale.contains(id)).collect();
    stale.iter().for_each(|a| others.iter().for_each(|b| cut(&mut cluster, *a, *b)));
    cluster.crash(leader);
    cluster.recover(leader);
    let before = cluster.world.metrics().sent;
    let ops: Vec<OpId> = (0..20).map(|value| cluster.execute(client, value)).collect();
    assert!(cluster.run_until(20 * SECOND, |it| ops.iter().all(|op| it.reply(*op).is_some())));
    let seconds = cluster.world.now() / SECOND + 1;
    let sent = cluster.world.metrics().sent - before;
    assert!(sent < 20 * 60 + seconds * 400, "{sent} messages in {seconds} s");
}

fn cut(cluster: &mut Cluster, from: NodeId, to: NodeId) {
    cluster.apply(Fault::Cut { from, to, oneway: false });
}

/// A client that knows nothing finds the leader in a few tries.
#[test]
fn a_new_client_finds_the_leader() {
    let mut tries = 0;
    for seed in 0..40 {
        let mut cluster = Cluster::new(5, seed);
        let client = cluster.client(|_| {});
        cluster.elect();
        cluster.run(100 * MS);
        let before = cluster.world.now();
        let op = cluster.execute(client, 1);
        cluster.run_until(5 * SECOND, |it| it.reply(op).is_some());
        tries += (cluster.world.now() - before) / MS;
    }
    assert!(tries / 40 < 10, "with a hint it takes two round trips at most: {} ms", tries / 40);
}

/// A client that crashes forgets what it asked, and does not take a new question for an old one.
#[test]
fn a_client_that_restarts_uses_no_name_twice() {
    let mut cluster = Cluster::new(3, 12);
    let client = cluster.client(|_| {});
    cluster.elect();
    cluster.execute(client, 1);
    cluster.run(SECOND);
    cluster.crash(client);
    cluster.recover(client);
    let op = cluster.execute(client, 2);
    cluster.run(SECOND);
    assert!(matches!(cluster.reply(op), Some(Reply::Executed { .. })));
    assert_eq!(final_list(&cluster), [1.into(), 2.into()]);
}

/// Nor one whose disk is gone: it would be told what was answered to its former self.
#[test]
fn a_client_that_is_wiped_uses_no_name_twice() {
    for register in [false, true] {
        let mut cluster = Cluster::with(3, sim::Config::default(), |_, config| {
            config.session_limit = register.then_some(9);
        });
        let client = cluster.client(|config| config.register = register);
        cluster.elect();
        cluster.execute(client, 1);
        cluster.run(SECOND);
        cluster.apply(Fault::Wipe { node: client });
        cluster.recover(client);
        let op = cluster.execute(client, 2);
        cluster.run(SECOND);
        assert!(matches!(cluster.reply(op), Some(Reply::Executed { .. })));
        assert_eq!(final_list(&cluster), [1.into(), 2.into()]);
    }
}

/// A leader without a majority is asked again and again; its log does not grow by that.
#[test]
fn a_command_that_is_repeated_before_it_is_committed_is_in_the_log_once() {
    each_seed(20, |seed| {
        let mut cluster = Cluster::new(3, seed);
        let client = cluster.client(|_| {});
        let leader = cluster.elect();
        cluster.execute(client, 0);
        cluster.run(SECOND);
        let others: Vec<NodeId> = cluster.servers.iter().copied().filter(|id| *id != leader).collect();
        others.iter().for_each(|id| cluster.crash(*id));
        let last = cluster.disk(leader).log.last_index();
        let ops: Vec<OpId> = (1..=5).map(|value| cluster.execute(client, value)).collect();
        cluster.run(5 * SECOND);
        assert_eq!(cluster.disk(leader).log.last_index(), last + 5);
        assert!(cluster.world.metrics().notes["in the log already"] > 20);
        others.iter().for_each(|id| cluster.recover(*id));
        assert!(cluster.run_until(10 * SECOND, |it| ops.iter().all(|op| it.reply(*op).is_some())));
        cluster.converges();
        assert_eq!(final_list(&cluster).len(), 6);
        judge(cluster.world.history(), &final_list(&cluster)).unwrap();
    });
}

/// Operations beyond the lanes of a client queue, and are all carried out.
#[test]
fn a_client_queues_what_it_cannot_ask_yet() {
    let mut cluster = Cluster::new(3, 13);
    let client = cluster.client(|config| config.max_lanes = 2);
    let ops: Vec<OpId> = (0..20).map(|value| cluster.execute(client, value)).collect();
    cluster.run(3 * SECOND);
    assert!(ops.iter().all(|op| cluster.reply(*op).is_some()));
    assert_eq!(final_list(&cluster).len(), 20);
    judge(cluster.world.history(), &final_list(&cluster)).unwrap();
}

/// Scenario R5: a leader that was cut off answers local reads from the past, and no others.
#[test]
fn only_local_reads_are_stale() {
    let mut cluster = Cluster::new(5, 14);
    let old = cluster.elect();
    cluster.propose(old, 1);
    cluster.run(SECOND);
    cluster.apply(Fault::Isolate { node: old });
    assert!(cluster.run_until(10 * SECOND, |it| it.leader() != Some(old)));
    let new = cluster.leader().unwrap();
    cluster.propose(new, 2);
    cluster.run(SECOND);
    let read = |cluster: &mut Cluster, mode| {
        let op = Op::Get { key: "log".into() };
        cluster.world.call(old, Call::Read { op, mode }).unwrap()
    };
    let ops = [ReadMode::Local, ReadMode::ReadIndex, ReadMode::Log].map(|mode| read(&mut cluster, mode));
    cluster.run(SECOND);
    let stale: sim::Value = [1.into()].into_iter().collect();
    assert!(
        matches!(cluster.reply(ops[0]), Some(Reply::Done { answer: Answer::Value(it), .. }) if *it == stale)
    );
    assert_eq!([cluster.reply(ops[1]), cluster.reply(ops[2])], [None, None]);
    cluster.apply(Fault::Heal);
    cluster.run(SECOND);
    assert_eq!(cluster.reply(ops[1]), Some(&Reply::NotLeader { hint: None }));
    assert!(matches!(cluster.reply(ops[2]), Some(Reply::Lost { .. })));
    let outcome = |op| Node::outcome(cluster.reply(op).unwrap());
    assert_eq!((outcome(ops[1]), outcome(ops[2])), (Outcome::Fail, Outcome::Info));
}

/// What makes no sense is refused, and not dropped.
#[test]
fn nonsense_is_refused() {
    let mut cluster = Cluster::new(1, 15);
    let client = cluster.client(|_| {});
    let lost = cluster.client(|config| config.servers.clear());
    cluster.elect();
    let server = cluster.servers[0];
    let put = || Op::Put { key: "x".into(), value: 1.into() };
    for (node, call) in [
        (server, Call::Read { op: put(), mode: ReadMode::Local }),
        (server, Call::ProposeBatch { ops: vec![] }),
        (client, Call::ProposeBatch { ops: vec![put()] }),
        (client, Call::Read { op: Op::Read, mode: ReadMode::Local }),
        (lost, Call::Execute { op: put() }),
    ] {
        let op = cluster.world.call(node, call.clone()).unwrap();
        cluster.run(MS);
        assert!(matches!(cluster.reply(op), Some(Reply::Refused { .. })), "{call:?}");
    }
}

/// How requests become operations, and operations a history.
#[test]
fn workloads_and_histories_speak_of_operations() {
    let mut cluster = Cluster::new(1, 16);
    let client = cluster.client(|_| {});
    cluster.elect();
    let request = |kind| Request { kind, key: "k".into(), others: [].into(), value: 7.into(), count: 3 };
    let kinds = [Access::Insert, Access::Read, Access::ReadModifyWrite, Access::Update, Access::Scan];
    let node = cluster.world.node(client).state().unwrap().clone();
    assert_eq!(cluster.world.node(NodeId(0)).state().unwrap().compose(&request(Access::Read)), None);
    let shown = kinds.map(|kind| {
        let op = cluster.world.call(client, node.compose(&request(kind)).unwrap()).unwrap();
        cluster.run(20 * MS);
        let it = cluster.world.op(op).unwrap().describe();
        format!("{} {} {} -> {}", it.kind, it.key, it.argument, it.result)
    });
    let want = [
        r#"write "k" 7 -> null"#,
        r#"read "k" null -> 7"#,
        r#"rmw "k" 7 -> 7"#,
        r#"write "k" 7 -> null"#,
        r#"scan "k" 3 -> [["k", 7]]"#,
    ];
    assert_eq!(shown, want);
}

/// Messages that nobody sends do no harm.
#[test]
fn messages_made_up_do_no_harm() {
    let mut cluster = Cluster::new(3, 17);
    let client = cluster.client(|_| {});
    let leader = cluster.elect();
    cluster.run(100 * MS);
    let session = Some(Session { client: NodeId(u32::MAX), lane: u32::MAX, seq: u64::MAX });
    let command = Command::Apply { session, op: push(1) };
    let entries = Entries::from(vec![Entry { term: 0, command: Command::Noop.into() }]);
    let append = |prev_log_index| Msg::AppendEntries {
        term: 0,
        prev_log_index,
        prev_log_term: 0,
        entries: entries.clone(),
        leader_commit: u64::MAX,
        round: u32::MAX,
    };
    let response = distlab::protocols::raft::Response::NotLeader { hint: Some(NodeId(u32::MAX)) };
    for node in [leader, client] {
        for msg in [
            append(u64::MAX),
            Msg::Request { command: command.clone().into(), retry: false },
            Msg::Request { command: Command::Noop.into(), retry: true },
            Msg::Query { lane: 9, seq: 9, mode: ReadMode::ReadIndex, op: push(1).into() },
            Msg::Response { lane: 9, seq: 9, result: response.clone() },
        ] {
            cluster.world.inject(leader, node, msg).unwrap();
        }
    }
    cluster.run(SECOND);
    cluster.converges();
}

/// Scenario R4: a client with many commands under way at once. They are carried out once each, and answered in whatever
/// order; servers remember one answer a lane, and discard those before it.
#[test]
fn commands_under_way_at_once_are_carried_out_once_each() {
    each_seed(20, |seed| {
        let mut cluster = Cluster::new(3, seed);
        let client = cluster.client(|config| config.max_lanes = 8);
        let delay = Some(sim::Distribution::Uniform { min: 0, max: 40 * MS });
        let (loss, duplicate) = (0.1.try_into().unwrap(), 0.2.try_into().unwrap());
        let weather = sim::Weather { loss, duplicate, delay, ..Default::default() };
        cluster.apply(Fault::Weather { from: None, to: None, weather });
        let ops: Vec<_> = (0..60).map(|value| cluster.execute(client, value)).collect();
        assert!(cluster.run_until(60 * SECOND, |it| ops.iter().all(|op| it.reply(*op).is_some())));
        let order: Vec<_> =
            ops.iter().map(|op| cluster.world.op(*op).unwrap().answer.as_ref().unwrap().0).collect();
        assert!(!order.is_sorted(), "they do not wait for each other");
        cluster.calm();
        cluster.converges();
        let mut list = final_list(&cluster);
        list.sort();
        assert_eq!(list, (0..60).map(sim::Value::from).collect::<Vec<_>>());
        assert_eq!(cluster.server(NodeId(0)).unwrap().replica.sessions(), 8);
    });
}

/// Scenario R12 (6.5840 OnePartition): what is asked in the minority waits, the majority goes on, and when the network
/// heals what has waited completes.
#[test]
fn operations_in_a_minority_wait_until_the_network_heals() {
    each_seed(20, |seed| {
        let mut cluster = Cluster::new(5, seed);
        let (cut_off, free) = (cluster.client(|_| {}), cluster.client(|_| {}));
        let leader = cluster.elect();
        cluster.run(100 * MS);
        let other = NodeId((leader.0 + 1) % 5);
        let rest = cluster.servers.iter().copied().filter(|id| ![leader, other].contains(id)).chain([free]);
        let groups = vec![vec![leader, other, cut_off], rest.collect()];
        cluster.apply(Fault::Partition { groups });
        let read = Call::Execute { op: Op::Get { key: "log".into() } };
        let waiting = [cluster.execute(cut_off, 1), cluster.world.call(cut_off, read).unwrap()];
        let going_on = cluster.execute(free, 2);
        assert!(cluster.run_until(5 * SECOND, |it| it.reply(going_on).is_some()));
        cluster.run(SECOND);
        assert!(waiting.iter().all(|op| cluster.reply(*op).is_none()));
        cluster.apply(Fault::Heal);
        assert!(cluster.run_until(5 * SECOND, |it| waiting.iter().all(|op| it.reply(*op).is_some())));
        cluster.converges();
        assert_eq!(final_list(&cluster), [2.into(), 1.into()]);
        judge(cluster.world.history(), &final_list(&cluster)).unwrap();
    });
}
