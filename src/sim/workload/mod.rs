//! Workloads: who asks for what, and when. Nothing here knows a world: it says what should happen next.
mod keys;
mod mix;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use keys::Keys;
pub use mix::{Mix, Ycsb};

use keys::{KeySource, Position};

use super::distribution::{Distribution, rounded};
use super::invalid::Invalid;
use super::operation::{Access, Request, Verb};
use super::protocol::{NodeId, Span, Time};
use super::rng::{Purpose, Rng};
use super::value::Value;

/// A load on some clients, as data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// Who asks.
    pub clients: Vec<NodeId>,
    /// When they ask.
    pub arrivals: Arrivals,
    /// For which keys.
    pub keys: Keys,
    /// For which kinds of access.
    pub mix: Mix,
    /// How many keys a scan reads, all numbers alike.
    #[serde(default = "scan_length")]
    pub scan_length: Span,
    /// How many different keys a request is about, all numbers alike; more than one makes it a transaction.
    #[serde(default = "one")]
    pub width: Span,
    /// When it begins.
    #[serde(default)]
    pub from: Time,
    /// When it ends: nothing is asked from then on.
    #[serde(default)]
    pub until: Option<Time>,
    /// How many operations there are at most.
    #[serde(default)]
    pub limit: Option<u64>,
    /// The first value written; each write adds one, so that a read shows which write it saw.
    #[serde(default)]
    pub first_value: i64,
    /// Commands of its own, taken in turn and again from the first, where the mix has any.
    #[serde(default)]
    pub commands: Arc<[Value]>,
}

/// YCSB's.
const fn scan_length() -> Span {
    Span { min: 1, max: 100 }
}

const fn one() -> Span {
    Span::exactly(1)
}

/// When operations begin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Arrivals {
    /// Open loop: at random times, whether or not earlier operations are over; each time a random client.
    Poisson {
        /// How many a second, on average, of all clients together.
        rate: f64,
    },
    /// Open loop: at even intervals; the clients take turns.
    Fixed {
        /// How many a second, of all clients together.
        rate: f64,
    },
    /// Closed loop: each client thinks, asks, and waits for the answer.
    Closed {
        /// How long a client thinks.
        think: Distribution,
    },
}

/// A client should ask for something at this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Arrival {
    /// When.
    pub at: Time,
    /// Who.
    pub client: NodeId,
}

impl Workload {
    /// Uniform keys and half reads, half updates, in a closed loop without thinking, from the beginning and
    /// for ever: to be changed where something else is wanted.
    pub fn of(clients: Vec<NodeId>) -> Self {
        Self {
            clients,
            arrivals: Arrivals::Closed { think: Distribution::default() },
            keys: Keys::Uniform { n: 100 },
            mix: Mix::reads(0.5),
            scan_length: scan_length(),
            width: one(),
            from: 0,
            until: None,
            limit: None,
            first_value: 0,
            commands: Arc::new([]),
        }
    }

    /// Whether the parameters make sense; the complaint names the first that does not.
    pub fn check(&self) -> Result<(), Invalid> {
        let mut clients = self.clients.clone();
        clients.sort_unstable();
        clients.dedup();
        if clients.is_empty() || clients.len() != self.clients.len() {
            let ids: Vec<u32> = self.clients.iter().map(|client| client.0).collect();
            return Err(Invalid::new("clients", format_args!("{ids:?}"), "one client or more, none twice"));
        }
        match &self.arrivals {
            Arrivals::Poisson { rate } | Arrivals::Fixed { rate } if !(*rate > 0.0 && *rate <= 1e9) => {
                return Err(Invalid::new("rate", rate, "a number above 0, at most 1e9 a second"));
            }
            Arrivals::Closed { think } => think.check().map_err(|error| error.within("think"))?,
            _ => {}
        }
        self.keys.check().map_err(|error| error.within("keys"))?;
        self.mix.check().map_err(|error| error.within("mix"))?;
        let Span { min, max } = self.scan_length;
        if !(1 <= min && min <= max && max <= u64::from(u32::MAX)) {
            return Err(Invalid::new("scan_length", format_args!("{min} to {max}"), "from 1 up, in order"));
        }
        let Span { min, max } = self.width;
        if !(1 <= min && min <= max && max <= u64::from(self.keys.n())) {
            let allowed = "from 1 up to the number of keys, in order";
            return Err(Invalid::new("width", format_args!("{min} to {max}"), allowed));
        }
        if self.mix.transfer > 0.0 && min < 2 {
            return Err(Invalid::new("width", min, "2 or more, where something is transferred"));
        }
        if self.mix.command > 0.0 && self.commands.is_empty() {
            return Err(Invalid::new("commands", "none", "one or more, where the mix has commands"));
        }
        match self.until {
            Some(until) if until <= self.from => Err(Invalid::new(
                "until",
                format_args!("{until} ns, with from {} ns", self.from),
                "a time after from",
            )),
            _ => Ok(()),
        }
    }
}

/// A workload that runs.
///
/// Whoever runs it schedules what [`start`](Self::start) says; at each arrival asks the client for what
/// [`next_request`](Self::next_request) says, then schedules what [`after_arrival`](Self::after_arrival) says;
/// and when an operation of a client is over, what [`after_reply`](Self::after_reply) says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct Generator {
    workload: Workload,
    /// Two streams, so that other keys do not mean other times.
    times: Rng,
    requests: Rng,
    keys: KeySource,
    /// How many arrivals were given out.
    arrivals: u64,
    next_value: i64,
    /// How many commands were given out.
    commanded: u64,
}

