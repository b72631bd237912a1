//! A small language for runs moved by hand; what every command shows is the expectation.
//!
//! A script is a list of blocks: a command, `----`, and what it showed, up to an empty line. `UPDATE=1`
//! writes down what is shown now. Lines that begin with `#` are comments.
//!
//! | command | |
//! |---|---|
//! | `cluster n=3 noop=false …` | begins anew; options are those of the configuration, and `sync`, `fsync` |
//! | `set n0 log=1,1,2 term=2 vote=n1 commit=1` | gives a server a past |
//! | `set n0 snapshot=5:3 log=3,4` | a past of which the first five entries are a snapshot |
//! | `campaign n0`, `heartbeat n0` | lets a timer go off |
//! | `change n0 voters=n1,n2 learners=n3 way=joint`, `leave n0` | asks for another configuration |
//! | `expire n0 silence` | lets another timer go off |
//! | `transfer n0 n1`, `forget n1` | asks a leader to hand over, a follower to forget it |
//! | `snapshot n0`, `compact n0 3` | asks a server to take a snapshot, to forget entries |
//! | `propose n0 x=5`, `read n0 x mode=read_index` | asks a server |
//! | `deliver from=n0 to=n1 kind=append_entries max=1` | delivers what is on its way now |
//! | `drop …`, `duplicate …` | loses or doubles it |
//! | `stabilize lost=n1,n2` | delivers until nothing is left, except to and from some |
//! | `sync n0` | completes a sync of the disk |
//! | `crash n0 torn=true`, `crash n0 process=true`, `recover n0` | |
//! | `status`, `log n0`, `progress n0`, `pending`, `members`, `ops` | shows |
//! | `watch A B`, `unwatch` | which invariants to look at |
use std::collections::BTreeMap;
use std::fmt::Write as _;

use distlab::machines::membership::Membership;
use distlab::machines::store::Op;
use distlab::protocols::raft::{
    Call, Command, Config, Disk, Entry, Msg, Node, Progress, ReadMode, Reply, Role, Server, Snapshot, Timer,
    Way,
};
use distlab::sim::{
    self, DiskModel, Distribution, Error, Fault, Invariants, NodeId, OpId, PendingKind, RowKind, Value, World,
};

#[test]
fn golden_scripts_show_what_they_showed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/raft");
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
            let line = expected.lines().zip(shown.lines()).position(|(a, b)| a != b);
            let line = line.unwrap_or(expected.lines().count().min(shown.lines().count()));
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
        let output = stage.run(line);
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
    world: Option<World<Node>>,
    ops: Vec<(String, OpId)>,
    output: String,
}

/// A command's words: those with `=` by name, the others in order.
struct Words<'a> {
    plain: Vec<&'a str>,
    named: BTreeMap<&'a str, &'a str>,
}

impl<'a> Words<'a> {
    fn of(line: &'a str) -> Self {
        let (named, plain): (Vec<_>, Vec<_>) = line.split_whitespace().partition(|word| word.contains('='));
        Self { plain, named: named.into_iter().map(|word| word.split_once('=').unwrap()).collect() }
    }
    fn node(&self, at: usize) -> NodeId {
        node(self.plain[at])
    }
    fn number(&self, name: &str) -> Option<u64> {
        self.named.get(name).map(|it| it.parse().unwrap_or_else(|_| panic!("{name}: a number, not {it}")))
    }
    fn nodes(&self, name: &str) -> Vec<NodeId> {
        self.named.get(name).map_or(Vec::new(), |it| it.split(',').map(node).collect())
    }
}

fn node(name: &str) -> NodeId {
    let number = name.strip_prefix('n').and_then(|it| it.parse().ok());
    NodeId(number.unwrap_or_else(|| panic!("a node like n0, not {name}")))
}

impl Stage {
    fn run(&mut self, line: &str) -> String {
        let words = Words::of(line);
        if let Err(error) = self.carry_out(&words) {
            match error {
                Error::Invariant(it) => writeln!(self.output, "violation: {}: {}", it.invariant, it.detail),
                error => writeln!(self.output, "error: {error}"),
            }
            .unwrap();
        }
        self.show_notes();
        let output = std::mem::take(&mut self.output);
        if output.is_empty() { "ok".into() } else { output.trim_end().into() }
    }

