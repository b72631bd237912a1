//! The world, with the smallest protocols that show each thing.
use distlab::sim::{
    Broken, Config, Cx, DiskModel, Distribution, Error, Fault, Invariants, Limits, Monitor, Network, NodeId,
    OpId, Outcome, PendingKind, Plan, Probability, Protocol, RowKind, Span, Step, Time, TraceLevel, View,
    Weather, Whole, World, trials,
};
use serde::{Deserialize, Serialize};

const MS: Time = 1_000_000;

/// Counts on disk what it hears; answers a call by writing first. Told to, it bounces, floods or spins.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Probe {
    heard: Vec<u32>,
    ticks: Vec<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Call {
    Store(u32),
    StoreThenTell(NodeId, u32),
    TellThenStore(NodeId, u32),
    Say(NodeId, u32),
    Flood(u32),
    Spin,
    Tick(Time),
}

impl Protocol for Probe {
    type Msg = u32;
    type Timer = u8;
    type Call = Call;
    type Reply = u32;
    type Disk = Whole<u32>;
    type Monitor = NeverThirteen;

    fn on_start(&mut self, cx: &mut Cx<'_, Self>) {
        cx.note("up", u64::from(cx.disk().0));
    }
    fn on_message(&mut self, cx: &mut Cx<'_, Self>, from: NodeId, msg: u32) {
        self.heard.push(msg);
        if msg > 1_000 {
            cx.send(from, msg - 1);
        }
    }
    fn on_timer(&mut self, cx: &mut Cx<'_, Self>, timer: u8) {
        self.ticks.push(cx.now());
        match timer {
            0 => cx.arm(0, Span::exactly(0)),
            _ => cx.arm(1, Span::exactly(MS)),
        }
    }
    fn on_call(&mut self, cx: &mut Cx<'_, Self>, op: OpId, call: Call) {
        match call {
            Call::Store(it) => {
                cx.write(it);
                cx.reply(op, it);
            }
            Call::StoreThenTell(to, it) => {
                cx.write(it);
                cx.send(to, it);
            }
            Call::TellThenStore(to, it) => {
                cx.send(to, it);
                cx.write(it);
            }
            Call::Say(to, it) => cx.send(to, it),
            Call::Flood(n) => (0..n).for_each(|it| cx.send(NodeId(1), it % 1_000)),
            Call::Spin => cx.arm(0, Span::exactly(0)),
            Call::Tick(first) => cx.arm(1, Span::exactly(first)),
        }
    }
}

/// 13 must never be on a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct NeverThirteen;

impl Monitor<Probe> for NeverThirteen {
    const INVARIANTS: &'static [&'static str] = &["NeverThirteen"];
    fn check(&mut self, view: &View<'_, Probe>, step: &Step<'_, Probe>, report: &mut Vec<Broken>) {
        let node = (view.get)(step.node).expect("the node of a step is there");
        if node.disk.0 == 13 {
            let mut undone = Vec::new();
            (step.writes)(&mut |write| undone.push(*write));
            report.push(Broken { invariant: "NeverThirteen".into(), detail: format!("it was {undone:?}") });
        }
    }
}

fn world(config: Config) -> (World<Probe>, [NodeId; 3]) {
    let mut world = World::new(config);
    let nodes = ["a", "b", "c"].map(|name| world.spawn(name, Probe::default()).unwrap());
    world.run_until(0).unwrap();
    (world, nodes)
}

fn steady(latency: Time) -> Config {
    let network = Network { latency: Distribution::Constant(latency), ..Network::default() };
    Config { network, trace: TraceLevel::Full, ..Config::default() }
}

fn slow_disk() -> Config {
    Config { disk: DiskModel { sync: Distribution::Constant(5 * MS), fsync: true }, ..steady(MS) }
}

fn heard(world: &World<Probe>, node: NodeId) -> &[u32] {
    &world.node(node).state().unwrap().heard
}

#[test]
fn a_message_after_a_write_waits_for_the_disk_and_one_before_does_not() {
    let (mut world, [a, b, c]) = world(slow_disk());
    world.call(a, Call::StoreThenTell(b, 1)).unwrap();
    world.run_until(5 * MS + MS - 1).unwrap();
    assert_eq!(heard(&world, b), [0u32; 0]);
    world.run_until(5 * MS + MS).unwrap();
    assert_eq!(heard(&world, b), [1]);
    world.call(a, Call::TellThenStore(c, 2)).unwrap();
    world.run_until(world.now() + MS).unwrap();
    assert_eq!(heard(&world, c), [2]);
}

