//! Where an exploration begins: a moment of a world, with the nodes that have yet to start.
use super::handler::Machine;
use super::judge::Judge;
use super::local::{Local, MOST_TIMERS, Phase};
use super::state::{BROKEN, Draft, Layout, OPEN, State, UNASKED, budget, link};
use super::symmetry::Symmetry;
use super::tables::{Happens, Tables};
use super::watch::Watched;
use super::{Ask, Failure, Messages, Script, Setup, Starts, Way, Worlds, properties};
use crate::sim::{Error, Moment, NodeId, OpId, Protocol, StepKind, World, label};

/// The most operations whose order can be kept.
const MOST_OPS: usize = 64;

/// A state to begin with, and how the nodes that came up in it answered their questions.
pub(super) struct Beginning {
    pub state: State,
    pub starts: Vec<(NodeId, Vec<u32>)>,
}

impl<P: Protocol, J: Judge<P>> Worlds<P, J> {
    /// Everything that may follow on the present moment of `world`.
    ///
    /// # Errors
    /// As [`World::moment`] and [`Setup::check`].
    pub fn new(world: &World<P>, setup: Setup<P>, judge: J) -> Result<Self, Error> {
        let moment = world.moment()?;
        let count = moment.nodes.len();
        setup.check(count)?;
        if let Some(node) = moment.nodes.iter().find(|it| it.timers.len() > MOST_TIMERS) {
            let why = format!("it has more than {MOST_TIMERS} timers armed at once");
            return Err(Error::Node { name: node.name.clone(), why });
        }
        let watched = Watched::new::<P>(&setup.invariants)?;
        let tables = Tables::default();
        let (ops, scripts) = operations(&moment, &setup, &tables);
        if setup.history && ops.len() > MOST_OPS {
            return Err(Error::parameter("calls", ops.len(), "at most 64 in all where history counts"));
        }
        let layout = Layout { nodes: count, ops: ops.len(), op_words: if setup.history { 3 } else { 1 } };
        let all = |nodes: &Option<Vec<NodeId>>, node: u32| {
            nodes.as_ref().is_none_or(|some| some.contains(&NodeId(node)))
        };
        let machine = |it: &crate::sim::NodeMoment<P>| Machine {
            now: it.now,
            instant_disk: it.instant_disk,
            fsync: moment.fsync,
            most_effects: moment.most_effects,
            keep_writes: watched.is_some(),
        };
        let mut cut_links: Vec<u32> = moment.cuts.iter().map(|(from, to)| link(*from, *to)).collect();
        cut_links.sort_unstable();
        let mut worlds = Self {
            names: moment.nodes.iter().map(|it| it.name.clone()).collect(),
            spawned: moment.nodes.iter().map(|it| it.spawned.clone()).collect(),
            machines: moment.nodes.iter().map(machine).collect(),
            incarnations: moment.nodes.iter().map(|it| it.incarnation).collect(),
            crashable: (0..count as u32).map(|node| all(&setup.crashable, node)).collect(),
            messages: setup.messages.unwrap_or(if moment.fifo { Messages::Fifo } else { Messages::Bag }),
            properties: properties(judge.properties(), watched.as_ref()),
            ways: ways(&setup, count),
            past: moment.history.clone(),
            now: world.now(),
            was_watched: moment.watch.is_some(),
            first: Draft::new(),
            symmetry: Symmetry::default(),
            reach: Default::default(),
            judge,
            setup,
            watched,
            ops,
            scripts,
            cut_links,
            layout,
            tables,
        };
        worlds.symmetry = worlds.find_symmetry()?;
        worlds.first = worlds.first_state(moment);
        Ok(worlds)
    }

    fn first_state(&self, moment: Moment<P>) -> Draft {
        let mut words = Draft::new();
        words.extend(budget(self.setup.budget.counts()));
        words.push(u32::from(!moment.cuts.is_empty()));
        let remembered = moment.watch.map(|(monitor, _)| monitor);
        let fresh = remembered.is_none();
        words.push(self.tables.monitor(remembered.unwrap_or_default()));
        words.push(self.tables.broken(Vec::new()));
        debug_assert_eq!((words[BROKEN], self.tables.label("")), (0, 0), "the first of each stands for none");
        for (node, it) in (0..).map(NodeId).zip(&moment.nodes) {
            words.push(self.tables.local(Local::of(node, it)));
        }
        let past = moment.history.ops().len() as u64;
        let waits = |op: OpId| op.0 >= past || moment.calls.iter().any(|(_, it)| *it == op);
        for ask in &self.ops {
            words.push(if waits(ask.id) { UNASKED } else { OPEN });
            words.extend((1..self.layout.op_words).map(|_| 0));
        }
        for (from, to, msg) in moment.messages {
            let msg = self.tables.message(msg);
            self.place(&mut words, from, to, msg);
        }
        if fresh {
            // As the simulator has it: the first node that breaks something is the last one looked at.
            for id in 0..self.layout.nodes as u32 {
                self.look(&mut words, NodeId(id), StepKind::Edited, &[]);
                if words[BROKEN] != 0 {
                    break;
                }
            }
        }
        self.forget_unreachable(&mut words);
        words
    }

