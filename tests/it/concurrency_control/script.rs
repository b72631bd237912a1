//! A small language for runs moved by hand; what every command shows is the expectation.
//!
//! A script is a list of blocks: a command, `----`, and what it showed, up to an empty line. `UPDATE=1`
//! writes down what is shown now. Lines that begin with `#` are comments. Nodes are `n0, n1, …`, `tc`, `c0, c1, …`;
//! `x` lies on `n0`, `y` on `n1`.
//!
//! | command | |
//! |---|---|
//! | `cluster control=detect` | begins anew: `none`, `timestamp`, `detect`, `wound_wait`, `wait_die`, or `occ` with `policy=all` |
//! | `run c0 get:x put:x=1 add:y=5` | asks a client for a transaction |
//! | `deliver from=n0 to=c0 kind=answer max=1` | delivers what is on its way now |
//! | `drop …` | loses it |
//! | `stabilize` | delivers until nothing is left |
//! | `fire tc batch` | lets a timer go off |
//! | `crash n0`, `recover n0` | |
//! | `show`, `ops` | what the servers hold, and how transactions ended |
use std::collections::BTreeMap;
use std::fmt::Write as _;

use distlab::machines::serial::Policy;
use distlab::protocols::concurrency_control::{
    Call, Control, Deadlock, Msg, Need, Node, Op, Reply, Timer, TxnId,
};
use distlab::sim::{self, Fault, NodeId, OpId, PendingKind, RowKind, Value};

use super::{Cluster, DETECT, MS, graph, locking};

#[test]
fn golden_scripts_show_what_they_showed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/concurrency_control");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    let mut differing = Vec::new();
    for file in files {
        let expected = std::fs::read_to_string(&file).unwrap();
        let shown = rerun(&expected);
        if shown == expected {
            continue;
        }
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&file, shown).unwrap();
        } else {
            let line = expected.lines().zip(shown.lines()).position(|(a, b)| a != b).unwrap_or(0);
            let at = |text: &str| text.lines().nth(line).unwrap_or("(end)").to_owned();
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            differing.push(format!("{name}:{}\n  - {}\n  + {}", line + 1, at(&expected), at(&shown)));
        }
    }
    assert!(differing.is_empty(), "{}\nUPDATE=1 rewrites them", differing.join("\n"));
}

/// The script with what its commands show now.
fn rerun(script: &str) -> String {
    let mut stage = Stage::default();
    let mut shown = String::new();
    let mut lines = script.lines().peekable();
    while let Some(line) = lines.next() {
        writeln!(shown, "{line}").unwrap();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if lines.next_if_eq(&"----").is_some() {
            while lines.next_if(|line| !line.is_empty()).is_some() {}
        }
        stage.carry_out(line);
        let output = std::mem::take(&mut stage.output);
        let output = if output.is_empty() { "ok" } else { output.trim_end() };
        writeln!(shown, "----\n{output}").unwrap();
        if lines.peek().is_none_or(|line| !line.is_empty()) {
            writeln!(shown).unwrap();
        }
    }
    format!("{}\n", shown.trim_end())
}

/// What a script has set up so far.
#[derive(Default)]
struct Stage {
    cluster: Option<Cluster>,
    ops: Vec<(String, OpId)>,
    output: String,
}

impl Stage {
    fn cluster(&mut self) -> &mut Cluster {
        self.cluster.as_mut().expect("a script begins with `cluster`")
    }

    fn carry_out(&mut self, line: &str) {
        let (named, plain): (Vec<_>, Vec<_>) =
            line.split_whitespace().partition(|word| word.contains('=') && !word.contains(':'));
        let named: BTreeMap<_, _> = named.into_iter().map(|word| word.split_once('=').unwrap()).collect();
        match plain[0] {
            "cluster" => self.begin(&named),
            "run" => self.ask(plain[1], &plain[2..]),
            "deliver" => self.each_message(&named, |stage, id| stage.cluster().world.deliver(id).unwrap()),
            "drop" => self.each_message(&named, |stage, id| stage.cluster().world.discard(id).unwrap()),
            "stabilize" => {
                for _ in 0..1_000 {
                    if self.messages(&BTreeMap::from([("max", "1")])).is_empty() {
                        return;
                    }
                    self.each_message(&BTreeMap::from([("max", "1")]), |stage, id| {
                        stage.cluster().world.deliver(id).unwrap();
                    });
                }
                panic!("it does not come to rest");
            }
            "fire" => {
                let node = self.node(plain[1]);
                let timer = match plain[2] {
                    "batch" => Timer::Batch,
                    "resend" => Timer::Resend,
                    "sweep" => Timer::Sweep,
                    "backoff" => Timer::Backoff(0),
                    "retry" => Timer::Retry(0),
                    other => panic!("no timer `{other}`"),
                };
                self.cluster().world.fire(node, &timer).unwrap();
            }
            "crash" => {
                let node = self.node(plain[1]);
                self.cluster().apply(Fault::crash(node));
            }
            "recover" => {
                let node = self.node(plain[1]);
                self.cluster().apply(Fault::Recover { node });
            }
            "show" => self.show(),
            "ops" => self.show_ops(),
            other => panic!("no command `{other}`"),
        }
        self.show_notes();
    }