#[test]
fn a_crash_loses_the_unsynced_write_and_the_message_that_waited() {
    let (mut world, [a, b, _]) = world(slow_disk());
    world.call(a, Call::Store(7)).unwrap();
    world.run_until(6 * MS).unwrap();
    world.call(a, Call::StoreThenTell(b, 8)).unwrap();
    world.call(a, Call::StoreThenTell(b, 9)).unwrap();
    world.run_until(8 * MS).unwrap();
    assert_eq!((world.node(a).disk().0, world.node(a).is_durable()), (9, false));
    world.apply(&Fault::crash(a)).unwrap();
    assert_eq!((world.node(a).disk().0, world.node(a).is_up()), (7, false));
    world.apply(&Fault::Recover { node: a }).unwrap();
    world.run_until(100 * MS).unwrap();
    assert_eq!(heard(&world, b), [0u32; 0]);
    assert_eq!((world.metrics().notes["up"], world.node(a).incarnation()), (4, 2));
}

/// Only the process dies: what it wrote is with the operating system, what it had yet to say is not.
#[test]
fn a_process_that_dies_leaves_its_writes_and_not_its_messages() {
    let dies = Fault::Crash { node: NodeId(0), lose_unsynced: false, torn: false, corrupt: false };
    let (mut world, [a, b, _]) = world(slow_disk());
    world.call(a, Call::StoreThenTell(b, 8)).unwrap();
    world.run_until(2 * MS).unwrap();
    world.call(a, Call::StoreThenTell(b, 9)).unwrap();
    world.run_until(3 * MS).unwrap();
    world.apply(&dies).unwrap();
    assert_eq!((world.node(a).disk().0, world.node(a).is_up()), (9, false));

    // The sync under way ends, and another covers the second write, though nobody is there to ask for it.
    for (until, left) in [(4 * MS, 0), (7 * MS, 8), (11 * MS, 9)] {
        let mut world = world.clone();
        world.run_until(until).unwrap();
        world.apply(&Fault::crash(a)).unwrap();
        assert_eq!(world.node(a).disk().0, left, "power fails at {until} ns");
        world.run_until(100 * MS).unwrap();
        assert_eq!((world.node(a).disk().0, heard(&world, b)), (left, &[][..]));
    }

    // A process that comes up meanwhile has its writes, and waits for them with what it says.
    world.apply(&Fault::Recover { node: a }).unwrap();
    world.call(a, Call::StoreThenTell(b, 10)).unwrap();
    world.run_until(9 * MS).unwrap();
    assert_eq!((world.node(a).disk().0, heard(&world, b)), (10, &[][..]));
    world.run_until(100 * MS).unwrap();
    assert_eq!((heard(&world, b), world.node(a).is_durable()), (&[10][..], true));

    let torn = Fault::Crash { node: a, lose_unsynced: false, torn: true, corrupt: false };
    let error = world.apply(&torn).unwrap_err().to_string();
    assert!(error.starts_with("torn is true"), "{error}");
}

/// What was never synced survives the process, and not the machine.
#[test]
fn without_fsync_a_process_that_dies_loses_nothing() {
    let config =
        Config { disk: DiskModel { sync: Distribution::Constant(50 * MS), fsync: false }, ..steady(MS) };
    let (mut world, [a, ..]) = world(config);
    world.call(a, Call::Store(7)).unwrap();
    world.run_until(MS).unwrap();
    let dies = Fault::Crash { node: a, lose_unsynced: false, torn: false, corrupt: false };
    world.apply(&dies).unwrap();
    world.apply(&Fault::Recover { node: a }).unwrap();
    assert_eq!(world.node(a).disk().0, 7);
    world.apply(&Fault::crash(a)).unwrap();
    assert_eq!(world.node(a).disk().0, 0);
}

