//! Numbers of states that can be worked out by hand.
use serde::{Deserialize, Serialize};

use super::pings::Pinger;
use super::*;
use crate::sim::{Cx, NodeId, Span, Whole};

fn pings(clients: u32, each: u32) -> World<Pinger> {
    let mut world = World::new(config());
    let server = world.spawn("server", Pinger::Server).unwrap();
    for client in 0..clients {
        world.spawn(&format!("client{client}"), Pinger::Client { server, left: each }).unwrap();
    }
    world
}

fn budget(change: impl FnOnce(&mut Budget)) -> Budget {
    let mut budget = Budget::default();
    change(&mut budget);
    budget
}

#[test]
fn clients_that_ping_one_after_the_other() {
    for (clients, each) in [(1, 1), (1, 3), (2, 2), (3, 2), (2, 5), (4, 1)] {
        let world = pings(clients, each);
        let (k, m) = (clients, each as usize);
        assert_eq!(count(&world, Setup::default()), (2 * m + 1).pow(k), "k={k} m={m}");
        let lossy = Setup { budget: budget(|it| it.drops = None), ..Setup::default() };
        assert_eq!(count(&world, lossy), (3 * m + 1).pow(k), "k={k} m={m}, with loss");
    }
    // In a set, what arrives may stay, as often as it likes. Ping and pong are both under way, or one, or (once the
    // client is done) none.
    let set = Setup {
        budget: budget(|it| it.duplicates = None),
        messages: Some(Messages::Set),
        ..Setup::default()
    };
    assert_eq!(count(&pings(1, 1), set.clone()), 3 + 4);
}

#[test]
fn the_longest_way_is_as_long_as_it_should_be() {
    let worlds = Worlds::new(&pings(2, 3), Setup::default(), ()).unwrap();
    assert_eq!(
        visit(&worlds, 100).last().unwrap().1,
        13,
        "two clients, three pings, two steps each, and the start"
    );
}

/// On start: arms timers, sends numbers to a node, writes, asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Script {
    arm: Vec<(u8, u64, u64)>,
    tell: Option<NodeId>,
    send: Vec<u8>,
    write: Vec<u8>,
    choices: Vec<u32>,
    clock: bool,
    heard: Vec<u8>,
    fired: Vec<u8>,
    chosen: Vec<u32>,
    came_up_with: Option<u8>,
}

impl Protocol for Script {
    type Msg = u8;
    type Timer = u8;
    type Call = u8;
    type Reply = u8;
    type Disk = Whole<u8>;
    type Monitor = ();

    fn on_start(&mut self, cx: &mut Cx<'_, Self>) {
        self.came_up_with = Some(cx.disk().0);
        self.arm.iter().for_each(|(name, min, max)| cx.arm(*name, Span { min: *min, max: *max }));
        self.write.iter().for_each(|it| cx.write(*it));
        if let Some(to) = self.tell {
            self.send.iter().for_each(|it| cx.send(to, *it));
        }
        self.chosen = self.choices.iter().map(|n| cx.choose(*n)).collect();
        if self.clock && cx.now() > 5 {
            self.chosen.push(99);
        }
    }
    fn on_message(&mut self, _: &mut Cx<'_, Self>, _: NodeId, msg: u8) {
        self.heard.push(msg);
    }
    fn on_timer(&mut self, _: &mut Cx<'_, Self>, timer: u8) {
        self.fired.push(timer);
    }
    fn on_call(&mut self, cx: &mut Cx<'_, Self>, op: OpId, call: u8) {
        cx.write(call);
        cx.reply(op, call);
    }
}

fn script(config: Config, nodes: Vec<Script>) -> World<Script> {
    let mut world = World::new(config);
    for (index, node) in nodes.into_iter().enumerate() {
        world.spawn(&format!("n{index}"), node).unwrap();
    }
    world
}

