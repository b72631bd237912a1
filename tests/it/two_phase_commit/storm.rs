//! Everything that may go wrong, at random, and then the question whether anything did.
use super::*;
use crate::raft::{dice, each_seed};
use distlab::protocols::two_phase_commit::Mutant;
use distlab::sim::{DiskModel, History, Protocol, Rng, Value, Weather};

/// What a storm is like.
#[derive(Clone, Copy)]
pub struct Storm {
    pub participants: u32,
    pub rounds: u32,
    pub presumed_abort: bool,
    pub acks: bool,
    pub cooperative: bool,
    pub mutant: Option<Mutant>,
}

impl Default for Storm {
    fn default() -> Self {
        Self {
            participants: 3,
            rounds: 40,
            presumed_abort: false,
            acks: false,
            cooperative: false,
            mutant: None,
        }
    }
}

impl Storm {
    /// Lets it rage, then calm down. Afterwards nobody is in doubt, every client has its answers, and the data is
    /// that of the committed transactions; or the first thing that is not so.
    pub fn play(self, seed: u64) -> Result<Cluster, String> {
        let mut dice = dice(seed);
        let mut cluster = self.cluster(seed, &mut dice);
        for _ in 0..self.rounds {
            if dice.below(3) == 0 {
                calm_down(&mut cluster)?;
            } else {
                let fault = strike(&cluster, &mut dice);
                cluster.world.apply(&fault).map_err(|error| error.to_string())?;
            }
            for _ in 0..dice.below(3) {
                transfer(&mut cluster, &mut dice);
            }
            let pause = if dice.below(4) == 0 { dice.below(500) } else { dice.below(40) } * MS;
            let until = cluster.world.now() + pause;
            cluster.world.run_until(until).map_err(|error| error.to_string())?;
        }
        calm_down(&mut cluster)?;
        let until = cluster.world.now() + 10 * SECOND;
        cluster.world.run_until(until).map_err(|error| error.to_string())?;
        let ledgers: Vec<_> = cluster.world.nodes().iter().map(|it| it.disk()).collect();
        judge(&ledgers, cluster.world.history())?;
        Ok(cluster)
    }

    fn cluster(&self, seed: u64, dice: &mut Rng) -> Cluster {
        let sync = [Distribution::Constant(0), Distribution::Uniform { min: 0, max: 8 * MS }];
        let disk = DiskModel { sync: sync[dice.below(2) as usize].clone(), fsync: true };
        let Self { presumed_abort, acks, cooperative, mutant, .. } = *self;
        let no_per_million = if dice.below(3) == 0 { 100_000 } else { 0 };
        let config =
            Config { presumed_abort, acks, cooperative, mutant, no_per_million, ..Config::default() };
        let network =
            Network { latency: Distribution::Uniform { min: MS, max: 20 * MS }, ..Network::default() };
        let world = sim::Config { seed, disk, network, ..sim::Config::default() };
        Cluster::within(world, self.participants, config, |_| {})
    }
}

/// Every fault ends.
fn calm_down(cluster: &mut Cluster) -> Result<(), String> {
    cluster.apply(Fault::Heal);
    cluster.apply(Fault::Weather { from: None, to: None, weather: Weather::default() });
    for node in (0..cluster.world.nodes().len() as u32).map(NodeId) {
        cluster.world.apply(&Fault::Resume { node }).map_err(|error| error.to_string())?;
        cluster.world.apply(&Fault::Recover { node }).map_err(|error| error.to_string())?;
        cluster.apply(Fault::DiskSlow { node, factor: 1.0, extra: 0 });
    }
    Ok(())
}

/// Something goes wrong, or right again.
fn strike(cluster: &Cluster, dice: &mut Rng) -> Fault {
    let nodes: Vec<NodeId> = (0..cluster.world.nodes().len() as u32).map(NodeId).collect();
    let victim = if dice.below(3) == 0 { TC } else { nodes[dice.below(nodes.len() as u64) as usize] };
    let other = nodes[(victim.index() + 1 + dice.below(nodes.len() as u64 - 1) as usize) % nodes.len()];
    let up = cluster.world.node(victim).is_up();
    let per_cent = |it: u64| (it as f64 / 100.0).try_into().unwrap();
    match dice.below(14) {
        0..=2 if up => Fault::crash(victim),
        0..=4 if !up => Fault::Recover { node: victim },
        3 => Fault::Pause { node: victim },
        4 | 5 => Fault::Resume { node: victim },
        6 => Fault::Isolate { node: victim },
        7 => Fault::Cut { from: victim, to: other, oneway: dice.below(2) == 0 },
        8 => {
            let (one, two): (Vec<_>, Vec<_>) = nodes.iter().partition(|_| dice.below(2) == 0);
            if one.is_empty() || two.is_empty() {
                Fault::Heal
            } else {
                Fault::Partition { groups: vec![one, two] }
            }
        }
        9 | 10 => Fault::Heal,
        11 => {
            let delay = Some(Distribution::Uniform { min: 0, max: dice.below(200) * MS });
            let (loss, duplicate) = (per_cent(dice.below(30)), per_cent(dice.below(40)));
            Fault::Weather {
                from: None,
                to: None,
                weather: Weather { loss, duplicate, delay, ..Weather::default() },
            }
        }
        12 => Fault::Weather { from: None, to: None, weather: Weather::default() },
        _ => Fault::DiskSlow { node: victim, factor: 1.0, extra: dice.below(100) * MS },
    }
}

