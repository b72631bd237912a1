//! A small language for transactions moved by hand, of two-phase and of three-phase commit.
//!
//! | command | |
//! |---|---|
//! | `two n=3 acks=true …`, `three n=3 …` | begins anew; options are those of the configuration, and `sync` |
//! | `transact x=1 refuse=db2` | a client writes `x` at every participant; some cannot commit |
//! | `deliver from=tc to=db0 kind=prepare max=1` | delivers what is on its way now |
//! | `drop …`, `duplicate …` | loses or doubles it |
//! | `stabilize lost=db1,db2` | delivers until nothing is left, except to and from some |
//! | `fire tc votes` | a timer of the latest transaction goes off |
//! | `sync db0` | completes a sync of the disk |
//! | `crash tc`, `recover tc` | |
//! | `status`, `pending` | what everybody knows of the latest transaction, and whether the client was told |
use std::fmt::Write as _;

use distlab::machines::commitment::{Decision, Ledger, Op, Open, Part, Txn};
use distlab::protocols::two_phase_commit::{ClientConfig, Msg as Msg2};
use distlab::protocols::{
    AnyCall, AnyDisk, AnyMsg, AnyNode, AnyReply, three_phase_commit as three, two_phase_commit as two,
};
use distlab::sim::{
    self, DiskModel, Distribution, Error, Fault, Invariants, NodeId, OpId, PendingKind, RowKind, World,
};

use crate::golden::{self, Words};

#[test]
fn two_phase_scripts_show_what_they_showed() {
    golden::check("two_phase_commit", Stage::default, Stage::run);
}

#[test]
fn three_phase_scripts_show_what_they_showed() {
    golden::check("three_phase_commit", Stage::default, Stage::run);
}

/// What a script has set up so far.
#[derive(Default)]
struct Stage {
    world: Option<World<AnyNode>>,
    three: bool,
    op: Option<OpId>,
    count: u32,
    output: String,
}

impl Stage {
    fn run(&mut self, words: &Words<'_>) -> String {
        if let Err(error) = self.carry_out(words) {
            match error {
                Error::Invariant(it) => writeln!(self.output, "violation: {}: {}", it.invariant, it.detail),
                error => writeln!(self.output, "error: {error}"),
            }
            .unwrap();
        }
        self.show_notes();
        std::mem::take(&mut self.output)
    }

    fn carry_out(&mut self, words: &Words<'_>) -> Result<(), Error> {
        match words.plain[0] {
            "two" | "three" => self.cluster(words),
            "transact" => self.transact(words),
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
            "fire" => self.fire(words),
            "sync" => {
                let node = self.node(words.plain[1]);
                self.world().complete_write(node)
            }
            "crash" => {
                let node = self.node(words.plain[1]);
                self.world().apply(&Fault::crash(node))
            }
            "recover" => {
                let node = self.node(words.plain[1]);
                self.world().apply(&Fault::Recover { node })
            }
            "status" => {
                self.show_status();
                Ok(())
            }
            "pending" => self.each_message(words, |stage, _, what| {
                writeln!(stage.output, "{what}").unwrap();
                Ok(())
            }),
            other => panic!("no command `{other}`"),
        }
    }

    fn world(&mut self) -> &mut World<AnyNode> {
        self.world.as_mut().expect("a script begins with `two` or `three`")
    }
    fn seen(&self) -> &World<AnyNode> {
        self.world.as_ref().expect("a script begins with `two` or `three`")
    }
    fn node(&self, name: &str) -> NodeId {
        self.seen().find(name).unwrap_or_else(|| panic!("no node `{name}`"))
    }
    fn name(&self, id: NodeId) -> &str {
        self.seen().node(id).name()
    }
    fn participants(&self) -> Vec<NodeId> {
        (1..self.seen().nodes().len() as u32 - 1).map(NodeId).collect()
    }
    fn client(&self) -> NodeId {
        NodeId(self.seen().nodes().len() as u32 - 1)
    }
    fn txn(&self) -> Txn {
        Txn::new(self.client(), 1, self.count)
    }

