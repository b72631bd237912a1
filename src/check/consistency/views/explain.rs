//! Why a process has no view: the saturation once more, with a note of every reason.
use std::collections::BTreeMap;

use super::super::reads_from::order::{self, edge};
use super::super::reads_from::past::{Past, Reasons, Watch, stamp};
use super::super::reads_from::{INITIAL, Run};
use super::super::{Edge, Flaw};
use super::saturate::{Entries, Forced, edges_within, members, take_segment};

struct Traced {
    entries: Entries,
    reasons: Reasons,
}

impl Watch for Traced {
    fn enters(&mut self, op: u32, segment: u32, stack: &mut Vec<(u32, u32)>) {
        self.entries.enters(op, segment, stack);
    }

    fn because(&mut self, target: u32, parent: u32) {
        self.reasons.because(target, parent);
    }
}

/// Why a write comes before another one in the view.
struct Why {
    /// The read that returned the later one,
    read: u32,
    /// and how the earlier one comes before that read.
    chain: Vec<u32>,
}

struct Explanation<'r> {
    run: &'r Run<'r>,
    links: &'r [u32],
    place: &'r [u32],
    session: usize,
    /// By (later write, earlier write).
    whys: BTreeMap<(u32, u32), Why>,
}

/// The flaw of a process that has no view.
pub(super) fn explain(run: &Run<'_>, links: &[u32], place: &[u32], session: usize) -> Flaw {
    let mut explanation = Explanation { run, links, place, session, whys: BTreeMap::new() };
    let mut entries = Entries::new(run.len());
    loop {
        let mut traced = Traced { entries, reasons: Reasons::new(run) };
        traced.entries.segment.fill(0);
        match explanation.round(&mut traced) {
            Ok(news) if news.is_empty() => return explanation.stuck(&traced),
            Ok(mut news) => traced.entries.force(&mut news),
            Err(flaw) => return *flaw,
        }
        entries = traced.entries;
    }
}