    fn carry_out(&mut self, words: &Words<'_>) -> Result<(), Error> {
        match words.plain[0] {
            "cluster" => self.cluster(words),
            "set" => self.set(words),
            "campaign" => self.world().fire(words.node(1), &Timer::Election),
            "heartbeat" => self.world().fire(words.node(1), &Timer::Heartbeat),
            "propose" => self.propose(words),
            "transfer" => {
                let to = words.node(2);
                self.ask(words.node(1), format!("transfer to n{}", to.0), Call::Transfer { to })
            }
            "snapshot" => self.ask(words.node(1), "snapshot".into(), Call::Snapshot),
            "compact" => {
                let index = words.plain[2].parse().unwrap();
                self.ask(words.node(1), format!("compact up to {index}"), Call::Compact { index })
            }
            "forget" => self.ask(words.node(1), "forget".into(), Call::ForgetLeader),
            "expire" => self.expire(words),
            "change" => {
                let way = words
                    .named
                    .get("way")
                    .map_or(Way::Auto, |it| serde_json::from_value((*it).into()).unwrap());
                let (voters, learners) = (words.nodes("voters"), words.nodes("learners"));
                self.ask(words.node(1), "change".into(), Call::ChangeMembership { voters, learners, way })
            }
            "leave" => self.ask(words.node(1), "leave".into(), Call::LeaveJoint),
            "read" => self.read(words),
            "deliver" => self.each_message(words, Self::deliver),
            "drop" => self.each_message(words, |stage, id, what| {
                writeln!(stage.output, "lost: {what}").unwrap();
                stage.world().discard(id)
            }),
            "duplicate" => self.each_message(words, |stage, id, what| {
                writeln!(stage.output, "doubled: {what}").unwrap();
                stage.world().duplicate(id).map(drop)
            }),
            "stabilize" => self.stabilize(words),
            "sync" => self.world().complete_write(words.node(1)),
            "crash" => self.world().apply(&Fault::Crash {
                node: words.node(1),
                lose_unsynced: !words.named.contains_key("process"),
                torn: words.named.contains_key("torn"),
                corrupt: false,
            }),
            "recover" => {
                self.world().apply(&Fault::Recover { node: words.node(1) })?;
                self.show_notes();
                Ok(())
            }
            "watch" => {
                let names = words.plain[1..].iter().map(|it| it.to_string()).collect();
                self.world().watch(Invariants::Named(names))
            }
            "unwatch" => {
                self.world().unwatch();
                Ok(())
            }
            _ => {
                self.show(words);
                Ok(())
            }
        }
    }

    fn show(&mut self, words: &Words<'_>) {
        match words.plain[0] {
            "status" => (0..self.count()).for_each(|id| self.show_status(NodeId(id))),
            "log" => self.show_log(words.node(1)),
            "progress" => self.show_progress(words.node(1)),
            "pending" => {
                let messages = self.messages(words);
                messages.iter().for_each(|(_, what)| writeln!(self.output, "{what}").unwrap());
            }
            "members" => (0..self.count()).for_each(|id| self.show_members(NodeId(id))),
            "ops" => self.show_ops(),
            other => panic!("no command `{other}`"),
        }
    }

    fn world(&mut self) -> &mut World<Node> {
        self.world.as_mut().expect("a script begins with `cluster`")
    }
    fn seen(&self) -> &World<Node> {
        self.world.as_ref().expect("a script begins with `cluster`")
    }
    fn count(&self) -> u32 {
        self.seen().nodes().len() as u32
    }

