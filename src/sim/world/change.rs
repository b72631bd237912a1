//! Faults: what they change in a world.
use crate::sim::clock::Wander;
use crate::sim::error::Error;
use crate::sim::fault::Fault;
use crate::sim::label::label;
use crate::sim::node::Omission;
use crate::sim::protocol::{NodeId, Protocol, StepKind, Storage, Time};
use crate::sim::rng::Probability;
use crate::sim::trace::{NOBODY, RowKind};

use super::{Event, World};

impl<P: Protocol> World<P> {
    /// A fault happens, now.
    ///
    /// # Errors
    /// [`Error::UnknownNode`], [`Error::Parameter`]: the fault makes no sense and nothing happened.
    /// [`Error::Node`]: the node is not in the state that the fault needs. [`Error::Invariant`].
    pub fn apply(&mut self, fault: &Fault) -> Result<(), Error> {
        self.check(fault)?;
        self.change(fault)
    }

    /// A fault will happen at world time `at`.
    ///
    /// # Errors
    /// [`Error::UnknownNode`], [`Error::Parameter`]. A node that is then not in the state that the fault needs
    /// (one to recover that is up) makes it pass without effect.
    pub fn schedule(&mut self, at: Time, fault: Fault) -> Result<u64, Error> {
        self.check(&fault)?;
        if at < self.core.now {
            return Err(Error::parameter("at", format!("{at} ns"), "a time that is not in the past"));
        }
        Ok(self.core.queue.push(at, Event::Fault(Box::new(fault))))
    }

    /// Whether a fault makes sense here.
    fn check(&self, fault: &Fault) -> Result<(), Error> {
        fault.nodes().into_iter().try_for_each(|node| self.known(node))?;
        match fault {
            Fault::Slow { factor, .. } | Fault::DiskSlow { factor, .. }
                if !(factor.is_finite() && *factor > 0.0) =>
            {
                Err(Error::parameter("factor", factor, "a finite number above 0"))
            }
            Fault::ClockDrift { ppb, .. } if *ppb <= -1_000_000_000 => Err(Error::parameter(
                "ppb",
                ppb,
                "above -1,000,000,000 (a clock does not run backwards; freeze it to stop it)",
            )),
            Fault::ClockWander { every: 0, .. } => Err(Error::parameter("every", "0 ns", "more than 0 ns")),
            Fault::ClockWander { most_ppb: most @ 1_000_000_000.., .. } => {
                Err(Error::parameter("most_ppb", most, "below 1,000,000,000"))
            }
            Fault::ClockWander { step_ppb, most_ppb, .. } if step_ppb > most_ppb => {
                Err(Error::parameter("step_ppb", step_ppb, "no more than `most_ppb`"))
            }
            Fault::Cut { from, to, .. } | Fault::Mend { from, to, .. } if from == to => {
                Err(Error::parameter("to", &self.nodes[to.index()].name, "another node than `from`"))
            }
            Fault::Partition { groups } => self.check_groups(groups),
            Fault::Weather { weather, .. } => match &weather.delay {
                Some(delay) => Ok(delay.check().map_err(|it| it.within("delay"))?),
                None => Ok(()),
            },
            Fault::Crash { lose_unsynced: false, torn: true, .. } => {
                Err(Error::parameter("torn", true, "false where nothing is lost (`lose_unsynced` is false)"))
            }
            _ => Ok(()),
        }
    }

