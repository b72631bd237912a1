//! Everything that may go wrong, at random, and then the question whether anything did.
use distlab::machines::store::{Answer, Op};
use distlab::protocols::raft::{Call, Compaction, Mutant, Node, ReadMode, Reply};
use distlab::sim::{self, DiskModel, Distribution, Fault, History, NodeId, Rng, Time, Value, Weather};

use super::{Cluster, MS, dice, push};

/// What a storm is like.
#[derive(Clone, Copy)]
pub struct Storm {
    pub servers: u32,
    pub clients: u32,
    pub rounds: u32,
    pub mutant: Option<Mutant>,
    pub read_mode: ReadMode,
    pub fsync: bool,
    pub noop: bool,
    pub max_entries: u32,
    /// Whether the servers draw lots for what they do beyond the paper, and leaders are asked to hand over.
    pub extras: bool,
    /// Whether logs are compacted all the time, each server's in its own way, and snapshots go in small pieces.
    pub compaction: bool,
    /// Whether now and then one of the disks loses its last record for good.
    pub corrupt: bool,
    /// How many sessions the servers remember.
    pub session_limit: Option<u32>,
}

impl Default for Storm {
    fn default() -> Self {
        Self {
            servers: 5,
            clients: 3,
            rounds: 60,
            mutant: None,
            read_mode: ReadMode::Log,
            fsync: true,
            noop: true,
            max_entries: 256,
            extras: false,
            compaction: false,
            corrupt: false,
            session_limit: None,
        }
    }
}

impl Storm {
    /// Lets it rage, then calm down. Afterwards the servers agree, every client has its answers, and the
    /// answers are those of one list that all of them share; or the first thing that is not so.
    pub fn play(self, seed: u64) -> Result<Cluster, String> {
        let mut dice = dice(seed);
        let mut cluster = self.cluster(seed, &mut dice);
        let mut value = 0;
        for _ in 0..self.rounds {
            let fault = match strike(&cluster, &mut dice) {
                // As long as one disk only is damaged, and each recovers before the next, a majority has everything.
                Fault::Crash { node, lose_unsynced: true, torn, .. }
                    if self.corrupt && cluster.servers.iter().all(|it| whole(&cluster, *it)) =>
                {
                    Fault::Crash { node, lose_unsynced: true, torn, corrupt: true }
                }
                fault => fault,
            };
            cluster.world.apply(&fault).map_err(|error| error.to_string())?;
            if self.extras {
                // A leader that is forgotten has no lease.
                let forget = self.read_mode != ReadMode::Lease;
                ask_for_a_change_of_leader(&mut cluster, &mut dice, forget);
            }
            for _ in 0..dice.below(4) {
                let client = cluster.clients[dice.below(u64::from(self.clients)) as usize];
                let op = if dice.below(3) == 0 { Op::Get { key: "log".into() } } else { push(value) };
                value += 1;
                cluster.world.call(client, Call::Execute { op }).unwrap();
            }
            let pause = if dice.below(4) == 0 { dice.below(500) } else { dice.below(60) } * MS;
            let until = cluster.world.now() + pause;
            cluster.world.run_until(until).map_err(|error| error.to_string())?;
        }
        cluster.calm();
        self.settle(&mut cluster)?;
        match self.read_mode {
            ReadMode::Session => judge_sessions(cluster.world.history(), &final_list(&cluster))?,
            _ => judge(cluster.world.history(), &final_list(&cluster))?,
        }
        Ok(cluster)
    }

    fn cluster(&self, seed: u64, dice: &mut Rng) -> Cluster {
        let sync = [Distribution::Constant(0), Distribution::Uniform { min: 0, max: 4 * MS }];
        let disk = DiskModel { sync: sync[dice.below(2) as usize].clone(), fsync: self.fsync };
        let lots = if self.extras { dice.below(8) } else { 0 };
        let mut cluster = Cluster::with(
            self.servers,
            sim::Config { seed, disk, ..sim::Config::default() },
            |id, config| {
                (config.mutant, config.noop) = (self.mutant, self.noop);
                config.max_entries = self.max_entries;
                config.prevote =
                    lots & 1 > 0 || matches!(self.mutant, Some(Mutant::PreVoteCounts | Mutant::PreVoteBinds));
                (config.check_quorum, config.leader_liveness) = (lots & 2 > 0, lots & 4 > 0);
                config.session_limit = self.session_limit;
                config.tell_index = self.read_mode == ReadMode::Session;
                if self.compaction {
                    config.compaction = compaction(seed + u64::from(id.0));
                }
                if self.read_mode == ReadMode::Lease {
                    // The clocks of a storm run at half to double speed.
                    (config.leader_liveness, config.lease_drift_ppm) = (true, Some(600_000));
                    config.heartbeat = 10 * MS;
                }
            },
        );
        for _ in 0..self.clients {
            cluster.client(|config| {
                (config.read_mode, config.register) = (self.read_mode, self.session_limit.is_some());
            });
        }
        cluster
    }