    fn cluster(&mut self, words: &Words<'_>) -> Result<(), Error> {
        let sync = Distribution::Constant(words.number("sync").unwrap_or(0));
        let fsync = words.named.get("fsync") != Some(&"false");
        let disk = DiskModel { sync, fsync };
        let mut world = World::new(sim::Config { manual: true, disk, ..sim::Config::default() });
        let servers: Vec<NodeId> = (0..words.number("n").unwrap_or(3) as u32).map(NodeId).collect();
        let mut config = serde_json::to_value(Config::new(servers.clone())).unwrap();
        for (name, value) in words.named.iter().filter(|(name, _)| !["n", "sync", "fsync"].contains(name)) {
            assert!(config.get(name).is_some(), "no option `{name}`");
            config[*name] = serde_json::from_str(value).unwrap_or_else(|_| (*value).into());
        }
        let config: Config = serde_json::from_value(config).unwrap();
        for id in &servers {
            world.spawn(&format!("n{}", id.0), Node::Server(Server::new(config.clone())))?;
        }
        world.settle(1_000)?;
        world.clear_trace();
        world.watch(Invariants::All)?;
        (self.world, self.ops) = (Some(world), Vec::new());
        Ok(())
    }

    fn set(&mut self, words: &Words<'_>) -> Result<(), Error> {
        let change = |node: &mut Node, disk: &mut Disk| {
            let Node::Server(server) = node else { return };
            if let Some((index, term)) = words.named.get("snapshot").and_then(|it| it.split_once(':')) {
                let (last_included_index, last_included_term) =
                    (index.parse().unwrap(), term.parse().unwrap());
                let (replica, members) = (server.replica.clone(), None);
                let it = Snapshot { last_included_index, last_included_term, members, replica };
                disk.snapshot = Some(it.into());
                disk.log.begin(last_included_index + 1, last_included_term, &[]);
                server.commit = last_included_index;
            }
            if let Some(terms) = words.named.get("log") {
                let entry = |term: &str| Entry { term: term.parse().unwrap(), command: Command::Noop.into() };
                let entries: Vec<Entry> = terms.split(',').filter(|it| !it.is_empty()).map(entry).collect();
                disk.log.splice(disk.log.first_index(), &entries);
            }
            disk.term = words.number("term").unwrap_or(disk.term);
            disk.voted_for = words.nodes("vote").first().copied().or(disk.voted_for);
            server.commit = words.number("commit").unwrap_or(server.commit);
            server.applied = server.commit;
        };
        self.world().edit(words.node(1), change)
    }

    fn propose(&mut self, words: &Words<'_>) -> Result<(), Error> {
        let (key, value) = words.named.iter().next().expect("propose n0 x=5");
        let value: Value = serde_json::from_str(value).unwrap();
        let op = Op::Put { key: (*key).into(), value };
        self.ask(words.node(1), format!("{key}={}", words.named[key]), Call::Propose { op })
    }

    /// Another of a server's timers goes off.
    fn expire(&mut self, words: &Words<'_>) -> Result<(), Error> {
        let timer: Timer = serde_json::from_value(words.plain[2].into()).unwrap();
        self.world().fire(words.node(1), &timer)
    }

    fn read(&mut self, words: &Words<'_>) -> Result<(), Error> {
        let mode: ReadMode = serde_json::from_value(words.named["mode"].into()).unwrap();
        let op = Op::Get { key: words.plain[2].into() };
        self.ask(words.node(1), format!("read {}", words.plain[2]), Call::Read { op, mode })
    }

    fn ask(&mut self, server: NodeId, what: String, call: Call) -> Result<(), Error> {
        let world = self.world();
        let op = world.call(server, call)?;
        let is_call = |kind: &PendingKind<'_, Node>| matches!(kind, PendingKind::Call(_));
        let id = world.pending().iter().find(|it| is_call(&it.kind)).map(|it| it.id).unwrap();
        let asked = world.deliver(id);
        self.ops.push((what, op));
        asked
    }

    /// What is on its way now and matches, with its description.
    fn messages(&self, words: &Words<'_>) -> Vec<(u64, String)> {
        let (from, to) = (words.nodes("from"), words.nodes("to"));
        let fits = |list: &[NodeId], id: NodeId| list.is_empty() || list.contains(&id);
        let pending = self.seen().pending();
        let matching = pending.iter().filter_map(|it| match it.kind {
            PendingKind::Message(sender, msg) => {
                let receiver = it.node.unwrap();
                let kind = words.named.get("kind").is_none_or(|kind| *kind == sim::label(msg));
                (kind && fits(&from, sender) && fits(&to, receiver))
                    .then(|| (it.id, describe(sender, receiver, msg)))
            }
            _ => None,
        });
        matching.take(words.number("max").map_or(usize::MAX, |it| it as usize)).collect()
    }