    fn cluster(&mut self, words: &Words<'_>) -> Result<(), Error> {
        let sync = Distribution::Constant(words.number("sync").unwrap_or(0));
        let disk = DiskModel { sync, fsync: true };
        let mut world = World::new(sim::Config { manual: true, disk, ..sim::Config::default() });
        self.three = words.plain[0] == "three";
        let own = |name: &&str| !["n", "sync"].contains(name);
        let options: serde_json::Map<String, serde_json::Value> = words
            .named
            .iter()
            .filter(|(name, _)| own(name))
            .map(|(name, value)| {
                let value = serde_json::from_str(value).unwrap_or_else(|_| (*value).into());
                ((*name).to_owned(), value)
            })
            .collect();
        let protocol = if self.three { "three_phase_commit" } else { "two_phase_commit" };
        let node = |role: &str| -> AnyNode {
            let data = serde_json::json!({ protocol: { role: { "config": options } } });
            serde_json::from_value(data).unwrap()
        };
        world.spawn("tc", node("coordinator"))?;
        let participants: Vec<NodeId> = (1..=words.number("n").unwrap_or(3) as u32).map(NodeId).collect();
        for id in &participants {
            world.spawn(&format!("db{}", id.0 - 1), node("participant"))?;
        }
        let client = two::Client::new(ClientConfig::new(NodeId(0), participants));
        world.spawn(
            "c0",
            if self.three {
                AnyNode::ThreePhaseCommit(three::Node::Client(client))
            } else {
                AnyNode::TwoPhaseCommit(two::Node::Client(client))
            },
        )?;
        world.settle(1_000)?;
        world.clear_trace();
        world.watch(Invariants::All)?;
        (self.world, self.op, self.count) = (Some(world), None, 0);
        Ok(())
    }

    fn transact(&mut self, words: &Words<'_>) -> Result<(), Error> {
        let refuses: Vec<NodeId> =
            words.named.get("refuse").map_or(vec![], |it| it.split(',').map(|it| self.node(it)).collect());
        let puts: Vec<Op> = words
            .named
            .iter()
            .filter(|(key, _)| **key != "refuse")
            .map(|(key, value)| Op::Put { key: (*key).into(), value: serde_json::from_str(value).unwrap() })
            .collect();
        let part = |node: NodeId| {
            let ops = if refuses.contains(&node) { vec![Op::Refuse] } else { puts.clone() };
            Part { node, ops: ops.into() }
        };
        let call = two::Call::Transact { parts: self.participants().into_iter().map(part).collect() };
        let call = if self.three { AnyCall::ThreePhaseCommit(call) } else { AnyCall::TwoPhaseCommit(call) };
        let client = self.client();
        let world = self.world();
        let op = world.call(client, call)?;
        let is_call = |kind: &PendingKind<'_, AnyNode>| matches!(kind, PendingKind::Call(_));
        let id = world.pending().iter().find(|it| is_call(&it.kind)).map(|it| it.id).unwrap();
        world.deliver(id)?;
        (self.op, self.count) = (Some(op), self.count + 1);
        Ok(())
    }

    fn fire(&mut self, words: &Words<'_>) -> Result<(), Error> {
        let (node, txn) = (self.node(words.plain[1]), self.txn());
        let protocol = if self.three { "three_phase_commit" } else { "two_phase_commit" };
        let timer = serde_json::json!({ protocol: { words.plain[2]: txn } });
        self.world().fire(node, &serde_json::from_value(timer).unwrap())
    }