    fn check_groups(&self, groups: &[Vec<NodeId>]) -> Result<(), Error> {
        if groups.len() < 2 || groups.iter().any(Vec::is_empty) {
            return Err(Error::parameter("groups", groups.len(), "at least two groups, none of them empty"));
        }
        let mut named = groups.concat();
        named.sort_unstable();
        match named.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Error::parameter(
                "groups",
                format!("{} is named twice", self.nodes[pair[0].index()].name),
                "every node in one group at most",
            )),
            None => Ok(()),
        }
    }

    /// A fault happens. Where its node is not in the state that it needs, it passes without effect.
    pub(super) fn change(&mut self, fault: &Fault) -> Result<(), Error> {
        let (now, node) = (self.core.now, fault.nodes().first().copied().unwrap_or(NOBODY));
        self.core.summarize(row_kind(fault), node, 0, label(fault));
        match fault {
            Fault::Crash { lose_unsynced: false, corrupt, .. } => return self.kill(node, *corrupt),
            Fault::Crash { torn, corrupt, .. } => return self.crash(node, *torn, *corrupt, false),
            Fault::Wipe { .. } => return self.crash(node, false, false, true),
            Fault::Recover { .. } => return self.recover(node),
            Fault::Pause { .. } => self.nodes[node.index()].machine.paused = true,
            Fault::Resume { .. } => return self.resume(node),
            Fault::Slow { factor, extra, .. } => {
                let processor = &mut self.nodes[node.index()].machine.processor;
                (processor.factor, processor.extra) = (*factor, *extra);
            }
            Fault::Cut { from, to, oneway } => self.set_cut(*from, *to, *oneway, true),
            Fault::Mend { from, to, oneway } => self.set_cut(*from, *to, *oneway, false),
            Fault::Partition { groups } => self.partition(groups),
            Fault::Isolate { .. } => self.each(|world, other| world.set_cut(node, other, false, true)),
            Fault::Heal => self.core.links.heal(),
            Fault::Weather { from, to, weather } => self.core.links.set_weather(*from, *to, weather.clone()),
            Fault::Omit { send, receive, peer, kind, .. } => {
                let omissions = &mut self.nodes[node.index()].machine.omissions;
                omissions.retain(|it| (it.peer, &it.kind) != (*peer, kind));
                if (*send, *receive) != (Probability::NEVER, Probability::NEVER) {
                    omissions.push(Omission {
                        send: *send,
                        receive: *receive,
                        peer: *peer,
                        kind: kind.clone(),
                    });
                }
            }
            Fault::ClockJump { by, .. } => self.nodes[node.index()].machine.clock.jump(*by),
            Fault::ClockDrift { ppb, .. } => {
                self.nodes[node.index()].machine.clock.set_drift(now, *ppb);
                self.reclock(node);
            }
            Fault::ClockWander { every, step_ppb, most_ppb, .. } => {
                let wander = &mut self.nodes[node.index()].machine.wander;
                let turn = wander.turn.wrapping_add(1);
                let every = if *step_ppb == 0 { 0 } else { *every };
                *wander = Wander { every, step_ppb: *step_ppb, most_ppb: *most_ppb, turn };
                self.plan_wander(node);
            }
            Fault::ClockFreeze { .. } | Fault::ClockThaw { .. } => {
                let frozen = matches!(fault, Fault::ClockFreeze { .. });
                self.nodes[node.index()].machine.clock.set_frozen(now, frozen);
                self.reclock(node);
            }
            Fault::DiskLie { probability, .. } => {
                self.nodes[node.index()].machine.disk.set_lies(*probability)
            }
            Fault::DiskSlow { factor, extra, .. } => {
                self.nodes[node.index()].machine.disk.set_slow(*factor, *extra)
            }
            Fault::DiskFull { full, .. } => {
                self.nodes[node.index()].machine.disk.set_full(*full);
                self.settle_disk(node);
            }
        }
        Ok(())
    }

    fn crash(&mut self, id: NodeId, torn: bool, corrupt: bool, wipe: bool) -> Result<(), Error> {
        let node = &mut self.nodes[id.index()];
        // Where the process has died before, power can still take what it wrote.
        if !node.go_down(self.core.now) && !wipe && !node.machine.disk.is_writing() {
            return Ok(());
        }
        let mut undone = node.machine.disk.lose_unsynced(&mut node.content, torn);
        if corrupt {
            undone.extend(node.content.corrupt());
        }
        if wipe {
            node.format();
        }
        self.look_at_crash(id, undone, if wipe { StepKind::Edited } else { StepKind::Crash })
    }

    /// A process dies, and the machine it ran on does not.
    fn kill(&mut self, id: NodeId, corrupt: bool) -> Result<(), Error> {
        let node = &mut self.nodes[id.index()];
        if !node.go_down(self.core.now) {
            return Ok(());
        }
        node.machine.disk.drop_held();
        let undone = if corrupt { node.content.corrupt() } else { Vec::new() };
        self.look_at_crash(id, undone, StepKind::Crash)
    }

    fn look_at_crash(
        &mut self,
        id: NodeId,
        undone: Vec<<P::Disk as Storage>::Write>,
        step: StepKind,
    ) -> Result<(), Error> {
        if self.watch.is_none() {
            return Ok(());
        }
        self.core.collected.extend(undone);
        self.look(id, step)
    }

    fn recover(&mut self, id: NodeId) -> Result<(), Error> {
        let node = &mut self.nodes[id.index()];
        if !std::mem::take(&mut node.machine.down) {
            return Ok(());
        }
        self.start(id).map(drop)
    }

    fn resume(&mut self, id: NodeId) -> Result<(), Error> {
        let machine = &mut self.nodes[id.index()].machine;
        machine.paused = false;
        // What arrives while this is worked off comes later: the queue of one instant is in order.
        for input in std::mem::take(&mut machine.waiting) {
            let event = Event::Served { node: id, incarnation: machine.incarnation, input };
            self.core.queue.push(self.core.now, event);
        }
        Ok(())
    }

    fn set_cut(&mut self, from: NodeId, to: NodeId, oneway: bool, cut: bool) {
        self.core.links.set_blocked(from, to, cut);
        if !oneway {
            self.core.links.set_blocked(to, from, cut);
        }
    }

    fn partition(&mut self, groups: &[Vec<NodeId>]) {
        for (i, group) in groups.iter().enumerate() {
            let others = groups[i + 1..].concat();
            for &a in group {
                others.iter().for_each(|&b| self.set_cut(a, b, false, true));
            }
        }
    }

    fn each(&mut self, mut body: impl FnMut(&mut Self, NodeId)) {
        (0..self.nodes.len() as u32).for_each(|id| body(self, NodeId(id)));
    }

    /// The rate of a clock that wanders changes, and will again.
    pub(super) fn wander(&mut self, id: NodeId, turn: u32) {
        let machine = &mut self.nodes[id.index()].machine;
        if machine.wander.turn != turn {
            return;
        }
        let ppb = machine.wander.next(machine.clock.drift(), &mut machine.clock_rng);
        machine.clock.set_drift(self.core.now, ppb);
        self.reclock(id);
        self.plan_wander(id);
    }

    fn plan_wander(&mut self, id: NodeId) {
        let Wander { every, turn, .. } = self.nodes[id.index()].machine.wander;
        if every > 0 {
            self.core.queue.push(self.core.now.saturating_add(every), Event::Wander { node: id, turn });
        }
    }

    /// A clock runs at another rate: its timers are due at other times.
    fn reclock(&mut self, id: NodeId) {
        let machine = &mut self.nodes[id.index()].machine;
        let clock = machine.clock;
        for (timer, at, number) in machine.timers.reclock(self.core.now, |due| clock.time_of(due)) {
            self.core.queue.push_numbered(at, number, Event::Timer { node: id, timer });
        }
    }
}

fn row_kind(fault: &Fault) -> RowKind {
    match fault {
        Fault::Crash { .. } | Fault::Wipe { .. } => RowKind::Crash,
        Fault::Pause { .. } => RowKind::Pause,
        Fault::Resume { .. } => RowKind::Resume,
        _ => RowKind::Fault,
    }
}