#[test]
fn writes_made_while_the_disk_syncs_share_the_next_sync() {
    let (mut world, [a, ..]) = world(slow_disk());
    let ops: Vec<OpId> = (0..4)
        .map(|i| {
            let op = world.call(a, Call::Store(i)).unwrap();
            world.run_until(world.now() + MS).unwrap();
            op
        })
        .collect();
    world.run_until(100 * MS).unwrap();
    let answered: Vec<Time> =
        ops.iter().map(|&op| world.op(op).unwrap().answer.as_ref().unwrap().0).collect();
    assert_eq!(answered, [5 * MS, 10 * MS, 10 * MS, 10 * MS]);
    assert_eq!(world.metrics().syncs, 2);
}

#[test]
fn a_lying_disk_loses_what_it_called_durable() {
    let (mut world, [a, ..]) = world(slow_disk());
    world.apply(&Fault::DiskLie { node: a, probability: Probability::ALWAYS }).unwrap();
    let op = world.call(a, Call::Store(7)).unwrap();
    world.run_until(10 * MS).unwrap();
    assert_eq!(world.op(op).unwrap().outcome(), Outcome::Ok);
    world.apply(&Fault::crash(a)).unwrap();
    assert_eq!(world.node(a).disk().0, 0);
}

#[test]
fn a_disk_lies_once_about_a_write() {
    let (mut world, [a, ..]) = world(steady(MS));
    world.apply(&Fault::DiskLie { node: a, probability: Probability::ALWAYS }).unwrap();
    world.call(a, Call::Store(7)).unwrap();
    world.run_until(10 * MS).unwrap();
    assert_eq!(world.metrics().syncs, 1);
}

#[test]
fn an_honest_sync_after_a_lie_makes_both_writes_durable() {
    let (mut world, [a, ..]) = world(slow_disk());
    world.apply(&Fault::DiskLie { node: a, probability: Probability::ALWAYS }).unwrap();
    world.call(a, Call::Store(7)).unwrap();
    world.run_until(10 * MS).unwrap();
    world.apply(&Fault::DiskLie { node: a, probability: Probability::NEVER }).unwrap();
    world.call(a, Call::Store(8)).unwrap();
    world.run_until(20 * MS).unwrap();
    world.apply(&Fault::crash(a)).unwrap();
    assert_eq!(world.node(a).disk().0, 8);
}

#[test]
fn without_fsync_nothing_waits_and_a_crash_soon_after_loses() {
    let config =
        Config { disk: DiskModel { sync: Distribution::Constant(50 * MS), fsync: false }, ..steady(MS) };
    let (mut world, [a, ..]) = world(config);
    let op = world.call(a, Call::Store(7)).unwrap();
    world.run_until(MS).unwrap();
    assert_eq!(world.op(op).unwrap().outcome(), Outcome::Ok);
    let mut later = world.clone();
    later.run_until(60 * MS).unwrap();
    for (mut world, left) in [(world, 0), (later, 7)] {
        world.apply(&Fault::crash(a)).unwrap();
        assert_eq!(world.node(a).disk().0, left);
    }
}

#[test]
fn a_full_disk_holds_answers_until_there_is_room() {
    let (mut world, [a, ..]) = world(slow_disk());
    world.apply(&Fault::DiskFull { node: a, full: true }).unwrap();
    let op = world.call(a, Call::Store(7)).unwrap();
    world.run_until(100 * MS).unwrap();
    assert_eq!(world.op(op).unwrap().outcome(), Outcome::Info);
    world.apply(&Fault::DiskFull { node: a, full: false }).unwrap();
    world.run_until(200 * MS).unwrap();
    assert_eq!(world.op(op).unwrap().answer, Some((105 * MS, 7)));
}

#[test]
fn a_slow_disk_takes_longer() {
    let (mut world, [a, ..]) = world(slow_disk());
    world.apply(&Fault::DiskSlow { node: a, factor: 3.0, extra: MS }).unwrap();
    let op = world.call(a, Call::Store(7)).unwrap();
    world.run_until(100 * MS).unwrap();
    assert_eq!(world.op(op).unwrap().answer, Some((16 * MS, 7)));
}

#[test]
fn a_wiped_node_comes_back_blank() {
    let (mut world, [a, ..]) = world(steady(MS));
    world.call(a, Call::Store(7)).unwrap();
    world.run_until(MS).unwrap();
    world.apply(&Fault::Wipe { node: a }).unwrap();
    world.apply(&Fault::Recover { node: a }).unwrap();
    assert_eq!((world.node(a).disk().0, world.node(a).is_up()), (0, true));
}

