//! Raft, explored: what must hold does in every order of events within a budget, and every rule that is broken on
//! purpose is found out, by a way that the simulator goes too.
use distlab::check::explore::world::{Budget, Messages, Replay, Setup, Step, Worlds};
use distlab::check::explore::{Limits, Model, Options, Outcome, Report, explore};
use distlab::machines::store::Op;
use distlab::protocols::raft::{Call, Config, Mutant, Node, Server};
use distlab::sim::{
    self, DiskModel, Distribution, Fingerprint, Invariants, NodeId, PendingKind, Span, Time, World,
};

const MS: Time = 1_000_000;

/// Servers with timeouts so wide that any of their timers may go off first.
fn servers(count: u32, disk: DiskModel, change: impl Fn(&mut Config)) -> World<Node> {
    let mut world = World::new(sim::Config { disk, ..sim::Config::default() });
    let voters: Vec<NodeId> = (0..count).map(NodeId).collect();
    for id in &voters {
        let mut config = Config::new(voters.clone());
        config.election_timeout = Span { min: 10 * MS, max: 300 * MS };
        change(&mut config);
        world.spawn(&format!("n{}", id.0), Node::Server(Server::new(config))).unwrap();
    }
    world
}

fn slow() -> DiskModel {
    DiskModel { sync: Distribution::Constant(5 * MS), fsync: true }
}

fn put(value: i64) -> Call {
    Call::Propose { op: Op::Put { key: "x".into(), value: value.into() } }
}

fn timeouts(timeouts: u32) -> Budget {
    Budget { timeouts: Some(timeouts), ..Budget::default() }
}

fn run(worlds: &Worlds<Node, ()>, most: u64) -> Report<Worlds<Node, ()>> {
    let limits = Limits { states: Some(most), ..Limits::default() };
    explore(worlds, &Options { limits, ..Options::default() }, &mut |_| true)
        .unwrap_or_else(|failed| panic!("{}", failed.error))
}

/// Everything that can happen is explored, and nothing breaks.
#[track_caller]
fn holds(world: &World<Node>, setup: Setup<Node>) -> u64 {
    let worlds = Worlds::new(world, setup, ()).unwrap();
    let report = run(&worlds, 1_000_000);
    assert_eq!(report.stopped, None);
    assert_eq!(report.properties.len(), 12);
    assert!(
        report.properties.iter().all(|(_, outcome)| *outcome == Outcome::Holds),
        "{:?}",
        report.properties
    );
    report.distinct
}

/// One of `invariants` breaks; the way there, gone by the simulator, breaks it too.
#[track_caller]
fn breaks(world: &World<Node>, setup: Setup<Node>, most: u64) -> (String, usize) {
    let worlds = Worlds::new(world, setup, ()).unwrap();
    let report = run(&worlds, most);
    let found =
        report.counterexamples.first().unwrap_or_else(|| panic!("nothing in {} states", report.distinct));
    let name = worlds.properties()[found.property.unwrap()].name.clone();
    let steps = worlds.steps(&found.states, &found.actions).unwrap();
    let broken = worlds.replay(world, &steps).unwrap();
    assert_eq!(broken.violation().expect("it breaks in the simulator too").invariant, name);
    assert_eq!(worlds.shrink(found).unwrap().actions, found.actions, "the shortest way cannot be shrunk");
    (name, found.actions.len())
}

#[test]
fn two_servers_keep_their_promises() {
    let world = servers(2, DiskModel::default(), |_| {});
    let states = holds(&world, Setup { budget: timeouts(3), ..Setup::default() });
    assert!(states > 1_000, "{states}");
    let calls = vec![(NodeId(0), vec![put(1)])];
    holds(&world, Setup { budget: Budget { drops: Some(1), ..timeouts(2) }, calls, ..Setup::default() });
    let budget = Budget { duplicates: Some(1), crashes: Some(1), ..timeouts(2) };
    holds(&world, Setup { budget, messages: Some(Messages::Set), ..Setup::default() });
}