    fn each_message(
        &mut self,
        words: &Words<'_>,
        mut what: impl FnMut(&mut Self, u64, &str) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.messages(words).into_iter().try_for_each(|(id, described)| what(self, id, &described))
    }

    fn deliver(&mut self, id: u64, what: &str) -> Result<(), Error> {
        writeln!(self.output, "{what}").unwrap();
        let delivered = self.world().deliver(id);
        self.show_notes();
        delivered
    }

    fn stabilize(&mut self, words: &Words<'_>) -> Result<(), Error> {
        let lost = words.nodes("lost");
        for _ in 0..1_000 {
            let pending = self.seen().pending();
            let next = pending.iter().find_map(|it| match it.kind {
                PendingKind::Message(from, msg) => Some((it.id, from, it.node.unwrap(), msg)),
                _ => None,
            });
            let Some((id, from, to, msg)) = next else { return Ok(()) };
            let what = describe(from, to, msg);
            if lost.contains(&from) || lost.contains(&to) {
                self.world().discard(id)?;
            } else {
                self.deliver(id, &what)?;
            }
        }
        panic!("it does not come to rest");
    }

    fn show_notes(&mut self) {
        let Some(world) = &mut self.world else { return };
        let labels = world.trace().labels();
        for row in world.trace().rows().filter(|row| row.kind == RowKind::Note) {
            writeln!(self.output, "  n{}: {} {}", row.node.0, labels[row.label as usize], row.id).unwrap();
        }
        world.clear_trace();
    }

    fn show_status(&mut self, id: NodeId) {
        let node = self.seen().node(id);
        let disk = node.disk();
        let vote = disk.voted_for.map_or("-".into(), |it| format!("n{}", it.0));
        let (role, commit) = match node.state() {
            Some(Node::Server(server)) => (role(&server.role), server.commit.to_string()),
            _ => ("down", "-".into()),
        };
        let terms: Vec<String> = disk.log.iter_from(1).map(|entry| entry.term.to_string()).collect();
        let first = disk.log.first_index();
        let gone = disk
            .log
            .term_at(first - 1)
            .filter(|_| first > 1)
            .map(|term| format!("..{}:T{term} | ", first - 1));
        let log = gone.unwrap_or_default() + &terms.join(" ");
        let line = format!("n{} {role:9} T:{} V:{vote} C:{commit} log: {log}", id.0, disk.term);
        writeln!(self.output, "{}", line.trim_end()).unwrap();
    }

    fn show_members(&mut self, id: NodeId) {
        let shown = match self.seen().node(id).state() {
            Some(Node::Server(server)) => membership(&server.membership()),
            _ => "down".into(),
        };
        writeln!(self.output, "n{} {shown}", id.0).unwrap();
    }

    fn show_log(&mut self, id: NodeId) {
        let log = &self.seen().node(id).disk().log;
        let lines: Vec<_> = (log.first_index()..)
            .zip(log.iter_from(1))
            .map(|(index, entry)| show_entry(index, entry))
            .collect();
        lines.iter().for_each(|line| writeln!(self.output, "{line}").unwrap());
    }

    fn show_progress(&mut self, id: NodeId) {
        let Some(Node::Server(Server { role: Role::Leader(leader), .. })) = self.seen().node(id).state()
        else {
            return writeln!(self.output, "no leader").unwrap();
        };
        let lines = leader.peers.iter().map(|peer| {
            let state = match &peer.progress {
                Progress::Probe { paused } => format!("probe{}", if *paused { " paused" } else { "" }),
                Progress::Replicate { inflight } => format!("replicate inflight={}", inflight.len()),
                Progress::Snapshot(it) => {
                    format!("snapshot {} has {} of {}", it.last_included_index, it.offset, it.data.len())
                }
            };
            format!("n{} match={} next={} {state}\n", peer.id.0, peer.match_index, peer.next_index)
        });
        self.output += &lines.collect::<String>();
    }

