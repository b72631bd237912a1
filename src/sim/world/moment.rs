//! A moment of a world as plain data: all that an exploration of what may follow needs to begin from.
use crate::sim::disk::Held;
use crate::sim::error::Error;
use crate::sim::history::History;
use crate::sim::protocol::{Input, NodeId, OpId, Protocol, Reading, Storage, Time};

use super::invariants::Invariants;
use super::{Event, World};

/// A picture of a world between two events.
#[derive(Clone, Debug)]
pub struct Moment<P: Protocol> {
    /// The nodes, by id.
    pub nodes: Vec<NodeMoment<P>>,
    /// Messages under way, as (from, to, message), in the order in which they would arrive.
    pub messages: Vec<(NodeId, NodeId, P::Msg)>,
    /// Operations that have not reached their node yet, in the order in which they would.
    pub calls: Vec<(NodeId, OpId)>,
    /// Every operation so far.
    pub history: History<P>,
    /// Every cut link, as (from, to).
    pub cuts: Vec<(NodeId, NodeId)>,
    /// Whether messages of one link arrive in the order in which they left.
    pub fifo: bool,
    /// Whether effects wait for the disk.
    pub fsync: bool,
    /// The most effects of one handler call.
    pub most_effects: u64,
    /// The invariants that are looked at, and what they remember.
    pub watch: Option<(P::Monitor, Invariants)>,
}

/// A node in a [`Moment`].
#[derive(Clone, Debug)]
pub struct NodeMoment<P: Protocol> {
    /// Its name.
    pub name: String,
    /// The value it restarts from.
    pub spawned: P,
    /// The live state; `None` while it is down.
    pub state: Option<P>,
    /// What is on its disk, durable or not.
    pub disk: P::Disk,
    /// The inverses of the writes that are not durable, oldest first.
    pub unsynced: Vec<<P::Disk as Storage>::Write>,
    /// How many of these, from the first, the sync under way covers; 0: there is none.
    pub syncing: u32,
    /// What waits for the disk, in order, and until how many of these writes are durable.
    pub held: Vec<(u32, Held<P>)>,
    /// Whether its writes are durable as soon as they are made.
    pub instant_disk: bool,
    /// Its armed timers, by name.
    pub timers: Vec<ArmedTimer<P>>,
    /// Whether it has yet to come up for the first time.
    pub unstarted: bool,
    /// How often it has come up.
    pub incarnation: u32,
    /// What its clock shows.
    pub now: Reading,
}

/// A timer in a [`Moment`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArmedTimer<P: Protocol> {
    /// Its name.
    pub name: P::Timer,
    /// The shortest time after which it can be due, as its span had it, on the node's clock.
    pub earliest: Time,
    /// The longest.
    pub latest: Time,
    /// Of two timers due at the same time the one with the lower number goes off first.
    pub number: u64,
}

impl<P: Protocol> World<P> {
    /// What is there now, as data: for whoever explores what may follow.
    ///
    /// # Errors
    /// [`Error::Parameter`] and [`Error::Node`]: something is in force that happens by chance or at some time, and so
    /// cannot be explored: a workload, planned faults, weather, omissions, a paused node, a disk that lies or is full,
    /// a clock that stands still. The error says which, and what to do about it.
    pub fn moment(&self) -> Result<Moment<P>, Error> {
        if self.core.links.has_weather() {
            let allowed =
                "none while exploring: end the weather, and allow losses and duplicates by a budget";
            return Err(Error::parameter("weather", "in force on some links", allowed));
        }
        let mut moment = Moment {
            nodes: Vec::with_capacity(self.nodes.len()),
            messages: Vec::new(),
            calls: Vec::new(),
            history: self.core.history.clone(),
            cuts: self.core.links.cuts(),
            fifo: self.core.links.network.fifo,
            fsync: self.core.disk_model.fsync,
            most_effects: self.core.limits.effects,
            watch: self.watched(),
        };
        for (_, _, event) in self.core.queue.in_order() {
            self.add_event(event, &mut moment)?;
        }
        for index in 0..self.nodes.len() {
            moment.nodes.push(self.node_moment(NodeId(index as u32))?);
        }
        Ok(moment)
    }