    /// What is on its way now and matches, with its description.
    fn messages(&self, words: &Words<'_>) -> Vec<(u64, String)> {
        let named = |name: &str| -> Vec<NodeId> {
            words.named.get(name).map_or(vec![], |it| it.split(',').map(|it| self.node(it)).collect())
        };
        let (from, to) = (named("from"), named("to"));
        let fits = |list: &[NodeId], id: NodeId| list.is_empty() || list.contains(&id);
        let pending = self.seen().pending();
        let matching = pending.iter().filter_map(|it| match it.kind {
            PendingKind::Message(sender, msg) => {
                let receiver = it.node.unwrap();
                let kind = words.named.get("kind").is_none_or(|kind| *kind == sim::label(msg));
                (kind && fits(&from, sender) && fits(&to, receiver))
                    .then(|| (it.id, self.describe(sender, receiver, msg)))
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
        let lost: Vec<NodeId> =
            words.named.get("lost").map_or(vec![], |it| it.split(',').map(|it| self.node(it)).collect());
        for _ in 0..1_000 {
            let pending = self.seen().pending();
            let next = pending.iter().find_map(|it| match it.kind {
                PendingKind::Message(from, msg) => {
                    let to = it.node.unwrap();
                    let is_lost = lost.contains(&from) || lost.contains(&to);
                    Some((it.id, is_lost, self.describe(from, to, msg)))
                }
                _ => None,
            });
            let Some((id, is_lost, what)) = next else { return Ok(()) };
            if is_lost {
                self.world().discard(id)?;
            } else {
                self.deliver(id, &what)?;
            }
        }
        panic!("it does not come to rest");
    }

    fn describe(&self, from: NodeId, to: NodeId, msg: &AnyMsg) -> String {
        let more = match msg {
            AnyMsg::TwoPhaseCommit(Msg2::Vote { yes, .. })
            | AnyMsg::ThreePhaseCommit(three::Msg::Vote { yes, .. }) => {
                if *yes { " YES" } else { " NO" }.into()
            }
            AnyMsg::TwoPhaseCommit(Msg2::Result { decision, .. })
            | AnyMsg::ThreePhaseCommit(three::Msg::Client(Msg2::Result { decision, .. })) => {
                format!(" {}", show(*decision))
            }
            AnyMsg::ThreePhaseCommit(three::Msg::State { standing, .. }) => {
                let recovered = if standing.recovered { " recovered" } else { "" };
                format!(" {}{recovered}", if standing.precommitted { "precommitted" } else { "in doubt" })
            }
            _ => String::new(),
        };
        format!("{} -> {} {}{more}", self.name(from), self.name(to), sim::label(msg))
    }

    fn show_notes(&mut self) {
        let Some(world) = &mut self.world else { return };
        let labels = world.trace().labels();
        for row in world.trace().rows().filter(|row| row.kind == RowKind::Note) {
            let name = world.node(row.node).name();
            writeln!(self.output, "  {name}: {}", labels[row.label as usize]).unwrap();
        }
        world.clear_trace();
    }

    fn show_status(&mut self) {
        let txn = self.txn();
        let mut lines = String::new();
        for node in &self.seen().nodes()[..self.seen().nodes().len() - 1] {
            let down = if node.is_up() { "" } else { ", down" };
            let ledger = match node.disk() {
                AnyDisk::TwoPhaseCommit(ledger) | AnyDisk::ThreePhaseCommit(ledger) => ledger,
                _ => continue,
            };
            writeln!(lines, "{}: {}{down}", node.name(), knows(ledger, txn)).unwrap();
        }
        let reply = self.op.and_then(|op| self.seen().op(op)?.reply());
        let told = match reply {
            None => "waits",
            Some(AnyReply::TwoPhaseCommit(reply) | AnyReply::ThreePhaseCommit(reply)) => sim::label(reply),
            Some(_) => "foreign",
        };
        self.output += &format!("{lines}c0: {told}\n");
    }
}

fn show(decision: Decision) -> &'static str {
    match decision {
        Decision::Commit => "commit",
        Decision::Abort => "abort",
    }
}

/// What a disk says of a transaction.
fn knows(ledger: &Ledger, txn: Txn) -> String {
    let settled = ledger.decision(txn).map(show);
    let open = ledger.open.get(&txn).map(|open| match open {
        Open::Collecting(collecting) => format!("collecting, {} votes", collecting.votes.len()),
        Open::Announcing { .. } => "announcing".into(),
        Open::Prepared { precommitted, .. } => if *precommitted { "precommitted" } else { "in doubt" }.into(),
    });
    let parts: Vec<String> = settled.map(str::to_owned).into_iter().chain(open).collect();
    if parts.is_empty() { "nothing".into() } else { parts.join(", ") }
}
