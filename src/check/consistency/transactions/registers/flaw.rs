//! Cycles in words.
use super::events::Events;
use super::graph::{CHAIN, Edge, Graph, Links, Step, Why};
use super::reads_from::INITIAL;
use super::search::Outcome;
use crate::check::consistency::history::{Access, History};
use crate::check::consistency::{self as consistency, Flaw};

/// One step of a cycle of transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Clause {
    from: u32,
    to: u32,
    kind: &'static str,
    key: Option<u32>,
    version: u32,
    /// Whether only what was read says so.
    is_inferred: bool,
    why: String,
}

struct Teller<'a> {
    history: &'a History,
    events: &'a Events<'a>,
    graph: Graph<'a>,
    /// The transactions and accesses that matter.
    txns: Vec<u32>,
    accesses: Vec<u32>,
    told: Vec<bool>,
}

/// The flaw that a cycle is.
pub(super) fn tell(history: &History, events: &Events<'_>, edges: &[Edge], cycle: &[Step]) -> Flaw {
    let links = Links::new(events.len(), edges);
    let graph = Graph { chain: &events.chain, edges, links: &links };
    let told = vec![false; edges.len()];
    let mut teller = Teller { history, events, graph, txns: vec![], accesses: vec![], told };
    let (steps, overwrite) = teller.as_overwrite(cycle);
    let mut clauses = teller.clauses(&steps);
    clauses.extend(overwrite);
    teller.txns.extend(clauses.iter().map(|it| it.from));
    teller.support(&steps);
    teller.support(cycle);
    teller.flaw(&clauses)
}