#[test]
fn a_paused_node_catches_up_in_order() {
    let (mut world, [a, b, _]) = world(steady(MS));
    world.apply(&Fault::Pause { node: b }).unwrap();
    for it in 1..4 {
        world.call(a, Call::Say(b, it)).unwrap();
    }
    world.call(b, Call::Tick(2 * MS)).unwrap();
    world.run_until(50 * MS).unwrap();
    assert_eq!(heard(&world, b), [0u32; 0]);
    world.apply(&Fault::Resume { node: b }).unwrap();
    world.run_until(60 * MS).unwrap();
    assert_eq!(heard(&world, b), [1, 2, 3]);
    assert_eq!(world.node(b).state().unwrap().ticks[0], 52 * MS as i64, "it was asked to tick when it woke");
}

#[test]
fn a_busy_node_serves_one_after_another() {
    let (mut world, [a, b, _]) =
        world(Config { service: Some(Distribution::Constant(10 * MS)), ..steady(0) });
    for it in 1..4 {
        world.inject(a, b, it).unwrap();
    }
    world.run_until(20 * MS).unwrap();
    assert_eq!(heard(&world, b), [1, 2]);
    world.apply(&Fault::Slow { node: b, factor: 2.0, extra: 3 * MS }).unwrap();
    world.inject(a, b, 4).unwrap();
    world.run_until(53 * MS - 1).unwrap();
    assert_eq!(heard(&world, b), [1, 2, 3]);
    world.run_until(53 * MS).unwrap();
    assert_eq!(heard(&world, b), [1, 2, 3, 4]);
}

#[test]
fn partitions_cut_messages_under_way_and_heal() {
    let (mut world, [a, b, c]) = world(steady(MS));
    world.call(a, Call::Say(b, 1)).unwrap();
    world.run_until(MS / 2).unwrap();
    world.apply(&Fault::Partition { groups: vec![vec![a], vec![b]] }).unwrap();
    for to in [b, c] {
        world.call(a, Call::Say(to, 2)).unwrap();
    }
    world.run_until(10 * MS).unwrap();
    assert_eq!(
        (heard(&world, b), heard(&world, c)),
        (&[][..], &[2][..]),
        "c is in no group and reaches everybody"
    );
    assert_eq!((world.metrics().cut, world.cuts()), (2, vec![(a, b), (b, a)]));
    world.apply(&Fault::Heal).unwrap();
    world.call(a, Call::Say(b, 3)).unwrap();
    world.run_until(20 * MS).unwrap();
    assert_eq!(heard(&world, b), [3]);
    world.apply(&Fault::Cut { from: a, to: b, oneway: true }).unwrap();
    world.call(a, Call::Say(b, 4)).unwrap();
    world.call(b, Call::Say(a, 4)).unwrap();
    world.run_until(30 * MS).unwrap();
    assert_eq!((heard(&world, b), heard(&world, a)), (&[3][..], &[4][..]));
    world.apply(&Fault::Isolate { node: c }).unwrap();
    assert_eq!(world.cuts().len(), 5);
}

#[test]
fn weather_and_omissions_lose_only_what_they_should() {
    let (mut world, [a, b, c]) = world(steady(MS));
    let always = Probability::ALWAYS;
    world
        .apply(&Fault::Weather {
            from: Some(a),
            to: Some(b),
            weather: Weather { loss: always, ..Weather::default() },
        })
        .unwrap();
    world
        .apply(&Fault::Omit { node: a, send: always, receive: Probability::NEVER, peer: Some(c), kind: None })
        .unwrap();
    for (from, to) in [(a, b), (a, c), (b, a), (c, a)] {
        world.call(from, Call::Say(to, from.0)).unwrap();
    }
    world.run_until(10 * MS).unwrap();
    assert_eq!((heard(&world, a), heard(&world, b), heard(&world, c)), (&[1, 2][..], &[][..], &[][..]));
    assert_eq!((world.metrics().lost, world.metrics().omitted), (1, 1));
    world
        .apply(&Fault::Weather {
            from: Some(a),
            to: Some(b),
            weather: Weather { duplicate: always, ..Weather::default() },
        })
        .unwrap();
    world.call(a, Call::Say(b, 5)).unwrap();
    world.run_until(20 * MS).unwrap();
    assert_eq!((heard(&world, b), world.metrics().duplicated), (&[5, 5][..], 1));
}