impl Explanation<'_> {
    /// One round through the reads: the pairs that make pasts grow, or the flaw.
    fn round(&mut self, traced: &mut Traced) -> Result<Vec<Forced>, Box<Flaw>> {
        let run = self.run;
        let by_place = run.by_place(self.place);
        let mut past = Past::new(run, self.links, self.place, None);
        let mut news = Vec::new();
        past.begin(self.session);
        for (op, segment) in run.of_session(self.session).zip(1..) {
            past.step(op, run.source_of(op), segment, traced);
            if let Some((target, parent)) = past.from_the_future {
                return Err(Box::new(self.future(traced, op, target, parent)));
            }
            if !run.is_known_read(op) {
                continue;
            }
            let source = run.source[op as usize];
            let initial = source == INITIAL;
            let entered = if initial { 0 } else { traced.entries.segment[source as usize] };
            let floor = if initial { 0 } else { stamp(entered, self.place[source as usize]) };
            for last in past.last[run.slots_of(op)].iter().filter(|last| **last > 0) {
                let before = by_place[*last as u32 as usize - 1];
                let when = (last >> 32) as u32;
                if before == source || (*last <= floor && when != entered) {
                    continue;
                }
                let chain = traced.reasons.chain(run, before, op);
                if initial {
                    return Err(Box::new(self.initial(op, before, &chain)));
                }
                if when > entered {
                    news.push(Forced { after: source, before, read: op });
                }
                self.whys.entry((source, before)).or_insert(Why { read: op, chain });
            }
        }
        Ok(news)
    }

    fn initial(&self, read: u32, write: u32, chain: &[u32]) -> Flaw {
        let mut ops = vec![read, write];
        self.collect(chain, &mut ops);
        let run = self.run;
        let reason = format!(
            "{} returns the initial value, but {} must come before it: {}.",
            run.say(read),
            run.say(write),
            self.words(chain, read)
        );
        self.flaw("stale read of the initial value", reason, &ops, vec![])
    }

    fn future(&self, traced: &Traced, op: u32, target: u32, parent: u32) -> Flaw {
        let run = self.run;
        let mut chain = vec![target];
        let rest = traced.reasons.chain(run, parent, op);
        chain.extend(rest);
        let mut ops = vec![op, target];
        self.collect(&chain, &mut ops);
        let reason = format!(
            "{} would have to come before {}, which {} did not later: {}.",
            run.say(target),
            run.say_short(op),
            run.name(self.session),
            self.words(&chain, op)
        );
        self.flaw("impossible view", reason, &ops, vec![])
    }

    /// The flaw if nothing has to grow: a cycle within a segment.
    fn stuck(&self, traced: &Traced) -> Flaw {
        let run = self.run;
        let mut pairs: Vec<Forced> = self
            .whys
            .iter()
            .map(|((after, before), why)| Forced { after: *after, before: *before, read: why.read })
            .collect();
        let entered = |op: u32| traced.entries.segment[op as usize];
        let mut segments: Vec<u32> = pairs.iter().map(|it| entered(it.after)).collect();
        segments.sort_unstable();
        segments.dedup();
        pairs.sort_unstable_by_key(|it| (entered(it.after), *it));
        let mut rest = &pairs[..];
        let members = members(run, self.place, &traced.entries, self.session, &segments);
        for (segment, ops) in segments.into_iter().zip(members) {
            let mine = take_segment(&traced.entries, &mut rest, segment);
            let edges = edges_within(run, self.links, &ops, mine);
            if let Err(cycle) = order::topological(ops.len(), &edges) {
                let cycle: Vec<u32> = cycle.into_iter().map(|index| ops[index as usize]).collect();
                return self.cyclic(&order::shorten(run, &cycle));
            }
        }
        Flaw::default()
    }

    fn cyclic(&self, cycle: &[u32]) -> Flaw {
        let run = self.run;
        let (mut ops, mut edges, mut words) = (cycle.to_vec(), Vec::new(), Vec::new());
        for (i, from) in cycle.iter().copied().enumerate() {
            let to = cycle[(i + 1) % cycle.len()];
            let session = |op: u32| run.session[op as usize];
            let based = run.source_of(to) == Some(from) || (session(from) == session(to) && from < to);
            match self.whys.get(&(to, from)) {
                Some(why) if !based => {
                    ops.push(why.read);
                    self.collect(&why.chain, &mut ops);
                    let why = format!("{} returned the latter in spite of the former", run.say(why.read));
                    words.push(format!(
                        "{} must come before {}, for {why}",
                        run.say(from),
                        run.say_short(to)
                    ));
                    let (from, to) = (run.rows[from as usize], run.rows[to as usize]);
                    edges.push(Edge { from, to, kind: "ww".to_owned(), why });
                }
                _ => {
                    words.push(format!("{} comes before {}", run.say(from), run.say(to)));
                    edges.push(edge(run, from, to));
                }
            }
        }
        let name = run.name(self.session);
        let reason = format!("No order of the writes explains what {name} read: {}.", words.join("; "));
        self.flaw("impossible view", reason, &ops, edges)
    }

    /// Adds the operations of a chain and, where it relies on pairs of writes, those that force these.
    fn collect(&self, chain: &[u32], ops: &mut Vec<u32>) {
        let mut seen: Vec<(u32, u32)> = Vec::new();
        let mut todo: Vec<&[u32]> = vec![chain];
        while let Some(chain) = todo.pop() {
            ops.extend(chain);
            for pair in chain.windows(2) {
                let pair = (pair[1], pair[0]);
                if let Some(why) = self.whys.get(&pair).filter(|_| !seen.contains(&pair)) {
                    seen.push(pair);
                    ops.push(why.read);
                    todo.push(&why.chain);
                }
            }
        }
    }

    fn words(&self, chain: &[u32], end: u32) -> String {
        let run = self.run;
        let mut words: Vec<String> = chain.iter().map(|op| run.say(*op)).collect();
        if chain.last() != Some(&end) {
            words.push(run.say(end));
        }
        words.join("; ")
    }

    fn flaw(&self, anomaly: &str, reason: String, ops: &[u32], cycle: Vec<Edge>) -> Flaw {
        let mut culprits: Vec<u32> = Vec::with_capacity(ops.len());
        for op in ops {
            let row = self.run.rows[*op as usize];
            if !culprits.contains(&row) {
                culprits.push(row);
            }
        }
        Flaw { anomaly: anomaly.to_owned(), reason, culprits, cycle, ..Flaw::default() }
    }
}
