//! What may happen in a state.
use super::judge::Judge;
use super::kinds::Kind;
use super::local::Phase;
use super::state::{ANSWERED, CUT, OPEN, Spent, UNASKED, ends, left};
use super::tables::{Happens, placed};
use super::{Failure, Messages, Starts, Timing, Worlds};
use crate::sim::{NodeId, Protocol};

/// The most messages of which a crash tries every subset.
const MOST_SUBSET: usize = 16;

/// Something that may happen in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    pub(super) what: What,
    pub(super) kind: u32,
    /// The outcomes of a node's step.
    pub(super) outcomes: u32,
    /// Which one of them.
    pub(super) branch: u32,
}

/// What happens; messages by their place in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Deliver {
        at: u32,
    },
    Duplicate {
        at: u32,
    },
    Unheard {
        at: u32,
    },
    Drop {
        at: u32,
    },
    /// The cut takes it, not the budget.
    DropToCut {
        at: u32,
    },
    Fire {
        node: NodeId,
        timer: u32,
    },
    Start {
        node: NodeId,
    },
    Call {
        op: u32,
    },
    Sync {
        node: NodeId,
    },
    /// With it go those messages of the node's whose bits are set, counted in the order of the state.
    Crash {
        node: NodeId,
        lost: u32,
    },
    Recover {
        node: NodeId,
    },
    Cut {
        way: u32,
    },
    Heal,
}

/// Outcomes where there are none.
const NONE: u32 = u32::MAX;

type Actions<'a> = &'a mut Vec<Action>;

impl<P: Protocol, J: Judge<P>> Worlds<P, J> {
    pub(super) fn add_actions(&self, words: &[u32], actions: Actions<'_>) -> Result<(), Failure<J::Error>> {
        self.add_deliveries(words, actions)?;
        self.add_own_steps(words, actions)?;
        let quiet = actions.is_empty();
        self.add_calls(words, actions)?;
        if self.setup.timing == Timing::Asynchronous || quiet {
            self.add_timers(words, actions)?;
        }
        self.add_drops(words, actions)?;
        self.add_crashes(words, actions)?;
        self.add_cuts(words, actions);
        Ok(())
    }

    /// Whether messages on a link are lost, as things are.
    pub(super) fn is_cut(&self, words: &[u32], link: u32) -> bool {
        let cut = words[CUT];
        if cut == 0 {
            return false;
        }
        if cut & 1 != 0 && self.cut_links.binary_search(&link).is_ok() {
            return true;
        }
        let (from, to) = ends(link);
        cut > 1 && {
            let sides = &self.ways[(cut as usize >> 1) - 1].sides;
            sides[from.index()] + sides[to.index()] == 3
        }
    }

    /// Whether messages of a link arrive in the order in which they were sent.
    pub(super) fn in_order(&self, link: u32) -> bool {
        self.messages == Messages::Fifo || link >> 16 == link & 0xffff
    }

    /// The messages that something may happen to: of equal ones one, where there is an order the first.
    fn reachable<'a>(&'a self, words: &'a [u32]) -> impl Iterator<Item = (u32, u32, u32)> + 'a {
        let messages = self.layout.messages(words);
        messages.iter().enumerate().filter_map(move |(at, [link, msg])| {
            let before = at.checked_sub(1).map(|it| messages[it]).filter(|it| it[0] == *link);
            let hidden = before.is_some_and(|it| it[1] == *msg || self.in_order(*link));
            (!hidden).then_some((at as u32, *link, *msg))
        })
    }

    fn phase(&self, words: &[u32], node: NodeId) -> Phase {
        self.tables.node(self.layout.local(words, node)).local.phase
    }

    fn add_deliveries(&self, words: &[u32], actions: Actions<'_>) -> Result<(), Failure<J::Error>> {
        for (at, link, msg) in self.reachable(words) {
            let (from, to) = ends(link);
            let local = self.layout.local(words, to);
            let phase = self.tables.node(local).local.phase;
            if phase == Phase::Waiting || self.is_cut(words, link) {
                continue;
            }
            let label = self.tables.messages.get(msg).value.label;
            if phase == Phase::Down {
                actions.push(plain(What::Unheard { at }, Kind::Unheard.of(label)));
            } else {
                let what = What::Deliver { at };
                self.add_step(local, Happens::Message(from, msg), what, Kind::Deliver.of(label), actions)?;
            }
        }
        Ok(())
    }

