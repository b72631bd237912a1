//! Reduction against full exploration: the same situations of every single node, the same ends, fewer states.
use std::collections::BTreeSet;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::pings::Pinger;
use super::*;
use crate::check::explore::{Limits, Options, Strategy, explore};
use crate::sim::{Cx, Invariants, Span, Whole};

/// A node that reacts as its nature says: to whom it sends, what it writes and arms, differs from node to node. What
/// it can do becomes less with every step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Worker {
    nature: u64,
    peers: Vec<NodeId>,
    left: u8,
    mood: u8,
    open: Option<OpId>,
}

impl Worker {
    fn react(&mut self, cx: &mut Cx<'_, Self>, input: impl std::hash::Hash) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        let mut bits = Fingerprint::of(&(self.nature, self.mood, &input, cx.disk().0));
        let mut draw = |n: u64| {
            bits = Fingerprint::of(&(bits, 5_u8));
            bits % n
        };
        self.mood = draw(3) as u8;
        for _ in 0..1 + draw(2) {
            match draw(7) {
                0..3 if !self.peers.is_empty() => {
                    let to = self.peers[draw(self.peers.len() as u64) as usize];
                    cx.send(to, draw(2) as u8);
                }
                3 => cx.write(draw(3) as u8),
                4 => cx.arm(draw(2) as u8, Span { min: 1, max: 2 }),
                5 => self.mood += cx.choose(2) as u8,
                _ => {
                    if let Some(op) = self.open.take() {
                        cx.reply(op, self.mood);
                    }
                }
            }
        }
    }
}

impl Protocol for Worker {
    type Msg = u8;
    type Timer = u8;
    type Call = u8;
    type Reply = u8;
    type Disk = Whole<u8>;
    type Monitor = ();

    fn on_start(&mut self, cx: &mut Cx<'_, Self>) {
        self.react(cx, 100_u8);
    }
    fn on_message(&mut self, cx: &mut Cx<'_, Self>, from: NodeId, msg: u8) {
        self.react(cx, (from, msg));
    }
    fn on_timer(&mut self, cx: &mut Cx<'_, Self>, timer: u8) {
        self.react(cx, (7_u8, timer));
    }
    fn on_call(&mut self, cx: &mut Cx<'_, Self>, op: OpId, call: u8) {
        self.open = Some(op);
        self.react(cx, (9_u8, call));
    }
}

fn workers(dice: &mut Dice) -> World<Worker> {
    let disk = if dice.below(3) == 0 { slow_disk() } else { DiskModel::default() };
    let fifo = dice.below(3) == 0;
    let mut world = World::new(Config { disk, network: Network { fifo, ..config().network }, ..config() });
    let count = 2 + dice.below(3) as u32;
    for node in 0..count {
        // Mostly from lower to higher, so that there is something to leave out.
        let other = |dice: &mut Dice| match dice.below(4) {
            0 => NodeId(dice.below(count as usize) as u32),
            _ => NodeId((node + 1 + dice.below(2) as u32).min(count - 1)),
        };
        let peers = (0..dice.below(3)).map(|_| other(dice)).collect();
        let nature = dice.below(1_000_000) as u64;
        let left = 1 + dice.below(3) as u8;
        world.spawn(&format!("n{node}"), Worker { nature, peers, left, mood: 0, open: None }).unwrap();
    }
    world
}

/// Remembers what it has seen of each node, and what the ends looked like.
#[derive(Default)]
struct Witness {
    claims: Vec<Property>,
    alone: Vec<[NodeId; 1]>,
    seen: Mutex<BTreeSet<(NodeId, String)>>,
}

impl Judge<Worker> for Witness {
    type Error = std::convert::Infallible;
    fn properties(&self) -> &[Property] {
        &self.claims
    }
    fn holds(&self, property: usize, view: &View<'_, Worker>) -> Result<bool, Self::Error> {
        let node = self.alone[property][0];
        let shown = format!("{:?} {:?}", view.state(node), view.disk(node));
        self.seen.lock().unwrap().insert((node, shown));
        Ok(true)
    }
    fn looks_at(&self, property: usize) -> Option<&[NodeId]> {
        Some(&self.alone[property])
    }
}