impl Generator {
    /// Begins `workload`, the `index`-th in the run of `seed`.
    pub fn new(workload: Workload, seed: u64, index: u32) -> Result<Self, Invalid> {
        let [times, requests] = [0, 1].map(|part| Rng::stream(seed, Purpose::Workload, index, part));
        let next_value = workload.first_value;
        Self::try_from(Saved {
            workload,
            times,
            requests,
            keys: Position::default(),
            arrivals: 0,
            next_value,
            commanded: 0,
        })
    }

    /// Draws from new streams from now on.
    pub fn reseed(&mut self, seed: u64, index: u32) {
        [self.times, self.requests] = [0, 1].map(|part| Rng::stream(seed, Purpose::Workload, index, part));
    }

    /// What runs.
    pub fn workload(&self) -> &Workload {
        &self.workload
    }

    /// The first arrivals: in an open loop one, in a closed loop one of each client.
    pub fn start(&mut self) -> Vec<Arrival> {
        if self.is_open() {
            return self.open_arrival(self.workload.from).into_iter().collect();
        }
        let clients = self.workload.clients.clone();
        clients.into_iter().filter_map(|client| self.after_reply(client, self.workload.from)).collect()
    }

    /// What is asked for at an arrival.
    pub fn next_request(&mut self) -> Request {
        let kind = self.workload.mix.pick(&mut self.requests);
        let key = match kind {
            Access::Insert => self.keys.insert(),
            _ => self.keys.pick(&mut self.requests),
        };
        let value = match kind {
            Access::Update
            | Access::Insert
            | Access::ReadModifyWrite
            | Access::Only(Verb::Append | Verb::Enqueue) => {
                self.next_value = self.next_value.wrapping_add(1);
                Value::Int(self.next_value.wrapping_sub(1))
            }
            Access::Only(Verb::Command) => self.next_command(),
            Access::Read | Access::Scan | Access::Transfer | Access::Only(_) => Value::Null,
        };
        let count = match kind {
            Access::Scan => self.requests.within(self.workload.scan_length) as u32,
            _ => 1,
        };
        let others = self.further_keys(&key);
        Request { kind, key, others, value, count }
    }

    fn next_command(&mut self) -> Value {
        let commands = &self.workload.commands;
        let turn = self.commanded % commands.len() as u64; // `check` has seen that there are some
        self.commanded += 1;
        commands[turn as usize].clone()
    }

    /// The keys besides the first one. Most requests have none, and nothing is drawn for them.
    fn further_keys(&mut self, first: &Arc<str>) -> Arc<[Arc<str>]> {
        if self.workload.width.max == 1 {
            return Arc::new([]);
        }
        let width = self.requests.within(self.workload.width) as usize;
        let mut keys = vec![first.clone()];
        while keys.len() < width {
            keys.push(self.keys.pick_another(&mut self.requests, &keys));
        }
        keys.drain(1..).collect()
    }

    /// The arrival after the one that happens `now`, if that does not hang on a reply and there is one.
    pub fn after_arrival(&mut self, now: Time) -> Option<Arrival> {
        if self.is_open() { self.open_arrival(now) } else { None }
    }

    /// The arrival after an operation of `client` that is over `now`, if it hangs on that and there is one.
    pub fn after_reply(&mut self, client: NodeId, now: Time) -> Option<Arrival> {
        let Arrivals::Closed { think } = &self.workload.arrivals else { return None };
        let at = now.max(self.workload.from).saturating_add(think.sample(&mut self.times));
        self.admit(Arrival { at, client })
    }

    fn is_open(&self) -> bool {
        !matches!(self.workload.arrivals, Arrivals::Closed { .. })
    }

    fn open_arrival(&mut self, now: Time) -> Option<Arrival> {
        let clients = self.workload.clients.len() as u64;
        let (at, turn) = match self.workload.arrivals {
            Arrivals::Poisson { rate } => {
                let wait = rounded(self.times.exponential() * 1e9 / rate);
                (now.saturating_add(wait), self.times.below(clients))
            }
            Arrivals::Fixed { rate } => {
                let since = rounded(self.arrivals as f64 * 1e9 / rate);
                (self.workload.from.saturating_add(since), self.arrivals % clients)
            }
            Arrivals::Closed { .. } => unreachable!("a closed loop waits for replies"),
        };
        self.admit(Arrival { at, client: self.workload.clients[turn as usize] })
    }

    /// Whether the arrival is still within the workload's bounds.
    fn admit(&mut self, arrival: Arrival) -> Option<Arrival> {
        if self.workload.until.is_some_and(|until| arrival.at >= until)
            || self.workload.limit.is_some_and(|limit| self.arrivals >= limit)
        {
            return None;
        }
        self.arrivals += 1;
        Some(arrival)
    }
}

/// A generator without what follows from the rest.
#[derive(Clone, Serialize, Deserialize)]
struct Saved {
    workload: Workload,
    times: Rng,
    requests: Rng,
    keys: Position,
    arrivals: u64,
    next_value: i64,
    commanded: u64,
}

impl TryFrom<Saved> for Generator {
    type Error = Invalid;
    fn try_from(saved: Saved) -> Result<Self, Invalid> {
        let Saved { workload, times, requests, keys, arrivals, next_value, commanded } = saved;
        workload.check()?;
        let keys = KeySource::new(workload.keys.clone(), keys);
        Ok(Self { workload, times, requests, keys, arrivals, next_value, commanded })
    }
}

impl From<Generator> for Saved {
    fn from(it: Generator) -> Self {
        let Generator { workload, times, requests, keys, arrivals, next_value, commanded } = it;
        Self { workload, times, requests, keys: keys.position(), arrivals, next_value, commanded }
    }
}

#[cfg(test)]
mod tests;