    /// Starts and syncs.
    fn add_own_steps(&self, words: &[u32], actions: Actions<'_>) -> Result<(), Failure<J::Error>> {
        for (node, &local) in (0..).map(NodeId).zip(self.layout.locals(words)) {
            let it = &self.tables.node(local).local;
            if it.phase == Phase::Waiting && self.setup.starts == Starts::AnyTime {
                self.add_step(local, Happens::Start, What::Start { node }, Kind::Start.of(0), actions)?;
            }
            if it.syncing > 0 {
                self.add_step(local, Happens::Sync, What::Sync { node }, Kind::Sync.of(0), actions)?;
            }
        }
        Ok(())
    }

    fn add_calls(&self, words: &[u32], actions: Actions<'_>) -> Result<(), Failure<J::Error>> {
        for script in &self.scripts {
            let asked = |op: &usize| words[self.layout.op(*op)];
            let Some(op) = script.ops.clone().find(|op| asked(op) < ANSWERED) else { continue };
            if asked(&op) == OPEN || self.phase(words, script.node) != Phase::Up {
                continue;
            }
            debug_assert_eq!(asked(&op), UNASKED);
            let (local, kind) = (self.layout.local(words, script.node), Kind::Call.of(self.ops[op].label));
            let op = op as u32;
            self.add_step(local, Happens::Call(op), What::Call { op }, kind, actions)?;
        }
        Ok(())
    }

    fn add_timers(&self, words: &[u32], actions: Actions<'_>) -> Result<(), Failure<J::Error>> {
        if left(words, Spent::Timeout) == 0 {
            return Ok(());
        }
        for (node, &local) in (0..).map(NodeId).zip(self.layout.locals(words)) {
            for &(timer, label, _) in &self.tables.node(local).due {
                let what = What::Fire { node, timer };
                self.add_step(local, Happens::Timer(timer), what, Kind::Fire.of(label), actions)?;
            }
        }
        Ok(())
    }

    /// Where delays are bounded, a timer that is due waits until nothing is under way.
    pub(super) fn timers_put_off(&self, words: &[u32], classes: &mut Vec<u64>) {
        if self.setup.timing == Timing::Asynchronous || left(words, Spent::Timeout) == 0 {
            return;
        }
        let mut under_way = Vec::new();
        let listed = self
            .add_deliveries(words, &mut under_way)
            .and_then(|()| self.add_own_steps(words, &mut under_way));
        if listed.is_err() || under_way.is_empty() {
            return; // they may go off, and are not put off (what fails here has failed before)
        }
        for (node, &local) in (0..).map(NodeId).zip(self.layout.locals(words)) {
            classes.extend(self.tables.node(local).due.iter().map(|it| class(Kind::Fire, node, it.2)));
        }
    }

    fn add_drops(&self, words: &[u32], actions: Actions<'_>) -> Result<(), Failure<J::Error>> {
        let (drops, duplicates) = (left(words, Spent::Drop) > 0, left(words, Spent::Duplicate) > 0);
        if !drops && !duplicates && words[CUT] == 0 {
            return Ok(());
        }
        for (at, link, msg) in self.reachable(words) {
            let (from, to) = ends(link);
            if from == to || self.phase(words, to) == Phase::Down {
                continue; // what arrives at a node that is down is lost anyway
            }
            let label = self.tables.messages.get(msg).value.label;
            if self.is_cut(words, link) {
                actions.push(plain(What::DropToCut { at }, Kind::Drop.of(label)));
                continue;
            }
            if drops {
                actions.push(plain(What::Drop { at }, Kind::Drop.of(label)));
            }
            if duplicates && self.phase(words, to) != Phase::Waiting {
                let (local, kind) = (self.layout.local(words, to), Kind::Duplicate.of(label));
                self.add_step(local, Happens::Message(from, msg), What::Duplicate { at }, kind, actions)?;
            }
        }
        Ok(())
    }