    fn show_ops(&mut self) {
        for (what, op) in &self.ops {
            let world = self.world.as_ref().unwrap();
            let answer = match world.op(*op).unwrap().reply() {
                None => "pending".into(),
                Some(Reply::Done { index, term, answer }) => format!("done {index}:T{term} {answer:?}"),
                Some(reply) => format!("{reply:?}"),
            };
            writeln!(self.output, "{what}: {answer}").unwrap();
        }
    }
}

fn role(role: &Role) -> &'static str {
    match role {
        Role::Follower => "follower",
        Role::Candidate => "candidate",
        Role::Leader(_) => "leader",
        Role::PreCandidate => "pre_candidate",
    }
}

fn membership(it: &Membership<NodeId>) -> String {
    let ids = |list: &[NodeId]| list.iter().map(|id| id.0).collect();
    let (voters, outgoing) = (ids(&it.voters), ids(&it.outgoing));
    let (learners, learners_next) = (ids(&it.learners), ids(&it.learners_next));
    Membership::<u32> { voters, outgoing, learners, learners_next, auto_leave: it.auto_leave }.to_string()
}

fn show_entry(index: u64, entry: &Entry) -> String {
    let command = match &*entry.command {
        Command::Noop => "noop".into(),
        Command::Configure { membership: it } => membership(it),
        Command::Register { session } => format!("register {}", session.seq),
        Command::Apply { op: Op::Put { key, value }, .. } => format!("{key}={value}"),
        Command::Apply { op, .. } => format!("{op:?}"),
    };
    format!("{index}:T{} {command}", entry.term)
}

fn describe(from: NodeId, to: NodeId, msg: &Msg) -> String {
    let what = match msg {
        Msg::RequestVote { term, last_log_index, last_log_term } => {
            format!("RequestVote T{term} last {last_log_index}:T{last_log_term}")
        }
        Msg::RequestVoteReply { term, vote_granted } => {
            format!("RequestVoteReply T{term} {}", if *vote_granted { "granted" } else { "refused" })
        }
        Msg::AppendEntries { term, prev_log_index, prev_log_term, entries, leader_commit, .. } => {
            let entries: Vec<_> = (prev_log_index + 1..)
                .zip(entries.iter())
                .map(|(index, entry)| show_entry(index, entry))
                .collect();
            let prev = format!("prev {prev_log_index}:T{prev_log_term}");
            format!("AppendEntries T{term} {prev} commit {leader_commit} [{}]", entries.join(", "))
        }
        Msg::AppendEntriesReply { term, success: true, index, .. } => {
            format!("AppendEntriesReply T{term} has {index}")
        }
        Msg::AppendEntriesReply { term, index, hint_index, hint_term, .. } => {
            format!("AppendEntriesReply T{term} refused {index}, hint {hint_index}:T{hint_term}")
        }
        Msg::PreVote { term, last_log_index, last_log_term } => {
            format!("PreVote T{term} last {last_log_index}:T{last_log_term}")
        }
        Msg::PreVoteReply { term, asked, granted } => {
            let answer = if *granted { "granted" } else { "refused" };
            format!("PreVoteReply T{term} asked T{asked} {answer}")
        }
        Msg::TimeoutNow { term } => format!("TimeoutNow T{term}"),
        Msg::InstallSnapshot { term, last_included_index, chunk, .. } => {
            let last = format!("last {last_included_index}:T{}", chunk.last_included_term);
            let done = if chunk.done { " done" } else { "" };
            format!("InstallSnapshot T{term} {last} offset {} {:?}{done}", chunk.offset, chunk.data)
        }
        Msg::InstallSnapshotReply { term, last_included_index, offset, .. } => match offset {
            &u64::MAX => format!("InstallSnapshotReply T{term} has {last_included_index}"),
            offset => format!("InstallSnapshotReply T{term} wants {last_included_index} from {offset}"),
        },
        Msg::RequestVoteNow { term, last_log_index, last_log_term } => {
            format!("RequestVoteNow T{term} last {last_log_index}:T{last_log_term}")
        }
        other => format!("{other:?}"),
    };
    format!("n{} -> n{} {what}", from.0, to.0)
}