#[test]
fn two_servers_with_slow_disks_keep_their_promises_whatever_a_crash_takes() {
    let world = servers(2, slow(), |_| {});
    holds(&world, Setup { budget: Budget { crashes: Some(1), ..timeouts(2) }, ..Setup::default() });
}

#[test]
fn three_servers_keep_their_promises() {
    let world = servers(3, DiskModel::default(), |_| {});
    let budget = Budget { crashes: Some(1), recoveries: Some(1), drops: Some(1), ..timeouts(1) };
    let calls = vec![(NodeId(0), vec![put(1)])];
    holds(&world, Setup { budget, calls, ..Setup::default() });
}

/// Every state has a hash of its own content: two ways to the same logs meet.
#[test]
fn the_order_in_which_logs_were_seen_makes_no_difference() {
    let world = servers(3, DiskModel::default(), |_| {});
    let states = holds(&world, Setup { budget: timeouts(2), ..Setup::default() });
    assert!(states < 200_000, "{states}");
}

#[test]
fn broken_rules_of_elections_are_found() {
    let world = |mutant| servers(3, DiskModel::default(), |it| it.mutant = Some(mutant));
    let setup = |count| Setup { budget: timeouts(count), ..Setup::default() };
    assert_eq!(breaks(&world(Mutant::VoteTwice), setup(2), 10_000).0, "VoteOnce");
    assert_eq!(breaks(&world(Mutant::MinorityQuorum), setup(2), 10_000).0, "CommittedOnQuorum");
    assert_eq!(breaks(&world(Mutant::NoLogCheck), setup(3), 200_000).0, "LeaderCompleteness");
}

#[test]
fn broken_rules_of_replication_are_found() {
    let world = |mutant| servers(3, DiskModel::default(), |it| it.mutant = Some(mutant));
    let setup = |count| Setup { budget: timeouts(count), ..Setup::default() };
    assert_eq!(breaks(&world(Mutant::CommitBeyondMatch), setup(3), 500_000).0, "StateMachineSafety");
    assert_eq!(breaks(&world(Mutant::NoTruncate), setup(3), 500_000).0, "CommittedOnQuorum");
    let budget = Budget { duplicates: Some(1), ..timeouts(1) };
    let again = Setup { budget, calls: vec![(NodeId(0), vec![put(1)])], ..Setup::default() };
    assert_eq!(breaks(&world(Mutant::TruncateAlways), again, 500_000).0, "CommittedOnQuorum");
}

#[test]
fn what_leaves_before_it_is_on_disk_is_found_out_by_a_crash() {
    let world = |mutant| servers(3, slow(), |it| it.mutant = Some(mutant));
    let setup = |count| Setup { budget: Budget { crashes: Some(1), ..timeouts(count) }, ..Setup::default() };
    assert_eq!(breaks(&world(Mutant::VoteBeforeSync), setup(2), 100_000).0, "Monotonic");
    assert_eq!(breaks(&world(Mutant::AckBeforeSync), setup(1), 100_000).0, "CommittedOnQuorum");
}

/// Lets what waits at `node`, and is called `what`, happen, as often as it waits.
fn all(world: &mut World<Node>, node: u32, what: &str, lost: bool) {
    let is_it = |kind: &PendingKind<'_, Node>| match kind {
        PendingKind::Message(_, msg) => sim::label(*msg) == what,
        PendingKind::Timer(timer) => sim::label(*timer) == what,
        PendingKind::Call(_) => what == "call",
        _ => false,
    };
    let ids: Vec<u64> = world
        .pending()
        .iter()
        .filter(|it| it.node == Some(NodeId(node)) && is_it(&it.kind))
        .map(|it| it.id)
        .collect();
    assert!(!ids.is_empty(), "no {what} waits at node {node}");
    for id in ids {
        if lost { world.discard(id).unwrap() } else { world.deliver(id).unwrap() }
    }
}