    /// Crashes and recoveries.
    fn add_crashes(&self, words: &[u32], actions: Actions<'_>) -> Result<(), Failure<J::Error>> {
        let (crashes, recoveries) = (left(words, Spent::Crash) > 0, left(words, Spent::Recovery) > 0);
        for (node, &local) in (0..).map(NodeId).zip(self.layout.locals(words)) {
            match self.tables.node(local).local.phase {
                Phase::Up if crashes && self.crashable[node.index()] => {
                    for lost in self.subsets(words, node)? {
                        let what = What::Crash { node, lost };
                        self.add_step(local, Happens::Crash, what, Kind::Crash.of(0), actions)?;
                    }
                }
                Phase::Down if recoveries => {
                    self.add_step(
                        local,
                        Happens::Start,
                        What::Recover { node },
                        Kind::Recover.of(0),
                        actions,
                    )?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Which of a node's messages under way a crash may take with it: sets of bits in the order of the state. Of
    /// equal messages it does not matter which; where there is an order, those sent last go.
    fn subsets(&self, words: &[u32], node: NodeId) -> Result<Vec<u32>, Failure<J::Error>> {
        if !self.setup.partial_sends() {
            return Ok(vec![0]);
        }
        let own: Vec<[u32; 2]> =
            self.layout.messages(words).iter().filter(|it| sent_by(it[0], node)).copied().collect();
        if own.len() > MOST_SUBSET {
            let (node, count) = (self.name(node), own.len());
            return Err(Failure::Subsets { node, count, limit: MOST_SUBSET });
        }
        let taken = |set: u32, at: usize| set >> at & 1 != 0;
        let is_plain = |set: &u32| {
            (1..own.len()).all(|at| {
                let (one, other) = (own[at - 1], own[at]);
                let tied = one[0] == other[0] && (self.in_order(one[0]) || one[1] == other[1]);
                !tied || !taken(*set, at - 1) || taken(*set, at)
            })
        };
        Ok((0..1 << own.len()).filter(is_plain).collect())
    }

    fn add_cuts(&self, words: &[u32], actions: Actions<'_>) {
        if words[CUT] != 0 {
            actions.push(plain(What::Heal, Kind::Heal.of(0)));
        }
        if words[CUT] <= 1 && left(words, Spent::Partition) > 0 {
            let ways = 0..self.ways.len() as u32;
            actions.extend(ways.map(|way| plain(What::Cut { way }, Kind::Cut.of(0))));
        }
    }

    fn add_step(
        &self,
        local: u32,
        happens: Happens,
        what: What,
        kind: u32,
        actions: Actions<'_>,
    ) -> Result<(), Failure<J::Error>> {
        let outcomes = self.outcomes(local, happens)?;
        let branches = self.tables.outcomes.get(outcomes).len() as u32;
        actions.extend((0..branches).map(|branch| Action { what, kind, outcomes, branch }));
        Ok(())
    }

    /// Weak fairness: what a node can do for ever it does, and so does the network; faults are promised by nobody.
    pub(super) fn class(&self, words: &[u32], action: &Action) -> Option<u64> {
        let class = |kind: Kind, node: NodeId, of: u64| Some(class(kind, node, of));
        match action.what {
            What::Deliver { at } | What::Unheard { at } => {
                let [link, msg] = self.layout.messages(words)[at as usize];
                let (from, to) = ends(link);
                class(Kind::Deliver, to, self.tables.messages.get(msg).hash[0] ^ u64::from(from.0))
            }
            What::Fire { node, timer } => {
                let due = &self.tables.node(self.layout.local(words, node)).due;
                class(Kind::Fire, node, due.iter().find(|it| it.0 == timer).map_or(0, |it| it.2))
            }
            What::Start { node } => class(Kind::Start, node, 0),
            What::Sync { node } => class(Kind::Sync, node, 0),
            What::Call { op } => class(Kind::Call, self.ops[op as usize].node, op.into()),
            What::Recover { node } if self.setup.mending => class(Kind::Recover, node, 0),
            What::Heal if self.setup.mending => class(Kind::Heal, NodeId(0), 0),
            _ => None,
        }
    }
}

/// Whether a message on a link is one that its sender's crash may take: not what it sent to itself, which goes anyway.
pub(super) fn sent_by(link: u32, node: NodeId) -> bool {
    let (from, to) = ends(link);
    from == node && to != node
}

/// A class of actions, by what happens to which node.
fn class(kind: Kind, node: NodeId, of: u64) -> u64 {
    placed(&[of, 0], 0, u64::from(node.0) << 8 | kind as u64)
}

fn plain(what: What, kind: u32) -> Action {
    Action { what, kind, outcomes: NONE, branch: 0 }
}