#[test]
fn timers_run_on_the_nodes_own_clock() {
    let (mut world, [a, b, c]) = world(steady(MS));
    world.apply(&Fault::ClockDrift { node: b, ppb: 1_000_000_000 }).unwrap();
    world.apply(&Fault::ClockJump { node: c, by: -7 }).unwrap();
    for node in [a, b, c] {
        world.call(node, Call::Tick(MS)).unwrap();
    }
    world.run_until(10 * MS).unwrap();
    let ticks = |node: NodeId| world.node(node).state().unwrap().ticks.clone();
    assert_eq!((ticks(a).len(), ticks(b).len(), ticks(c).len()), (10, 20, 10));
    assert_eq!((ticks(a)[0], ticks(b)[1], ticks(c)[0]), (MS as i64, 2 * MS as i64, MS as i64 - 7));
    world.apply(&Fault::ClockFreeze { node: a }).unwrap();
    world.apply(&Fault::ClockDrift { node: b, ppb: -500_000_000 }).unwrap();
    world.run_until(20 * MS).unwrap();
    let ticks = |node: NodeId| world.node(node).state().unwrap().ticks.len();
    assert_eq!((ticks(a), ticks(b)), (10, 25));
    world.apply(&Fault::ClockThaw { node: a }).unwrap();
    world.run_until(30 * MS).unwrap();
    assert_eq!(world.node(a).state().unwrap().ticks.len(), 20);
}

#[test]
fn a_broken_invariant_stops_the_world_and_says_where() {
    let (mut world, [a, ..]) = world(Config { seed: 99, ..steady(MS) });
    world.watch(Invariants::All).unwrap();
    world.call(a, Call::Store(12)).unwrap();
    world.call(a, Call::Store(13)).unwrap();
    let Err(Error::Invariant(violation)) = world.run_until(10 * MS) else { panic!("13 passed") };
    assert_eq!(
        (&*violation.invariant, violation.seed, violation.step, violation.node),
        ("NeverThirteen", 99, 5, a)
    );
    assert_eq!(violation.detail, "it was [12]");
    assert_eq!(world.step(), Err(Error::Invariant(violation)), "the world stands still");
    world.unwatch();
    assert!(world.step().is_ok());
    assert!(matches!(world.watch(Invariants::All), Err(Error::Invariant(_))), "it does not hold now either");
    assert!(matches!(world.watch(Invariants::Named(["Other".to_owned()].into())), Err(Error::Parameter(_))));
}

#[test]
fn runaway_nodes_are_stopped_and_named() {
    let limits = Limits { instant: 1_000, effects: 500, pending: 2_000, ..Limits::default() };
    let stopped = |call| {
        let (mut world, [a, ..]) = world(Config { limits, ..steady(MS) });
        world.call(a, call).unwrap();
        world.run_until(10 * MS).unwrap_err().to_string()
    };
    assert_eq!(
        stopped(Call::Spin),
        "time stands still at 0 ns: 1001 events in one instant, the last one timer at node a"
    );
    assert_eq!(
        stopped(Call::Flood(501)),
        "node a handling call at 0 ns: effects of one handler exceed the limit of 500"
    );
    let (mut world, [a, ..]) = world(Config { limits, ..steady(MS) });
    for _ in 0..5 {
        world.call(a, Call::Flood(450)).unwrap();
    }
    assert!(
        world.run_until(10 * MS).unwrap_err().to_string().contains("pending events exceed the limit of 2000")
    );
}