impl Teller<'_> {
    fn txn(&self, event: u32) -> Option<u32> {
        self.events.txn(event)
    }

    fn name(&self, txn: u32) -> String {
        self.history.who(self.events.txns.row[txn as usize])
    }

    /// A cycle in which one order of writes was inferred because a reader of the later one saw the earlier
    /// one is told as: the reader's version is overwritten by what the reader sees.
    fn as_overwrite(&self, cycle: &[Step]) -> (Vec<Step>, Option<Clause>) {
        let hidden =
            |step: &&Step| step.edge != CHAIN && self.graph.edges[step.edge as usize].why == Why::Hidden;
        let mut all = cycle.iter().filter(hidden);
        let (Some(step), None) = (all.next(), all.next()) else { return (cycle.to_vec(), None) };
        let edge = self.graph.edges[step.edge as usize];
        let (seen, reader) = edge.because;
        let Some(path) = self.visibility(seen, reader, step.edge) else { return (cycle.to_vec(), None) };
        let (Some(from), Some(to)) = (self.txn(reader), self.txn(seen)) else {
            return (cycle.to_vec(), None);
        };
        (path, Some(self.overwrites(from, to, edge.about)))
    }

    /// Why one event comes before another: because the other one reads from it, if so.
    fn visibility(&self, seen: u32, reader: u32, limit: u32) -> Option<Vec<Step>> {
        let reads = |it: &&(u32, u32)| it.0 == reader && self.graph.edges[it.1 as usize].why == Why::Wr;
        match self.graph.links.of(seen).iter().find(reads) {
            Some((_, edge)) => Some(vec![Step { from: seen, to: reader, edge: *edge }]),
            None => self.graph.path(seen, reader, limit),
        }
    }

    fn overwrites(&self, from: u32, to: u32, version: u32) -> Clause {
        let key = self.overwritten_key(from, to, version);
        let what = key.map_or(String::new(), |key| self.show(key, version));
        let why = format!("{} reads {what}, which {} overwrites", self.name(from), self.name(to));
        Clause { from, to, kind: "rw", key, version, is_inferred: false, why }
    }

    fn show(&self, key: u32, version: u32) -> String {
        let txns = self.events.txns;
        let name = self.history.show(txns.key[key as usize]);
        if version == INITIAL {
            return format!("the initial {name}");
        }
        match self.history.accesses.access[txns.writes[version as usize].access as usize] {
            Access::Write(value) => format!("{name} = {}", self.history.show(value)),
            _ => name,
        }
    }

    fn overwritten_key(&self, reader: u32, writer: u32, version: u32) -> Option<u32> {
        let txns = self.events.txns;
        if version != INITIAL {
            return Some(txns.writes[version as usize].key);
        }
        // The last one: for read committed, only what is read after the writer was seen counts.
        let mut initial = txns.reads_of(reader).iter().rev().filter(|it| it.version == INITIAL);
        initial.find(|it| txns.write_to(writer, it.key).is_some()).map(|it| it.key)
    }

    fn clauses(&self, steps: &[Step]) -> Vec<Clause> {
        let start = steps.iter().position(|it| it.edge != CHAIN && self.txn(it.from).is_some()).unwrap_or(0);
        // A path is not to be rotated; a cycle returns to where it began.
        let is_cycle = steps.first().map(|it| it.from) == steps.last().map(|it| it.to);
        let start = if is_cycle { start } else { 0 };
        let (mut clauses, mut left): (Vec<Clause>, Option<u32>) = (vec![], None);
        for step in steps[start..].iter().chain(&steps[..start]) {
            let Some(from) = self.txn(step.from).or(left) else { continue };
            let Some(to) = self.txn(step.to) else {
                left = Some(from);
                continue;
            };
            if from == to {
                continue;
            }
            let clause = match (left.take(), step.edge) {
                (Some(from), _) => self.plain(from, to, "real-time"),
                (None, CHAIN) => self.plain(from, to, "session"),
                (None, edge) => self.clause(from, to, &self.graph.edges[edge as usize]),
            };
            match clauses.last_mut() {
                Some(last) if last.kind == "session" && clause.kind == "session" => {
                    *last = self.plain(last.from, to, "session");
                }
                _ => clauses.push(clause),
            }
        }
        clauses
    }

    fn plain(&self, from: u32, to: u32, kind: &'static str) -> Clause {
        let (one, other) = (self.name(from), self.name(to));
        let why = match kind {
            "session" => format!("{one} comes before {other} in its session"),
            _ => format!("{one} had ended before {other} began"),
        };
        Clause { from, to, kind, key: None, version: INITIAL, is_inferred: false, why }
    }

    fn clause(&self, from: u32, to: u32, edge: &Edge) -> Clause {
        let (one, other) = (self.name(from), self.name(to));
        let version = edge.about;
        match edge.why {
            Why::Rw => self.overwrites(from, to, version),
            Why::RealTime => self.plain(from, to, "real-time"),
            Why::Wr => {
                let key = self.events.txns.writes[version as usize].key;
                let why = format!("{other} reads {}, which {one} wrote", self.show(key, version));
                Clause { from, to, kind: "wr", key: Some(key), version, is_inferred: false, why }
            }
            Why::Hidden | Why::Ordered | Why::Decided | Why::Learned => {
                let key = matches!(edge.why, Why::Hidden | Why::Ordered)
                    .then(|| self.events.txns.writes[version as usize].key);
                let name =
                    key.map_or(String::new(), |key| self.history.show(self.events.txns.key[key as usize]));
                let reader = (edge.why == Why::Hidden).then(|| self.txn(edge.because.1)).flatten();
                let why = match reader {
                    Some(reader) => format!(
                        "{} sees {one} but reads {name} from {other}, so {one} wrote {name} before {other}",
                        self.name(reader)
                    ),
                    None => format!("{one} wrote {name} before {other}, as the reverse is impossible"),
                };
                Clause { from, to, kind: "ww", key, version, is_inferred: reader.is_some(), why }
            }
        }
    }

    /// Notes everything that steps rest on.
    fn support(&mut self, steps: &[Step]) {
        let mut open: Vec<Step> = steps.to_vec();
        while let Some(step) = open.pop() {
            if step.edge == CHAIN || std::mem::replace(&mut self.told[step.edge as usize], true) {
                continue;
            }
            let edge = self.graph.edges[step.edge as usize];
            let ends = [edge.from, edge.to, edge.because.0, edge.because.1];
            self.txns.extend(ends.iter().filter_map(|event| self.events.txn(*event)));
            self.note_accesses(&edge);
            if edge.because != (edge.from, edge.to) {
                let (seen, reader) = edge.because;
                open.extend(self.visibility(seen, reader, step.edge).unwrap_or_default());
            }
        }
    }

    fn note_accesses(&mut self, edge: &Edge) {
        let txns = self.events.txns;
        let (Some(from), Some(to)) = (self.txn(edge.from), self.txn(edge.to)) else { return };
        let reader = match edge.why {
            Why::Wr => Some(to),
            Why::Rw => Some(from),
            Why::Hidden => self.txn(edge.because.1),
            _ => None,
        };
        let key = match edge.why {
            Why::Rw => self.overwritten_key(from, to, edge.about),
            Why::Wr | Why::Hidden | Why::Ordered => Some(txns.writes[edge.about as usize].key),
            _ => None,
        };
        let Some(key) = key else { return };
        if let Some(reader) = reader {
            let same = txns.reads_of(reader).iter().filter(|it| it.version == edge.about && it.key == key);
            self.accesses.extend(same.map(|it| it.access));
        }
        let writers = [Some(from), Some(to), self.txn(edge.because.0)];
        let writes = writers.into_iter().flatten().filter_map(|it| txns.write_to(it, key));
        let version = Some(edge.about).filter(|it| *it != INITIAL && edge.why != Why::Ordered);
        if let Some(version) = version {
            self.txns.push(txns.writes[version as usize].txn);
        }
        self.accesses.extend(writes.chain(version).map(|it| txns.writes[it as usize].access));
    }

    fn flaw(self, clauses: &[Clause]) -> Flaw {
        let row = |txn: u32| self.events.txns.row[txn as usize];
        let mut culprits = vec![];
        let mut known = vec![false; self.events.txns.len()];
        for txn in &self.txns {
            if !std::mem::replace(&mut known[*txn as usize], true) {
                culprits.push(row(*txn));
            }
        }
        let mut accesses = self.accesses.clone();
        accesses.sort_unstable();
        accesses.dedup();
        let whys: Vec<&str> = clauses.iter().map(|it| it.why.as_str()).collect();
        let title = self.title(clauses).map_or(String::new(), |it| format!("{it}: "));
        let cycle = clauses.iter().map(|it| consistency::Edge {
            from: row(it.from),
            to: row(it.to),
            kind: it.kind.to_owned(),
            why: it.why.clone(),
        });
        Flaw {
            anomaly: adya(clauses),
            reason: format!("{title}{}.", whys.join("; ")),
            culprits,
            cycle: cycle.collect(),
            accesses,
            ..Flaw::default()
        }
    }

    /// The name under which such cycles are known outside of Adya's work.
    fn title(&self, clauses: &[Clause]) -> Option<&'static str> {
        let kinds: Vec<&str> = clauses.iter().map(|it| it.kind).collect();
        let rw: Vec<&Clause> = clauses.iter().filter(|it| it.kind == "rw").collect();
        let reads = |txn: u32, it: &Clause| {
            let mut reads = self.events.txns.reads_of(txn).iter();
            reads.any(|read| Some(read.key) == it.key && read.version == it.version)
        };
        let writes =
            |txn: u32, it: &Clause| it.key.is_some_and(|key| self.events.txns.write_to(txn, key).is_some());
        if let ([one, ..], [_, _]) = (&rw[..], clauses)
            && reads(one.to, one)
            && writes(one.from, one)
        {
            return Some("lost update");
        }
        match (&rw[..], &kinds[..]) {
            ([_, _], ["rw", "rw"]) => Some("write skew"),
            ([_], ["rw", "wr"] | ["wr", "rw"]) if clauses[0].key == clauses[1].key => {
                Some("non-repeatable read")
            }
            ([_], ["rw", "wr"] | ["wr", "rw"]) => Some("fractured read"),
            ([_, _], ["rw", "wr", "rw", "wr"] | ["wr", "rw", "wr", "rw"]) => Some("long fork"),
            ([_], _) if kinds.iter().all(|it| matches!(*it, "rw" | "wr" | "session")) => {
                Some("causality violation")
            }
            _ => None,
        }
    }
}