    fn add_event(&self, event: &Event<P>, moment: &mut Moment<P>) -> Result<(), Error> {
        match event {
            Event::Arrive { from, to, msg } => moment.messages.push((*from, *to, msg.clone())),
            Event::Loopback { node, incarnation, msg } if self.is_current(*node, *incarnation) => {
                moment.messages.push((*node, *node, msg.clone()));
            }
            Event::Served { node, incarnation, input } if self.is_current(*node, *incarnation) => {
                self.add_waiting(*node, input, moment)?;
            }
            Event::Call { node, op } => moment.calls.push((*node, *op)),
            Event::Fault(fault) => {
                let allowed = "none while exploring: allow faults by budgets instead of planning them";
                return Err(Error::parameter("faults", crate::sim::label(&**fault), allowed));
            }
            Event::Next { client, .. } => {
                let name = &self.nodes[client.index()].name;
                let allowed = "none while exploring: say by calls who asks what";
                return Err(Error::parameter("workload", format!("one that runs on {name}"), allowed));
            }
            // A node says itself which timers are armed, what it syncs, and whether it has yet to start.
            _ => {}
        }
        Ok(())
    }

    /// What waits for the processor might as well be under way still.
    fn add_waiting(&self, node: NodeId, input: &Input<P>, moment: &mut Moment<P>) -> Result<(), Error> {
        match input {
            Input::Message(from, msg) => moment.messages.push((*from, node, msg.clone())),
            Input::Call(op, _) => moment.calls.push((node, *op)),
            Input::Start | Input::Timer(_) => {
                return Err(self.not_explorable(node, "it was paused, and has not worked off what waited"));
            }
        }
        Ok(())
    }

    fn node_moment(&self, id: NodeId) -> Result<NodeMoment<P>, Error> {
        let node = &self.nodes[id.index()];
        let machine = &node.machine;
        let why = match () {
            () if machine.paused => Some("it is paused: resume it before exploring"),
            () if !machine.omissions.is_empty() => {
                Some("it omits messages: end that before exploring, and allow losses by a budget")
            }
            () if machine.wander.every > 0 => {
                Some("its clock wanders: end that before exploring, by a step of 0")
            }
            () if machine.clock.is_frozen() => Some("its clock stands still: let it go on before exploring"),
            () => None,
        };
        if let Some(why) = why {
            return Err(self.not_explorable(id, why));
        }
        if let Some(what) = machine.disk.misbehaves() {
            return Err(self.not_explorable(id, &format!("{what}: end that before exploring")));
        }
        if !node.is_up() && machine.disk.is_writing() {
            let why = "what its process had written is not yet on its disk: let that end before exploring";
            return Err(self.not_explorable(id, why));
        }
        let Some((unsynced, syncing, held)) = machine.disk.unsynced() else {
            return Err(self.not_explorable(id, "its disk has lied about what is durable"));
        };
        let counter = machine.clock.counter_at(self.core.now);
        let left = |at: i64| u64::try_from(at.saturating_sub(counter)).unwrap_or(0);
        let timers = machine.timers.spans().map(|(name, (earliest, latest), number)| ArmedTimer {
            name: name.clone(),
            earliest: left(earliest),
            latest: left(latest),
            number,
        });
        Ok(NodeMoment {
            name: node.name.clone(),
            spawned: node.spawned().clone(),
            state: node.state.clone(),
            disk: node.content.clone(),
            unsynced,
            syncing,
            held,
            instant_disk: machine.disk.instant(&self.core.disk_model),
            timers: timers.collect(),
            unstarted: machine.first_start.is_some() && !machine.down && node.state.is_none(),
            incarnation: machine.incarnation,
            now: machine.clock.reading(self.core.now),
        })
    }

    fn not_explorable(&self, id: NodeId, why: &str) -> Error {
        Error::Node { name: self.nodes[id.index()].name.clone(), why: why.to_owned() }
    }
}