    fn settle(&self, cluster: &mut Cluster) -> Result<(), String> {
        for tenth in 0..200 {
            if !self.noop && tenth % 10 == 0 {
                // Without a no-op only a new command commits the old ones.
                let op = Op::Get { key: "log".into() };
                cluster.world.call(cluster.clients[0], Call::Execute { op }).unwrap();
            }
            let until = cluster.world.now() + 100 * MS;
            cluster.world.run_until(until).map_err(|error| error.to_string())?;
            let of_a_client = |call: &Call| matches!(call, Call::Execute { .. });
            let answered =
                cluster.world.history().ops().iter().all(|op| op.answer.is_some() || !of_a_client(&op.call));
            if answered && cluster.agreed() {
                return Ok(());
            }
            if cluster.world.metrics().events > 200_000 {
                return Err("it does not come to rest".into());
            }
        }
        let open = cluster.world.history().ops().iter().filter(|op| op.answer.is_none()).count();
        Err(format!("20 s after the storm {open} questions are open{}", cluster.describe()))
    }
}

/// Whether a server has all that it ever vouched for.
fn whole(cluster: &Cluster, id: NodeId) -> bool {
    let disk = cluster.disk(id);
    disk.last() == (disk.log.last_term(), disk.log.last_index())
}

/// Ways to compact a log, some of them all the time.
pub fn compaction(lot: u64) -> Compaction {
    let base = Compaction { chunk: 16, ..Compaction::default() };
    match lot % 5 {
        0 => Compaction { entries: Some(1), chunk: 7, ..base },
        1 => Compaction { entries: Some(5), keep: 2, ..base },
        2 => Compaction { bytes: Some(100), chunk: 1 << 20, ..base },
        3 => Compaction { factor_percent: Some(100), keep: 1, chunk: 1 << 20, ..base },
        _ => Compaction { every: Some(80 * MS), ..base },
    }
}

/// Now and then somebody is asked to hand over its office, or to forget who holds it.
fn ask_for_a_change_of_leader(cluster: &mut Cluster, dice: &mut Rng, forget: bool) {
    let any = |dice: &mut Rng| cluster.servers[dice.below(cluster.servers.len() as u64) as usize];
    let (asked, to) = (cluster.leader().unwrap_or(any(dice)), any(dice));
    match dice.below(6) {
        0 if cluster.world.node(asked).is_up() => {
            cluster.world.call(asked, Call::Transfer { to }).unwrap();
        }
        1 if forget && cluster.world.node(to).is_up() => {
            cluster.world.call(to, Call::ForgetLeader).unwrap();
        }
        _ => {}
    }
}

/// Something goes wrong, or right again.
fn strike(cluster: &Cluster, dice: &mut Rng) -> Fault {
    let any = |dice: &mut Rng, list: &[NodeId]| list[dice.below(list.len() as u64) as usize];
    let servers = cluster.servers.clone();
    let everybody: Vec<NodeId> = servers.iter().chain(&cluster.clients).copied().collect();
    let victim = match cluster.leader() {
        Some(leader) if dice.below(3) == 0 => leader,
        _ => any(dice, &servers),
    };
    let per_cent = |it: u64| (it as f64 / 100.0).try_into().unwrap();
    let up = cluster.world.node(victim).is_up();
    match dice.below(16) {
        0..=2 if up => {
            let lose_unsynced = dice.below(8) > 0;
            Fault::Crash {
                node: victim,
                lose_unsynced,
                torn: lose_unsynced && dice.below(2) == 0,
                corrupt: false,
            }
        }
        0..=4 if !up => Fault::Recover { node: victim },
        3 => Fault::Pause { node: victim },
        4 | 5 => Fault::Resume { node: victim },
        6 => Fault::Isolate { node: victim },
        7 => Fault::Cut { from: victim, to: other(dice, &everybody, victim), oneway: dice.below(2) == 0 },
        8 => {
            let split = 1 + dice.below(everybody.len() as u64 - 1) as usize;
            let mut mixed = everybody.clone();
            for i in (1..mixed.len()).rev() {
                mixed.swap(i, dice.below(i as u64 + 1) as usize);
            }
            let (one, two) = mixed.split_at(split);
            Fault::Partition { groups: vec![one.to_vec(), two.to_vec()] }
        }
        9 | 10 => Fault::Heal,
        11 => {
            let delay = Some(Distribution::Uniform { min: 0, max: dice.below(80) * MS });
            let (loss, duplicate) = (per_cent(dice.below(40)), per_cent(dice.below(40)));
            let weather = Weather { loss, duplicate, delay, ..Weather::default() };
            Fault::Weather { from: None, to: None, weather }
        }
        12 => Fault::Weather { from: None, to: None, weather: Weather::default() },
        13 => Fault::ClockDrift { node: victim, ppb: dice.below(1_500_000_000) as i64 - 500_000_000 },
        14 => Fault::DiskSlow { node: victim, factor: 1.0, extra: dice.below(100) * MS },
        15 => Fault::DiskSlow { node: victim, factor: 1.0, extra: 0 },
        _ => Fault::Heal,
    }
}