/// The first half of figure 8 of the paper, with three servers: a leader of term 1 appends an entry, another one of
/// term 2 another, and nothing of either has arrived anywhere.
fn figure_8(mutant: Option<Mutant>) -> World<Node> {
    let mut world = servers(3, DiskModel::default(), |it| {
        (it.noop, it.mutant) = (false, mutant);
        it.heartbeat = 1_000 * MS;
    });
    world.set_manual(true);
    world.watch(Invariants::All).unwrap();
    world.start_nodes().unwrap();
    for leader in [0, 2] {
        all(&mut world, leader, "election", false);
        for other in (0..3).filter(|it| *it != leader) {
            all(&mut world, other, "request_vote", false);
        }
        all(&mut world, leader, "request_vote_reply", false);
        world.call(NodeId(leader), put(leader.into())).unwrap();
        all(&mut world, leader, "call", false);
        for other in (0..3).filter(|it| *it != leader) {
            all(&mut world, other, "append_entries", true);
        }
    }
    world
}

#[test]
fn an_entry_of_an_earlier_term_is_not_committed_by_counting() {
    let setup = || Setup { budget: timeouts(2), ..Setup::default() };
    let (name, steps) = breaks(&figure_8(Some(Mutant::CommitOldTerm)), setup(), 500_000);
    assert_eq!(name, "LeaderCompleteness");
    assert!(steps <= 12, "{steps}");
    holds(&figure_8(None), setup());
}

/// Random ways through the explorer's states, gone by the simulator: both know the same after every step.
#[test]
fn the_explorer_and_the_simulator_agree_on_raft() {
    for seed in 0..60 {
        let mut dice = seed;
        let mut below = |n: usize| {
            dice = Fingerprint::of(&(dice, 1_u8));
            ((u128::from(dice) * n as u128) >> 64) as usize
        };
        let disk = if below(2) == 0 { slow() } else { DiskModel::default() };
        let world = servers(2 + below(2) as u32, disk, |_| {});
        let budget = Budget {
            crashes: Some(2),
            drops: Some(3),
            duplicates: Some(2),
            partitions: Some(1),
            timeouts: Some(12),
            ..Budget::default()
        };
        let calls = vec![(NodeId(0), vec![put(1), put(2)]), (NodeId(1), vec![put(3)])];
        let worlds =
            Worlds::new(&world, Setup { budget, calls: calls.clone(), ..Setup::default() }, ()).unwrap();
        let mut state = worlds.initial().unwrap().swap_remove(0);
        let mut replay = Replay::new(&world, &calls).unwrap();
        let starts = worlds.steps(std::slice::from_ref(&state), &[]).unwrap();
        starts.iter().for_each(|step| replay.step(step).unwrap());
        let mut actions = Vec::new();
        for at in 0..120 {
            let (view, moment) = (worlds.view(&state), replay.world().moment().unwrap());
            for (id, node) in (0..).map(NodeId).zip(&moment.nodes) {
                assert_eq!(view.state(id), node.state.as_ref(), "seed {seed}, step {at}");
                assert_eq!(view.disk(id), &node.disk, "seed {seed}, step {at}");
            }
            let mut explored: Vec<_> =
                view.messages().map(|(from, to, msg)| (from, to, msg.clone())).collect();
            let mut simulated = moment.messages;
            explored.sort_unstable();
            simulated.sort_unstable();
            assert_eq!(explored, simulated, "seed {seed}, step {at}");
            actions.clear();
            worlds.actions(&state, &mut actions).unwrap();
            if actions.is_empty() {
                break;
            }
            let action = actions[below(actions.len())];
            let step: Step<Node> = worlds.describe(&state, &action);
            state = worlds.next(&state, &action).unwrap().unwrap();
            replay.step(&step).unwrap_or_else(|stuck| panic!("seed {seed}: {stuck}"));
        }
    }
}