/// Moves one from some account to another participant's, and counts at both how often that was done.
fn transfer(cluster: &mut Cluster, dice: &mut Rng) {
    let n = cluster.participants.len() as u64;
    let from = dice.below(n);
    let to = (from + 1 + dice.below(n - 1)) % n;
    let stamp = cluster.world.history().ops().len() as i64;
    let account: std::sync::Arc<str> = format!("account {}", dice.below(8)).into();
    let part = |at: u64, by: i64| {
        let ops = [
            Op::Add { key: account.clone(), by, least: None },
            Op::Add { key: format!("done {stamp}").into(), by: 1, least: None },
        ];
        Part { node: cluster.participants[at as usize], ops: ops.into() }
    };
    let parts = [part(from, -1), part(to, 1)].into();
    cluster.world.call(cluster.client, Call::Transact { parts }).unwrap();
}

/// Nobody is in doubt; what was answered is so; each participant has done each committed transaction exactly once.
pub fn judge(
    ledgers: &[&Ledger],
    history: &History<impl Protocol<Call = Call, Reply = Reply>>,
) -> Result<(), String> {
    let number = |ledger: &Ledger, key: &str| match ledger.values.get(key) {
        Some(Value::Int(number)) => *number,
        _ => 0,
    };
    if let Some((txn, open)) = ledgers.iter().find_map(|it| it.open.first_key_value()) {
        return Err(format!("{txn:?} is still open: {open:?}"));
    }
    let accounts = (0..8).map(|i| format!("account {i}"));
    let sum: i64 = accounts.map(|key| ledgers.iter().map(|it| number(it, &key)).sum::<i64>()).sum();
    if sum != 0 {
        return Err(format!("the sum of all accounts is {sum}"));
    }
    for (stamp, op) in history.ops().iter().enumerate() {
        let Call::Transact { parts } = &op.call;
        let key = format!("done {stamp}");
        let times: Vec<i64> = parts.iter().map(|part| number(ledgers[part.node.index()], &key)).collect();
        let all = |count| times.iter().all(|it| *it == count);
        let fits = match op.reply() {
            Some(Reply::Committed { .. }) => all(1),
            Some(_) => all(0),
            None => all(0) || all(1),
        };
        if !fits {
            return Err(format!("{:?} was done {times:?} times", op.call));
        }
    }
    Ok(())
}

#[test]
fn it_is_atomic_in_every_storm() {
    each_seed(40, |seed| {
        for (presumed_abort, acks, cooperative) in
            [(false, false, false), (false, true, false), (true, false, true), (true, true, false)]
        {
            let storm = Storm { presumed_abort, acks, cooperative, ..Storm::default() };
            storm.play(seed).unwrap_or_else(|error| panic!("{error}"));
        }
    });
}

/// A storm in which nothing is ever committed, aborted or in doubt would show nothing.
#[test]
fn storms_reach_what_they_should() {
    let mut noted = std::collections::BTreeMap::<String, u64>::new();
    let (mut committed, mut aborted) = (0, 0);
    for seed in 0..20 {
        let cluster = Storm { presumed_abort: seed % 2 == 0, ..Storm::default() }.play(seed).unwrap();
        for (note, count) in &cluster.world.metrics().notes {
            *noted.entry(note.to_string()).or_default() += count;
        }
        for op in cluster.world.history().ops().iter() {
            match op.reply() {
                Some(Reply::Committed { .. }) => committed += 1,
                Some(_) => aborted += 1,
                None => {}
            }
        }
    }
    assert!(committed > 100 && aborted > 100, "{committed} committed, {aborted} aborted");
    for note in ["blocked", "vote timeout", "gave up", "voted no", "no record"] {
        assert!(noted.contains_key(note), "never: {note}; {noted:?}");
    }
}