/// What `of` shows of every state that can be reached, each once, in order.
fn all<T: Ord>(
    world: &World<Script>,
    setup: Setup<Script>,
    of: impl Fn(&View<'_, Script>) -> Option<T>,
) -> Vec<T> {
    let worlds = Worlds::new(world, setup, ()).unwrap();
    let seen = visit(&worlds, 100_000).into_iter().filter_map(|(state, _)| of(&worlds.view(&state)));
    seen.collect::<std::collections::BTreeSet<T>>().into_iter().collect()
}

fn heard(view: &View<'_, Script>, most: usize) -> Option<Vec<u8>> {
    view.state(NodeId(1)).map(|it| it.heard.clone()).filter(|it| it.len() == most)
}

fn sender(send: Vec<u8>) -> Vec<Script> {
    vec![Script { tell: Some(NodeId(1)), send, ..Script::default() }, Script::default()]
}

#[test]
fn timers_go_off_in_every_order_that_their_spans_allow() {
    let arm = vec![(1, 10, 20), (2, 5, 9), (3, 20, 30)];
    let world = script(config(), vec![Script { arm, ..Script::default() }]);
    let fired = |view: &View<'_, Script>| view.state(NodeId(0)).map(|it| it.fired.clone());
    let full = |setup| all(&world, setup, |view| fired(view).filter(|it| it.len() == 3));
    assert_eq!(full(Setup::default()), [[2, 1, 3]]);
    let two = Setup { budget: budget(|it| it.timeouts = Some(2)), ..Setup::default() };
    assert_eq!(full(two), Vec::<Vec<u8>>::new());
    let overlapping = vec![(1, 10, 20), (2, 5, 15), (3, 20, 30)];
    let world = script(config(), vec![Script { arm: overlapping, ..Script::default() }]);
    let orders = all(&world, Setup::default(), |view| fired(view).filter(|it| it.len() == 3));
    assert_eq!(orders, [[1, 2, 3], [2, 1, 3]]);
}

#[test]
fn no_timer_goes_off_before_messages_have_arrived_where_delays_are_bounded() {
    let mut nodes = sender(vec![7]);
    nodes[1].arm = vec![(1, 0, 1)];
    let world = script(config(), nodes);
    let early = |timing| {
        let setup = Setup { timing, ..Setup::default() };
        let fired_first = |view: &View<'_, Script>| {
            let it = view.state(NodeId(1))?;
            (!it.fired.is_empty() && it.heard.is_empty()).then_some(())
        };
        all(&world, setup, fired_first).len()
    };
    assert_eq!((early(Timing::Asynchronous), early(Timing::Synchronous)), (1, 0));
}

#[test]
fn messages_arrive_in_every_order_or_in_one() {
    let world = script(config(), sender(vec![1, 2, 2]));
    let orders = |messages, most| {
        let setup = Setup { messages: Some(messages), ..Setup::default() };
        all(&world, setup, |view| heard(view, most))
    };
    assert_eq!(orders(Messages::Bag, 3), [[1, 2, 2], [2, 1, 2], [2, 2, 1]]);
    assert_eq!(orders(Messages::Fifo, 3), [[1, 2, 2]]);
    assert_eq!(orders(Messages::Set, 2), [[1, 2], [2, 1]]);
    assert_eq!(orders(Messages::Set, 3), Vec::<Vec<u8>>::new());
    let fifo = Config { network: Network { fifo: true, ..Network::default() }, ..config() };
    let world = script(fifo, sender(vec![1, 2]));
    assert_eq!(all(&world, Setup::default(), |view| heard(view, 2)), [[1, 2]], "as the network has it");
}

#[test]
fn what_is_lost_or_doubled_comes_in_every_way_within_the_budget() {
    let world = script(config(), sender(vec![1, 2]));
    let ends = |budget: Budget| {
        let setup = Setup { budget, messages: Some(Messages::Fifo), ..Setup::default() };
        let over = |view: &View<'_, Script>| view.messages().next().is_none();
        all(&world, setup, |view| over(view).then(|| view.state(NodeId(1)).unwrap().heard.clone()))
    };
    assert_eq!(ends(budget(|it| it.drops = Some(1))), [vec![1], vec![1, 2], vec![2]]);
    assert_eq!(ends(budget(|it| it.duplicates = Some(1))), [vec![1, 1, 2], vec![1, 2], vec![1, 2, 2]]);
    assert_eq!(ends(budget(|it| it.drops = None)), [vec![], vec![1], vec![1, 2], vec![2]]);
}

#[test]
fn every_answer_to_every_choice_is_tried() {
    let node = Script { choices: vec![2, 3], ..Script::default() };
    let world = script(config(), vec![node.clone(), node]);
    let worlds = Worlds::new(&world, Setup::default(), ()).unwrap();
    assert_eq!(worlds.initial().unwrap().len(), 36);
    let later = Setup { starts: Starts::AnyTime, ..Setup::default() };
    assert_eq!(count(&world, later), 49, "each node: waiting, or up in one of six ways");
}