    fn begin(&mut self, named: &BTreeMap<&str, &str>) {
        let policy = match named.get("policy") {
            Some(&"all") => Policy::All,
            Some(&"minimum") => Policy::Minimum,
            _ => Policy::Validator,
        };
        let batch = if named.contains_key("policy") { MS } else { 0 };
        let control = match named["control"] {
            "none" => Control::Nothing,
            "occ" => graph(policy, batch),
            "timestamp" => Control::Timestamp,
            "detect" => locking(DETECT),
            "wound_wait" => locking(Deadlock::WoundWait),
            "wait_die" => locking(Deadlock::WaitDie),
            other => panic!("no control `{other}`"),
        };
        let world = sim::Config { manual: true, ..sim::Config::default() };
        let mut cluster = Cluster::with(2, 3, control, world, |config| {
            config.placement = [("x".into(), NodeId(0)), ("y".into(), NodeId(1))].into();
        });
        cluster.world.start_nodes().unwrap();
        (self.cluster, self.ops) = (Some(cluster), vec![]);
        self.cluster().world.clear_trace();
    }

    fn node(&mut self, name: &str) -> NodeId {
        let nodes = self.cluster().world.nodes();
        let at = nodes.iter().position(|it| it.name() == name);
        NodeId(at.unwrap_or_else(|| panic!("no node `{name}`")) as u32)
    }

    fn ask(&mut self, client: &str, words: &[&str]) {
        let client = self.node(client);
        let ops = words.iter().map(|word| operation(word)).collect();
        let world = &mut self.cluster().world;
        let op = world.call(client, Call::Run { ops }).unwrap();
        let is_call = |kind: &PendingKind<'_, Node>| matches!(kind, PendingKind::Call(_));
        let id = world.pending().iter().find(|it| is_call(&it.kind)).map(|it| it.id).unwrap();
        world.deliver(id).unwrap();
        self.ops.push((words.join(" "), op));
    }

    /// What is on its way now and matches, with its description.
    fn messages(&mut self, named: &BTreeMap<&str, &str>) -> Vec<(u64, String)> {
        let [from, to] = ["from", "to"].map(|end| named.get(end).map(|name| self.node(name)));
        let cluster = self.cluster();
        let pending = cluster.world.pending();
        let matching = pending.iter().filter_map(|it| {
            let PendingKind::Message(sender, msg) = it.kind else { return None };
            let receiver = it.node.unwrap();
            let fits = from.is_none_or(|it| it == sender)
                && to.is_none_or(|it| it == receiver)
                && named.get("kind").is_none_or(|kind| *kind == sim::label(msg));
            let ends = [sender, receiver].map(|id| cluster.world.node(id).name());
            fits.then(|| (it.id, format!("{} -> {} {}", ends[0], ends[1], describe(cluster, msg))))
        });
        matching.take(named.get("max").map_or(usize::MAX, |it| it.parse().unwrap())).collect()
    }

    fn each_message(&mut self, named: &BTreeMap<&str, &str>, mut what: impl FnMut(&mut Self, u64)) {
        for (id, described) in self.messages(named) {
            writeln!(self.output, "{described}").unwrap();
            what(self, id);
            self.show_notes();
        }
    }

    fn show_notes(&mut self) {
        let mut lines = String::new();
        let world = &mut self.cluster().world;
        let labels = world.trace().labels();
        for row in world.trace().rows().filter(|row| row.kind == RowKind::Note) {
            let name = world.node(row.node).name();
            writeln!(lines, "  {name}: {} {}", labels[row.label as usize], row.id).unwrap();
        }
        world.clear_trace();
        self.output += &lines;
    }

