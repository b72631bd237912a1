//! Cycles in words, and what is needed to see that they are there.
use super::super::anomaly;
use super::super::graph::{Dependency, Link};
use super::evidence::{Evidence, show_list};
use super::group::list;
use super::versions::{NOWHERE, Versions};
use crate::check::consistency::history::{Access, History};
use crate::check::consistency::{Edge, Flaw};

/// Makes flaws of cycles.
pub(super) struct Explainer<'a> {
    pub history: &'a History,
    pub versions: &'a Versions,
    evidence: Evidence,
}

impl<'a> Explainer<'a> {
    pub(super) fn new(history: &'a History, versions: &'a Versions) -> Self {
        Self { history, versions, evidence: Evidence::default() }
    }

    /// The flaw that a cycle of transactions is.
    pub(super) fn cycle(mut self, cycle: &[Link]) -> Flaw {
        cycle.iter().for_each(|link| self.evidence.row(self.row(link.from)));
        let edges: Vec<Edge> = cycle.iter().map(|link| self.edge(link)).collect();
        let reason = format!("{}.", in_words(cycle, &edges));
        Flaw { cycle: edges, ..self.evidence.into_flaw(&anomaly::name(cycle), reason) }
    }

    /// The flaw that there is a cycle in either order of two writes that nobody read.
    pub(super) fn either_way(mut self, one: &[Link], other: &[Link]) -> Flaw {
        one.iter().chain(other).for_each(|link| self.evidence.row(self.row(link.from)));
        let edges: Vec<Edge> = one.iter().map(|link| self.edge(link)).collect();
        let otherwise: Vec<Edge> = other.iter().map(|link| self.edge(link)).collect();
        let reason = format!("{}. The other way round: {}.", in_words(one, &edges), clauses(&otherwise));
        Flaw { cycle: edges, ..self.evidence.into_flaw(&anomaly::name(one), reason) }
    }

    /// The flaw that there is a cycle in every order of the writes that nobody read, of which this is one.
    pub(super) fn any_order(mut self, cycle: &[Link], transactions: &[u32]) -> Flaw {
        cycle.iter().for_each(|link| self.evidence.row(self.row(link.from)));
        transactions.iter().for_each(|it| self.evidence.row(self.row(*it)));
        let edges: Vec<Edge> = cycle.iter().map(|link| self.edge(link)).collect();
        let reason = format!(
            "{}. In every other order of what nobody read there is such a cycle, too.",
            in_words(cycle, &edges)
        );
        let flaw = self.evidence.into_flaw(&anomaly::name(cycle), reason);
        Flaw { cycle: edges, accesses: vec![], ..flaw }
    }

    fn row(&self, transaction: u32) -> u32 {
        self.versions.committed.rows[transaction as usize]
    }

    fn edge(&mut self, link: &Link) -> Edge {
        let (from, to) = (self.row(link.from), self.row(link.to));
        let (one, other) = (self.history.who(from), self.history.who(to));
        let why = match link.kind {
            Dependency::WriteRead => self.write_read(link),
            Dependency::WriteWrite => self.write_write(link),
            Dependency::ReadWrite => self.read_write(link),
            Dependency::Session => {
                let process = &self.history.names.processes[self.history.process[to as usize] as usize];
                format!("{one} comes before {other} in process {process}")
            }
            Dependency::RealTime => format!("{one} was answered before {other} was asked"),
        };
        Edge { from, to, kind: link.kind.name().to_owned(), why }
    }

    fn write_read(&mut self, link: &Link) -> String {
        let cell = self.versions.cell(link.key);
        let (from, to) = (self.history.who(self.row(link.from)), self.history.who(self.row(link.to)));
        let read = self
            .versions
            .reads(self.history, link.to)
            .find(|(_, of, version)| *of == cell && self.versions.writer(cell, *version) == Some(link.from));
        let Some((access, ..)) = read else { return format!("{to} reads from {from}") };
        self.shown(link.to, access);
        let (key, saw) = (self.history.show(link.key), self.saw(access));
        match self.history.accesses.access[access] {
            Access::Read(_) => format!("{to} reads {key} = {saw}, which {from} wrote"),
            _ => {
                let last = self.last_written(link.from, link.key);
                format!("{to} reads {key} = {saw}, where {from}'s append of {last} is the latest of others")
            }
        }
    }

    fn write_write(&mut self, link: &Link) -> String {
        let (from, to, key) = (self.row(link.from), self.row(link.to), self.history.show(link.key));
        let known = match self.first_version(link.to, link.key) {
            Some(version) => self.show_version(link.key, version),
            None => self
                .first_version(link.from, link.key)
                .is_some_and(|version| self.show_version(link.key, version)),
        };
        self.evidence.writes(self.history, from, link.key);
        self.evidence.writes(self.history, to, link.key);
        let (from, to) = (self.history.who(from), self.history.who(to));
        let (one, other) = (self.last_written(link.from, link.key), self.last_written(link.to, link.key));
        let verb = if self.is_list(link.to, link.key) { "append" } else { "write" };
        if known {
            format!("{from}'s {verb} of {one} to {key} comes before {to}'s of {other}")
        } else {
            format!(
                "nobody read {from}'s {verb} of {one} to {key}, nor {to}'s of {other}; say {from}'s is first"
            )
        }
    }