#[test]
fn by_hand_things_happen_in_any_order() {
    let (mut world, [a, b, _]) = world(Config { manual: false, ..slow_disk() });
    world.set_manual(true);
    assert_eq!(world.step(), Err(Error::Manual));
    world.call(a, Call::Say(b, 1)).unwrap();
    world.call(a, Call::Say(b, 2)).unwrap();
    world.call(a, Call::Tick(MS)).unwrap();
    while let Some(id) =
        world.pending().iter().find(|it| matches!(it.kind, PendingKind::Call(_))).map(|it| it.id)
    {
        world.deliver(id).unwrap();
    }
    let ids: Vec<u64> = world
        .pending()
        .iter()
        .filter(|it| matches!(it.kind, PendingKind::Message(..)))
        .map(|it| it.id)
        .collect();
    let copy = world.duplicate(ids[0]).unwrap();
    world.deliver(ids[1]).unwrap();
    world.deliver(copy).unwrap();
    world.discard(ids[0]).unwrap();
    assert_eq!(world.deliver(ids[0]), Err(Error::NotPending { id: ids[0] }));
    assert_eq!(heard(&world, b), [2, 1]);
    world.fire(a, &1).unwrap();
    world.fire(a, &1).unwrap();
    let timers: Vec<_> =
        world.pending().into_iter().filter(|it| matches!(it.kind, PendingKind::Timer(_))).collect();
    assert_eq!(timers.len(), 1, "an armed timer shows once: {timers:?}");
    let id = timers[0].id;
    world.deliver(id).unwrap();
    assert_eq!(world.node(a).state().unwrap().ticks.len(), 3);
    world.call(a, Call::Store(5)).unwrap();
    let call = world.pending()[0].id;
    world.deliver(call).unwrap();
    assert!(!world.node(a).is_durable());
    world.complete_write(a).unwrap();
    assert!(world.node(a).is_durable());
    assert!(world.complete_write(a).unwrap_err().to_string().contains("node a: no write is waiting"));
    world.edit(b, |state, disk| (state.heard, disk.0) = (vec![], 44)).unwrap();
    assert_eq!((heard(&world, b), world.node(b).disk().0), (&[][..], 44));
    world.set_manual(false);
    world.run_until(world.now() + 10 * MS).unwrap();
    assert!(world.node(a).state().unwrap().ticks.len() >= 10, "timers go on by themselves");
}

#[test]
fn wrong_faults_are_refused_and_change_nothing() {
    let (mut world, [a, b, _]) = world(steady(MS));
    let refused = |world: &mut World<Probe>, fault: Fault| world.apply(&fault).unwrap_err().to_string();
    assert_eq!(refused(&mut world, Fault::crash(NodeId(9))), "no node 9: there are 3 nodes");
    assert!(
        refused(&mut world, Fault::Partition { groups: vec![vec![a], vec![b, a]] })
            .contains("a is named twice")
    );
    assert!(
        refused(&mut world, Fault::Partition { groups: vec![vec![a, b]] }).contains("at least two groups")
    );
    assert!(refused(&mut world, Fault::Slow { node: a, factor: f64::NAN, extra: 0 }).contains("factor"));
    assert!(refused(&mut world, Fault::ClockDrift { node: a, ppb: -1_000_000_000 }).contains("ppb"));
    assert!(refused(&mut world, Fault::Cut { from: a, to: a, oneway: false }).contains("another node"));
    world.run_until(MS).unwrap();
    assert!(world.schedule(0, Fault::Heal).unwrap_err().to_string().contains("not in the past"));
    assert_eq!(world.cuts(), []);
    assert!(world.spawn("a", Probe::default()).is_err());
}

/// A lively run: chatter, ticks, storing, faults.
fn lively(seed: u64) -> World<Probe> {
    let network = Network {
        loss: Probability::try_from(0.01).unwrap(),
        duplicate: Probability::try_from(0.02).unwrap(),
        ..Network::default()
    };
    let disk = DiskModel { sync: Distribution::Uniform { min: 0, max: 4 * MS }, fsync: true };
    let (mut world, nodes) =
        world(Config { seed, network, disk, trace: TraceLevel::Full, ..Config::default() });
    let [a, b, c] = nodes;
    for node in nodes {
        world.call(node, Call::Tick(MS)).unwrap();
        world.call(node, Call::Say(NodeId((node.0 + 1) % 3), 1_200)).unwrap();
        world.call(node, Call::StoreThenTell(NodeId((node.0 + 2) % 3), 1_100)).unwrap();
    }
    world
        .schedule(20 * MS, Fault::Crash { node: a, lose_unsynced: true, torn: true, corrupt: false })
        .unwrap();
    world.schedule(25 * MS, Fault::Partition { groups: vec![vec![b], vec![c]] }).unwrap();
    world.schedule(40 * MS, Fault::Heal).unwrap();
    world.schedule(50 * MS, Fault::Recover { node: a }).unwrap();
    world.schedule(60 * MS, Fault::ClockDrift { node: b, ppb: 3_000_000 }).unwrap();
    world
}