    fn show(&mut self) {
        let mut lines = String::new();
        let cluster = self.cluster();
        for id in &cluster.servers {
            let disk = cluster.disk(*id);
            let items = disk.items.iter().map(|(key, it)| format!("{key}={} v{}", it.value, it.version));
            let prepared = disk.prepared.keys().map(|txn| format!("prepared {}", name(cluster, *txn)));
            let waits = cluster.server(*id).map_or(vec![], |it| it.table.waits()).into_iter();
            let waits = waits.map(|(a, b)| format!("{} waits for {}", name(cluster, a), name(cluster, b)));
            let all: Vec<String> = items.chain(prepared).chain(waits).collect();
            let line = format!("n{}: {}", id.0, all.join(", "));
            writeln!(lines, "{}", line.trim_end()).unwrap();
        }
        self.output += &lines;
    }

    fn show_ops(&mut self) {
        for (what, op) in &self.ops {
            let cluster = self.cluster.as_ref().unwrap();
            let how = match cluster.reply(*op) {
                None => "pending".into(),
                Some(Reply::Committed { accesses, attempts }) => {
                    format!("committed {accesses} after {attempts}")
                }
                Some(Reply::Aborted { reason, attempts, .. }) => {
                    format!("aborted: {reason:?} after {attempts}")
                }
                Some(reply) => format!("{reply:?}"),
            };
            writeln!(self.output, "{what}: {how}").unwrap();
        }
    }
}

/// `get:x`, `put:x=1`, `add:x=1`, `take:x=1`, `append:x=1`.
fn operation(word: &str) -> Op {
    let (kind, rest) = word.split_once(':').expect("kind:key or kind:key=value");
    let (key, value) = rest.split_once('=').unwrap_or((rest, "0"));
    let (key, by) = (key.into(), value.parse().unwrap());
    match kind {
        "get" => Op::Get { key },
        "put" => Op::Put { key, value: Value::Int(by) },
        "add" => Op::Add { key, by },
        "take" => Op::Take { key, by },
        "append" => Op::Append { key, value: Value::Int(by) },
        other => panic!("no operation `{other}`"),
    }
}

/// A transaction as its client and age: `c0.1`.
fn name(cluster: &Cluster, txn: TxnId) -> String {
    let attempt = if txn.attempt > 1 { format!("#{}", txn.attempt) } else { String::new() };
    format!("{}.{}{attempt}", cluster.world.node(txn.client).name(), txn.age)
}

fn describe(cluster: &Cluster, msg: &Msg) -> String {
    let of = |txn: &TxnId| name(cluster, *txn);
    let end = |end: &Result<(), _>| end.map_or_else(|why| format!("no: {why:?}"), |()| "yes".to_owned());
    match msg {
        Msg::Access { txn, key, need: Need::Write(value), .. } => format!("Write {} {key}={value}", of(txn)),
        Msg::Access { txn, key, need, .. } => format!("{need:?} {} {key}", of(txn)),
        Msg::Answer { txn, item, .. } => format!("Answer {} {} v{}", of(txn), item.value, item.version),
        Msg::Refused { txn, reason } => format!("Refused {} {reason:?}", of(txn)),
        Msg::Doomed { txn } => format!("Doomed {}", of(txn)),
        Msg::Release { txn } => format!("Release {}", of(txn)),
        Msg::Probe { txn } => format!("Probe {}", of(txn)),
        Msg::Alive { txn } => format!("Alive {}", of(txn)),
        Msg::Commit { txn, .. } => format!("Commit {}", of(txn)),
        Msg::Outcome { txn, end: it } => format!("Outcome {} {}", of(txn), end(it)),
        Msg::Prepare { serial, txn, .. } => format!("Prepare {} in {}", of(txn), *serial as u32),
        Msg::Vote { serial, vote } => format!("Vote in {} {}", *serial as u32, end(vote)),
        Msg::Decide { serial, txn, commit } => {
            format!("Decide {} in {} {}", of(txn), *serial as u32, if *commit { "commit" } else { "abort" })
        }
        Msg::Install { serial, items } => {
            let items = items.iter().map(|(key, it)| format!("{key}={} v{}", it.value, it.version));
            format!("Install in {} {}", *serial as u32, items.collect::<Vec<_>>().join(", "))
        }
        Msg::Done { serial } => format!("Done {}", *serial as u32),
        Msg::Inquire { serial, txn } => format!("Inquire {} in {}", of(txn), *serial as u32),
        Msg::Waits { report } => {
            let pairs: Vec<_> =
                report.pairs.iter().map(|(a, b)| format!("{} for {}", of(a), of(b))).collect();
            format!("Waits: {}", if pairs.is_empty() { "nobody".into() } else { pairs.join(", ") })
        }
    }
}