#[test]
fn a_crash_loses_what_is_not_durable_and_what_waits_for_it() {
    let mut nodes = sender(vec![9]);
    nodes[0].write = vec![5];
    let crash = |disk| {
        let world = script(Config { disk, ..config() }, nodes.clone());
        let setup = Setup {
            budget: budget(|it| it.crashes = Some(1)),
            crashable: Some(vec![NodeId(0)]),
            ..Setup::default()
        };
        let came_up = all(&world, setup.clone(), |view| view.state(NodeId(0))?.came_up_with);
        let lost = |view: &View<'_, Script>| {
            let over = view.messages().next().is_none() && view.has_crashed(NodeId(0));
            over.then(|| (view.disk(NodeId(0)).0, view.state(NodeId(1)).unwrap().heard.len()))
        };
        (came_up, all(&world, setup, lost))
    };
    let (came_up, lost) = crash(DiskModel::default());
    assert_eq!(came_up, [0, 5]);
    assert_eq!(lost, [(5, 1)], "durable at once");
    let (came_up, lost) = crash(slow_disk());
    assert_eq!(came_up, [0, 5]);
    assert_eq!(lost, [(0, 0), (5, 1)], "the write and the message, or neither");
    let (came_up, lost) = crash(DiskModel { fsync: false, ..slow_disk() });
    assert_eq!(came_up, [0, 5]);
    assert_eq!(lost, [(0, 1), (5, 1)], "without fsync the message does not wait");
}

#[test]
fn a_crash_in_the_middle_of_sending_takes_any_part_where_delays_are_bounded() {
    let world = script(config(), sender(vec![1, 2, 2]));
    let ends = |timing, messages| {
        let setup = Setup {
            budget: budget(|it| (it.crashes, it.recoveries) = (Some(1), Some(0))),
            crashable: Some(vec![NodeId(0)]),
            timing,
            messages: Some(messages),
            ..Setup::default()
        };
        let over = |view: &View<'_, Script>| view.has_crashed(NodeId(0)) && view.messages().next().is_none();
        let sorted = |view: &View<'_, Script>| {
            let mut heard = view.state(NodeId(1)).unwrap().heard.clone();
            heard.sort_unstable();
            heard
        };
        all(&world, setup, |view| over(view).then(|| sorted(view)))
    };
    assert_eq!(ends(Timing::Asynchronous, Messages::Bag), [[1, 2, 2]]);
    let parts = [vec![], vec![1], vec![1, 2], vec![1, 2, 2], vec![2], vec![2, 2]];
    assert_eq!(ends(Timing::Synchronous, Messages::Bag), parts);
    assert_eq!(ends(Timing::Synchronous, Messages::Fifo), [vec![], vec![1], vec![1, 2], vec![1, 2, 2]]);
}

#[test]
fn a_partition_loses_or_keeps_what_is_under_way_and_heals() {
    let world = script(config(), sender(vec![1]));
    let ends = |timing| {
        let setup = Setup { budget: budget(|it| it.partitions = Some(1)), timing, ..Setup::default() };
        all(&world, setup, |view| {
            let over = view.messages().next().is_none() && view.partition().is_none();
            let cut = view.budget().partitions == Some(0);
            (over && cut).then(|| view.state(NodeId(1)).unwrap().heard.len())
        })
    };
    assert_eq!(ends(Timing::Asynchronous), [0, 1]);
    assert_eq!(ends(Timing::Synchronous), [0, 1], "cut before it arrives, or after");
    let worlds = Worlds::new(
        &script(config(), vec![Script::default(); 4]),
        Setup { budget: budget(|it| it.partitions = None), ..Setup::default() },
        (),
    )
    .unwrap();
    assert_eq!(visit(&worlds, 100).len(), 1 + 7, "four nodes can be cut in two in seven ways");
}

#[test]
fn calls_are_asked_one_after_the_other_and_in_every_order_among_nodes() {
    let world = script(config(), vec![Script::default(), Script::default()]);
    let calls = vec![(NodeId(0), vec![1, 2]), (NodeId(1), vec![3])];
    let setup = Setup { calls: calls.clone(), ..Setup::default() };
    assert_eq!(count(&world, setup.clone()), 6, "three places on the one node, two on the other");
    let disks = |view: &View<'_, Script>| {
        let replies: Vec<Option<u8>> = view.operations().map(|it| it.reply.copied()).collect();
        Some((view.disk(NodeId(0)).0, replies))
    };
    let seen = all(&world, setup, disks);
    assert!(seen.contains(&(2, vec![Some(1), Some(2), None])));
    assert!(seen.iter().all(|(disk, replies)| (*disk == 2) == replies[1].is_some()), "{seen:?}");
    // Three operations in three orders; which was over when another began is seen only where history counts.
    assert_eq!(count(&world, Setup { calls, history: true, ..Setup::default() }), 9);
}

#[test]
fn a_clock_stands_still_or_is_refused() {
    let world = script(config(), vec![Script { clock: true, ..Script::default() }]);
    let worlds = Worlds::new(&world, Setup::default(), ()).unwrap();
    let error = worlds.initial().unwrap_err();
    assert_eq!(error, Failure::Clock { node: "n0".into(), handler: "on_start".into() });
    assert!(error.to_string().contains("node n0 reads its clock in on_start"), "{error}");
    let setup = Setup { clock: Clocks::Frozen, ..Setup::default() };
    assert_eq!(Worlds::new(&world, setup, ()).unwrap().initial().unwrap().len(), 1);
}