#[test]
fn same_seed_same_run_also_through_fork_and_save() {
    for seed in 0..20 {
        let mut world = lively(seed);
        world.run_until(15 * MS).unwrap();
        let mut fork = world.clone();
        let saved = postcard::to_stdvec(&world).unwrap();
        let mut loaded: World<Probe> = postcard::from_bytes(&saved).unwrap();
        let mut again = lively(seed);
        for it in [&mut world, &mut fork, &mut loaded, &mut again] {
            it.run_until(200 * MS).unwrap();
        }
        for it in [&fork, &loaded, &again] {
            assert_eq!(
                (it.fingerprint(), it.metrics()),
                (world.fingerprint(), world.metrics()),
                "seed {seed}"
            );
            assert!(it.trace().rows().eq(world.trace().rows()), "seed {seed}");
        }
        assert_ne!(lively(seed + 1_000).fingerprint(), world.fingerprint());
    }
}

/// What a seed means must not change by accident: a change here belongs into the release notes.
#[test]
fn committed_fingerprints() {
    let prints: Vec<u64> = (0..3)
        .map(|seed| {
            let mut world = lively(seed);
            world.run_until(200 * MS).unwrap();
            world.fingerprint()
        })
        .collect();
    assert_eq!(prints, [13_229_555_618_655_798_460, 12_065_990_601_264_977_718, 2_916_153_793_708_387_664]);
}

#[test]
fn a_reseeded_fork_shares_the_past_and_not_the_future() {
    let mut world = lively(1);
    world.run_until(10 * MS).unwrap();
    let (mut a, mut b, mut c) = (world.clone(), world.clone(), world.clone());
    a.reseed(7);
    b.reseed(7);
    c.reseed(8);
    for it in [&mut a, &mut b, &mut c, &mut world] {
        it.run_until(100 * MS).unwrap();
    }
    assert_eq!(a.fingerprint(), b.fingerprint());
    assert!(a.fingerprint() != c.fingerprint() && a.fingerprint() != world.fingerprint());
}

#[test]
fn the_trace_tells_who_caused_what() {
    let (mut world, [a, b, _]) = world(steady(MS));
    world.call(a, Call::Say(b, 1_001)).unwrap();
    world.run_until(10 * MS).unwrap();
    let rows: Vec<_> =
        world.trace().rows().filter(|it| matches!(it.kind, RowKind::Send | RowKind::Deliver)).collect();
    let [first, arrived, second, back] = rows[..] else { panic!("{rows:?}") };
    assert_eq!((first.id, first.node, first.peer), (arrived.id, a, b));
    assert_eq!((second.cause, second.id), (arrived.id, back.id));
    assert_eq!((arrived.time, back.time), (MS, 2 * MS));
}

#[test]
fn trials_are_forks_and_do_not_depend_on_the_number_of_cores() {
    let (world, [a, b, _]) = world(Config::default());
    let faults = vec![(10 * MS, Fault::crash(b)), (12 * MS, Fault::Recover { node: b })];
    let plan = Plan { faults, messages: vec![(a, b, 1_900)], until_note: "up".into(), deadline: 100 * MS };
    let seeds: Vec<u64> = (0..500).collect();
    let rows = trials(&world, &seeds, &plan).unwrap();
    assert!(
        rows.iter().all(|it| it.took == Some(12 * MS) && it.node == Some(b)),
        "b notes that it is up again"
    );
    for row in rows.iter().step_by(97) {
        assert_eq!(trials(&world, &[row.seed], &plan).unwrap(), [*row], "a row can be run alone");
    }
    let distinct: std::collections::BTreeSet<u64> = rows.iter().map(|it| it.fingerprint).collect();
    assert!(distinct.len() > 400, "other seeds, other runs");
    let never = trials(&world, &[1], &Plan { until_note: "never".into(), ..plan }).unwrap();
    assert_eq!((never[0].took, never[0].node), (None, None));
}