    /// Puts a message under way, cut or not: it left before.
    fn place(&self, words: &mut Draft, from: NodeId, to: NodeId, msg: u32) {
        let cut = std::mem::take(&mut words[super::state::CUT]);
        self.send(words, from, to, msg);
        words[super::state::CUT] = cut;
    }

    /// Every state to begin with: where nodes start together, one for each way in which they may.
    pub(super) fn beginnings(&self) -> Result<Vec<Beginning>, Failure<J::Error>> {
        self.went_well()?;
        let mut open = vec![(self.first.clone(), Vec::new())];
        for node in (0..self.layout.nodes as u32).map(NodeId) {
            let local = self.layout.local(&self.first, node);
            let waits = self.tables.node(local).local.phase == Phase::Waiting;
            if !waits || self.setup.starts == Starts::AnyTime {
                continue;
            }
            let outcomes = self.tables.outcomes.get(self.outcomes(local, Happens::Start)?);
            let before = std::mem::take(&mut open);
            for (words, starts) in &before {
                for outcome in outcomes {
                    let (mut words, mut starts) = (words.clone(), starts.clone());
                    self.carry_out(&mut words, node, outcome, Some(StepKind::Handler));
                    starts.push((node, outcome.choices.to_vec()));
                    if open.iter().all(|(other, _)| *other != words) {
                        open.push((words, starts));
                    }
                }
            }
        }
        let beginning =
            |(words, starts): (Draft, _)| Beginning { state: State(words.into_boxed_slice()), starts };
        Ok(open.into_iter().map(beginning).collect())
    }
}

/// Operations that are open, that wait, and that will be asked; and who asks which of them in a row.
fn operations<P: Protocol>(
    moment: &Moment<P>,
    setup: &Setup<P>,
    tables: &Tables<P>,
) -> (Vec<Ask<P>>, Vec<Script>) {
    let (mut ops, mut scripts) = (Vec::new(), Vec::new());
    tables.label(""); // the first label stands for none
    let mut ask = |id: OpId, node: NodeId, call: &P::Call| {
        ops.push(Ask { id, node, call: call.clone(), label: tables.label(label(call)) });
        ops.len()
    };
    for (id, op) in (0..).map(OpId).zip(moment.history.ops().iter()).filter(|(_, op)| op.answer.is_none()) {
        let end = ask(id, op.node, &op.call);
        scripts.push(Script { node: op.node, ops: end - 1..end });
    }
    let mut next = moment.history.ops().len() as u64;
    for (node, calls) in &setup.calls {
        let Some((first, rest)) = calls.split_first() else { continue };
        let end = ask(OpId(next), *node, first);
        rest.iter().zip(next + 1..).for_each(|(call, id)| {
            ask(OpId(id), *node, call);
        });
        next += calls.len() as u64;
        scripts.push(Script { node: *node, ops: end - 1..end - 1 + calls.len() });
    }
    (ops, scripts)
}

/// The ways to cut the network in two.
fn ways<P: Protocol>(setup: &Setup<P>, count: usize) -> Vec<Way> {
    if setup.budget.partitions == Some(0) {
        return Vec::new();
    }
    let way = |groups: [&[NodeId]; 2]| {
        let mut sides = vec![0; count];
        for (side, group) in (1..).zip(groups) {
            group.iter().for_each(|node| sides[node.index()] = side);
        }
        Way { sides }
    };
    if !setup.cuts.is_empty() {
        return setup.cuts.iter().map(|[one, other]| way([one, other])).collect();
    }
    let mut nodes = setup.partitionable.clone().unwrap_or_else(|| (0..count as u32).map(NodeId).collect());
    nodes.sort_unstable();
    nodes.dedup();
    // The first node is on the first side, so that no cut comes twice.
    let halves = (1..1_u32 << (nodes.len() - 1)).map(|set| {
        let side = |at: usize| at > 0 && set >> (at - 1) & 1 != 0;
        let [one, other] = [false, true].map(|of| {
            let on_it = nodes.iter().enumerate().filter(|(at, _)| side(*at) == of);
            on_it.map(|(_, node)| *node).collect::<Vec<_>>()
        });
        way([&one, &other])
    });
    halves.collect()
}