type Seen = (u64, u64, BTreeSet<(NodeId, String)>);

/// Distinct states, ends, and what was seen of the nodes.
fn look(world: &World<Worker>, setup: &Setup<Worker>, reduction: bool, strategy: Strategy) -> Option<Seen> {
    let nodes: Vec<NodeId> = (0..world.nodes().len() as u32).map(NodeId).collect();
    let witness = Witness {
        claims: nodes.iter().map(|it| Property::always(format!("{}", it.0))).collect(),
        alone: nodes.iter().map(|it| [*it]).collect(),
        ..Witness::default()
    };
    let worlds = Worlds::new(world, setup.clone(), witness).unwrap();
    let limits = Limits { states: Some(30_000), ..Limits::default() };
    let options = Options { reduction, strategy, limits, ..Options::default() };
    let report = explore(&worlds, &options, &mut |_| true).ok().unwrap();
    let seen = worlds.judge().seen.lock().unwrap().clone();
    report.stopped.is_none().then_some((report.distinct, report.terminal, seen))
}

#[test]
fn nothing_of_any_single_node_is_missed_and_no_end() {
    let (mut smaller, mut compared, mut saved) = (0, 0, (0, 0));
    for seed in 0..400 {
        let dice = &mut Dice(seed);
        let world = workers(dice);
        let budget = Budget {
            timeouts: [None, Some(2)][dice.below(2)],
            crashes: Some(u32::from(dice.below(5) == 0)),
            recoveries: [None, Some(1)][dice.below(2)],
            ..Budget::default()
        };
        let timing = dice.one_of(&[Timing::Asynchronous, Timing::Synchronous]);
        let calls = (0..dice.below(3)).map(|_| (NodeId(dice.below(2) as u32), vec![0; 1 + dice.below(2)]));
        let setup = Setup { calls: calls.collect(), budget, timing, ..Setup::default() };
        let Some(full) = look(&world, &setup, false, Strategy::BreadthFirst) else { continue };
        compared += 1;
        for strategy in [Strategy::BreadthFirst, Strategy::DepthFirst] {
            let reduced = look(&world, &setup, true, strategy).unwrap();
            assert_eq!(reduced.1, full.1, "seed {seed} {strategy:?}: ends");
            assert_eq!(reduced.2, full.2, "seed {seed} {strategy:?}: situations of nodes");
            assert!(reduced.0 <= full.0, "seed {seed}");
            smaller += u32::from(reduced.0 < full.0);
            saved = (saved.0 + reduced.0, saved.1 + full.0);
        }
    }
    assert!(compared > 300 && smaller > 150, "{compared} compared, {smaller} smaller");
    assert!(saved.0 * 10 < saved.1 * 9, "{saved:?}");
}

#[test]
fn clients_that_do_not_know_each_other_are_looked_at_one_after_the_other() {
    let mut world = World::new(config());
    let server = world.spawn("server", Pinger::Server).unwrap();
    for client in 0..3 {
        world.spawn(&format!("c{client}"), Pinger::Client { server, left: 3 }).unwrap();
    }
    let worlds = Worlds::new(&world, Setup::default(), ()).unwrap();
    assert_eq!(worlds.not_reduced_because(), None);
    let distinct = |reduction| {
        explore(&worlds, &Options { reduction, ..Options::default() }, &mut |_| true).ok().unwrap().distinct
    };
    assert_eq!(distinct(false), 343);
    assert!(distinct(true) < 343);
}

#[test]
fn where_everything_is_looked_at_nothing_is_left_out() {
    let mut world: World<super::chaos::Chaos> = World::new(config());
    for it in 0..2 {
        world.spawn(&format!("n{it}"), super::chaos::Chaos::new(2, it)).unwrap();
    }
    let why = |setup| Worlds::new(&world, setup, ()).unwrap().not_reduced_because();
    assert!(why(Setup::default()).unwrap().contains("invariants"));
    let none = || Setup { invariants: Invariants::Named(BTreeSet::new()), ..Setup::default() };
    assert!(why(Setup { messages: Some(Messages::Set), ..none() }).unwrap().contains("equal messages"));
    assert!(why(Setup { history: true, ..none() }).unwrap().contains("histories"));
}
