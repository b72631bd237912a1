//! The levels, where the versions are known.
use super::super::cycles::{self, Forbidden};
use super::super::graph::{Dependencies, Dependency, Graph, Layout, Link, Part};
use super::super::realtime::add_real_time;
use super::super::{Exhausted, Meter};
use super::dependencies;
use super::explain::Explainer;
use super::snapshot;
use super::versions::Versions;
use super::weak;
use crate::check::consistency::history::History;
use crate::check::consistency::{Budget, Flaw, Model, Verdict, Witness};

/// How it is found out.
pub(super) const ALGORITHM: &str = "Adya's graph from known versions (Elle 2020)";

/// Bytes that an access and a transaction take in all tables together, about.
const ACCESS_BYTES: u64 = 96;
const TRANSACTION_BYTES: u64 = 160;

/// How many flaws to look at in search of one that needs few operations to be seen.
const FLAWS: usize = 4;

/// What is wrong with a part, if anything; otherwise its commit order, in the numbers of the part.
type Judged = Result<Vec<u32>, Flaw>;

/// Judges a history by its versions. O(transactions + accesses), if the graph of all links is acyclic: then
/// it has every level. Otherwise, only the components with cycles are looked at once more.
pub(super) fn judge(history: &History, versions: &Versions, model: Model, budget: &Budget<'_>) -> Verdict {
    let mut meter = Meter::new(budget);
    let bytes = ACCESS_BYTES * history.accesses.key.len() as u64
        + TRANSACTION_BYTES * versions.committed.len() as u64;
    let judged = meter.afford(bytes).and_then(|()| Judge { history, versions, model }.whole(&mut meter));
    let verdict = match judged {
        Err(Exhausted) => Verdict::unknown(model, ALGORITHM),
        Ok(Err(flaw)) => Verdict::fails(model, ALGORITHM, flaw),
        Ok(Ok(order)) => {
            let rows = order.iter().map(|it| versions.committed.rows[*it as usize]).collect();
            Verdict::holds(model, ALGORITHM, Witness::Order(rows))
        }
    };
    verdict.after(meter.spent())
}

struct Judge<'a> {
    history: &'a History,
    versions: &'a Versions,
    model: Model,
}

impl Judge<'_> {
    fn whole(&self, meter: &mut Meter<'_>) -> Result<Judged, Exhausted> {
        let mut links = dependencies::links(self.history, self.versions);
        if self.model == Model::StrictSerializable {
            add_real_time(&mut links, self.history, &self.versions.committed);
        }
        let graph = Graph::new(&links, Layout::Single, Dependencies::ALL);
        let components = graph.components(meter)?;
        if components.is_acyclic() {
            return Ok(Ok(graph.commit_order(&components)));
        }
        drop(graph);
        let parts = Part::cyclic(&links, &components);
        let mut by_size: Vec<usize> = (0..parts.len()).collect();
        by_size.sort_by_key(|part| (parts[*part].slots.len(), parts[*part].slots[0]));
        let mut orders = vec![vec![]; parts.len()];
        let mut flaws: Vec<Flaw> = vec![];
        for part in by_size {
            match self.part(&parts[part], meter)? {
                Err(flaw) => flaws.push(flaw),
                Ok(order) => orders[part] = order,
            }
            if flaws.len() == FLAWS {
                break;
            }
        }
        if let Some(flaw) = flaws.into_iter().min_by_key(|flaw| flaw.culprits.len()) {
            return Ok(Err(flaw));
        }
        let mut order = Vec::with_capacity(self.versions.committed.len());
        let mut end = components.order.len();
        for (i, range) in components.cyclic.iter().enumerate().rev() {
            order.extend(components.order[range.end..end].iter().rev());
            order.extend(orders[i].iter().map(|it| parts[i].slots[*it as usize]));
            end = range.start;
        }
        order.extend(components.order[..end].iter().rev());
        order.retain(|slot| !links.is_helper(*slot));
        Ok(Ok(order))
    }

    fn part(&self, part: &Part, meter: &mut Meter<'_>) -> Result<Judged, Exhausted> {
        match self.model {
            Model::Prefix => self.laid(part, Layout::Prefix, Forbidden::Prefix, meter),
            Model::SnapshotIsolation => self.snapshot(part, meter),
            Model::ReadCommitted | Model::ReadAtomic | Model::TransactionalCausal => self.weak(part, meter),
            _ => self.laid(part, Layout::Single, Forbidden::All, meter),
        }
    }

    fn laid(
        &self,
        part: &Part,
        layout: Layout,
        forbidden: Forbidden,
        meter: &mut Meter<'_>,
    ) -> Result<Judged, Exhausted> {
        let graph = Graph::new(&part.links, layout, Dependencies::ALL);
        let components = graph.components(meter)?;
        if components.is_acyclic() {
            return Ok(Ok(graph.commit_order(&components)));
        }
        Ok(Err(self.flaw(&cycles::worst(part, forbidden, meter)?.unwrap_or_default())))
    }

    fn weak(&self, part: &Part, meter: &mut Meter<'_>) -> Result<Judged, Exhausted> {
        const CAUSES: Dependencies =
            Dependencies::of(&[Dependency::WriteRead, Dependency::WriteWrite, Dependency::Session]);
        let graph = Graph::new(&part.links, Layout::Single, CAUSES);
        let components = graph.components(meter)?;
        if !components.is_acyclic() {
            let cycle = cycles::worst(part, Forbidden::WithoutOverwriting, meter)?;
            return Ok(Err(self.flaw(&cycle.unwrap_or_default())));
        }
        let missed = match self.model {
            Model::ReadCommitted => weak::read_committed(self.history, self.versions, part, meter)?,
            Model::ReadAtomic => weak::read_atomic(self.history, self.versions, part, meter)?,
            _ => weak::causal(self.history, self.versions, part, meter)?,
        };
        Ok(match missed {
            Some(missed) => Err(self.flaw(&missed.into_cycle(self.versions))),
            None => Ok(graph.commit_order(&components)),
        })
    }

    fn snapshot(&self, part: &Part, meter: &mut Meter<'_>) -> Result<Judged, Exhausted> {
        let (choices, pair) = match snapshot::commit_order(part, self.versions, meter)? {
            snapshot::Found::Order(order) => return Ok(Ok(order)),
            snapshot::Found::Conflict { choices, pair } => (choices, pair),
        };
        let mut with = |choices: &[Link]| {
            let mut part = part.clone();
            part.links.links.extend(choices);
            cycles::worst(&part, Forbidden::Snapshot, meter)
        };
        let Some(pair) = pair else { return Ok(Err(self.flaw(&with(&[])?.unwrap_or_default()))) };
        let either = (with(&[pair])?, with(&[Link { from: pair.to, to: pair.from, ..pair }])?);
        let explainer = Explainer::new(self.history, self.versions);
        Ok(Err(match either {
            (Some(one), Some(other)) => explainer.either_way(&one, &other),
            _ => explainer.any_order(&with(&choices)?.unwrap_or_default(), part.transactions()),
        }))
    }

    fn flaw(&self, cycle: &[Link]) -> Flaw {
        Explainer::new(self.history, self.versions).cycle(cycle)
    }
}