fn other(dice: &mut Rng, all: &[NodeId], than: NodeId) -> NodeId {
    let others: Vec<NodeId> = all.iter().copied().filter(|it| *it != than).collect();
    others[dice.below(others.len() as u64) as usize]
}

/// The list that all operations were about, as it is in the end.
pub fn final_list(cluster: &Cluster) -> Vec<Value> {
    match cluster.server(cluster.servers[0]).unwrap().replica.machine.query(&Op::Get { key: "log".into() }) {
        Answer::Value(Value::List(items)) => items.to_vec(),
        Answer::Value(Value::Null) => Vec::new(),
        other => panic!("{other:?}"),
    }
}

/// Whether every client sees its own appends, and never less than before: what [`ReadMode::Session`] promises.
fn judge_sessions(history: &History<Node>, list: &[Value]) -> Result<(), String> {
    let mut points: Vec<(NodeId, Time, Time, usize)> = Vec::new();
    for op in history.ops().iter() {
        let Some((at, Reply::Executed { answer: Answer::Value(seen) })) = &op.answer else { continue };
        let Value::List(items) = seen else { continue };
        if !list.starts_with(items) {
            return Err(format!("{:?} saw {items:?}, and the list is {list:?}", op.call));
        }
        points.push((op.node, op.called_at, *at, items.len()));
    }
    for (client, called_at, _, len) in &points {
        let before = points.iter().filter(|it| it.0 == *client && it.2 < *called_at).map(|it| it.3).max();
        if before.is_some_and(|before| *len < before) {
            return Err(format!(
                "client {client:?} saw {len} items at {called_at} ns, and {before:?} before"
            ));
        }
    }
    Ok(())
}

/// Whether a history of appends to one list, and reads of it, is linearizable: whatever was seen is a
/// beginning of the final list, every append is in it at most once, in its place if it was answered, and
/// nobody who asked later saw less.
pub fn judge(history: &History<Node>, list: &[Value]) -> Result<(), String> {
    let mut sorted = list.to_vec();
    sorted.sort();
    if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("{} was carried out twice", twice[0]));
    }
    // Of every answered operation: when asked, when answered, how long the list was just after it.
    let mut points: Vec<(Time, Time, usize, bool)> = Vec::new();
    for op in history.ops().iter() {
        let Some((at, Reply::Executed { answer: Answer::Value(seen) })) = &op.answer else { continue };
        let seen = match seen {
            Value::List(items) => items.to_vec(),
            _ => Vec::new(),
        };
        if !list.starts_with(&seen) {
            return Err(format!("{:?} saw {seen:?}, and the list is {list:?}", op.call));
        }
        let appends =
            matches!(&op.call, Call::Execute { op: Op::Append { value, .. } } if seen.last() == Some(value));
        points.push((op.called_at, *at, seen.len(), appends));
    }
    points.sort();
    let mut answered: Vec<(Time, usize)> = points.iter().map(|it| (it.1, it.2)).collect();
    answered.sort();
    let (mut before, mut longest) = (answered.iter().peekable(), 0);
    for (called_at, _, len, appends) in points {
        while let Some((_, seen)) = before.next_if(|(at, _)| *at < called_at) {
            longest = longest.max(*seen);
        }
        if len < longest + usize::from(appends) {
            return Err(format!(
                "asked at {called_at} ns it saw {len} items, though {longest} were seen before"
            ));
        }
    }
    Ok(())
}