/// Adya's name of a cycle.
fn adya(clauses: &[Clause]) -> String {
    let count = |kind: &str| clauses.iter().filter(|it| it.kind == kind).count();
    let neighbours = clauses.iter().zip(clauses.iter().cycle().skip(1));
    let adjacent = neighbours.filter(|(one, other)| one.kind == "rw" && other.kind == "rw").count();
    // Each order of the writes that is inferred rules out another cycle, in which it is an rw edge.
    let inferred = usize::from(clauses.iter().any(|it| it.is_inferred));
    let name = match (count("rw") + inferred, count("wr")) {
        (0, 0) => "G0",
        (0, _) => "G1c",
        (1, _) => "G-single",
        _ if adjacent == 0 => "G-nonadjacent",
        _ => "G2-item",
    };
    let suffix = match (count("real-time"), count("session")) {
        (0, 0) => "",
        (0, _) => "-session",
        _ => "-realtime",
    };
    format!("{name}{suffix}")
}

/// The flaw of a history that only the search has refuted.
pub(super) fn refuted(
    history: &History,
    events: &Events<'_>,
    model: consistency::Model,
    outcome: &Outcome,
) -> Flaw {
    let culprits: Vec<u32> = outcome.core.iter().map(|txn| events.txns.row[*txn as usize]).collect();
    let some: Vec<String> = culprits.iter().take(8).map(|row| history.who(*row)).collect();
    let more = if culprits.len() > some.len() { ", …" } else { "" };
    let reason = format!(
        "No order of the writes of {}{more} explains what was read: every way to order them leads to a cycle \
         ({} decisions and refutations), so the transactions are not {model}.",
        some.join(", "),
        outcome.states
    );
    Flaw { anomaly: "G2-item".to_owned(), reason, culprits, ..Flaw::default() }
}