    fn read_write(&mut self, link: &Link) -> String {
        let cell = self.versions.cell(link.key);
        let (to_row, key) = (self.row(link.to), self.history.show(link.key));
        let (from, to) = (self.history.who(self.row(link.from)), self.history.who(to_row));
        let written = self.first_version(link.to, link.key);
        let read = self
            .versions
            .reads(self.history, link.from)
            .filter(|(_, of, version)| *of == cell && written.is_none_or(|written| *version < written))
            .last();
        let Some((access, ..)) = read else { return format!("{from} does not see {to}") };
        self.shown(link.from, access);
        if let Some(version) = written {
            self.show_version(link.key, version);
        }
        self.evidence.writes(self.history, to_row, link.key);
        let (saw, last) = (self.saw(access), self.last_written(link.to, link.key));
        match self.history.accesses.access[access] {
            Access::Read(_) if !self.is_list(link.to, link.key) => {
                format!("{from} reads {key} = {saw}, which {to} overwrites with {last}")
            }
            _ => format!("{from} reads {key} = {saw} and so does not see {to}'s append of {last}"),
        }
    }

    /// What a read returned.
    fn saw(&self, access: usize) -> String {
        match (self.history.accesses.access[access], list(self.history, access as u32)) {
            (Access::Read(value), _) => self.history.show(value),
            (_, list) => show_list(self.history, list.unwrap_or_default()),
        }
    }

    fn is_list(&self, writer: u32, key: u32) -> bool {
        self.written(writer, key).any(|access| matches!(access, Access::Append(_)))
    }

    fn written(&self, writer: u32, key: u32) -> impl Iterator<Item = Access> + '_ {
        let accesses = self.history.accesses.of(self.versions.committed.row(writer));
        accesses.filter(move |(of, access)| *of == key && is_write(*access)).map(|(_, access)| access)
    }

    fn last_written(&self, writer: u32, key: u32) -> String {
        match self.written(writer, key).last() {
            Some(Access::Append(value) | Access::Write(value)) => self.history.show(value),
            _ => String::new(),
        }
    }

    /// The version that a transaction wrote of a key, if anybody read it.
    fn first_version(&self, writer: u32, key: u32) -> Option<u32> {
        let cell = self.versions.cell(key);
        let written = self.versions.writes(self.history, writer).find(|(_, of, _)| *of == cell);
        written.map(|(_, _, version)| version).filter(|it| self.versions.writer(cell, *it).is_some())
    }

    /// Notes a read, and who wrote what it shows.
    fn shown(&mut self, reader: u32, access: usize) {
        let row = self.row(reader);
        self.evidence.access(row, access as u32);
        let key = self.history.accesses.key[access];
        let cell = self.versions.cell(key);
        let version = self.versions.places[access] as usize;
        match self.history.accesses.access[access] {
            Access::Read(_) => {
                if let Some(writer) = self.versions.writer(cell, version as u32) {
                    self.evidence.writes(self.history, self.row(writer), key);
                }
            }
            _ => {
                self.evidence.writes(self.history, row, key);
                for writer in &self.versions.chain(cell)[..version] {
                    self.evidence.writes(self.history, self.row(*writer), key);
                }
            }
        }
    }

    /// Notes the shortest list that shows a version; says whether there is one.
    fn show_version(&mut self, key: u32, version: u32) -> bool {
        let cell = self.versions.cell(key);
        let Some(writer) = self.versions.writer(cell, version) else { return false };
        let first = self.written(writer, key).next();
        let Some(Access::Append(element)) = first else { return true };
        let read = (0..self.history.accesses.key.len())
            .filter(|access| {
                self.history.accesses.key[*access] == key && self.versions.places[*access] != NOWHERE
            })
            .filter_map(|access| list(self.history, access as u32).map(|list| (access, list)))
            .filter(|(_, list)| list.contains(&element))
            .min_by_key(|(access, list)| (list.len(), *access));
        let Some((access, _)) = read else { return true };
        let row = (0..self.history.len()).find(|row| self.history.accesses.range(*row).contains(&access));
        if let Some(reader) = row.and_then(|row| self.versions.committed.number(row as u32)) {
            self.shown(reader, access);
        }
        true
    }
}

fn is_write(access: Access) -> bool {
    matches!(access, Access::Append(_) | Access::Write(_))
}

fn in_words(cycle: &[Link], edges: &[Edge]) -> String {
    let name = anomaly::name(cycle);
    match anomaly::friendly(cycle) {
        Some(friendly) => format!("{name}, {friendly}: {}", clauses(edges)),
        None => format!("{name}: {}", clauses(edges)),
    }
}

fn clauses(edges: &[Edge]) -> String {
    let clauses: Vec<String> = edges.iter().map(|edge| format!("{} ({})", edge.why, edge.kind)).collect();
    clauses.join("; ")
}
