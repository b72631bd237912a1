//! All orders that follow from the known ones, by vector clocks over the chains.
//!
//! The clock of an event says, for each chain, how many of its events come before; so whether one event
//! precedes another is one comparison. Rounds of sorting, recomputing clocks and inferring go on until
//! nothing new follows: O(rounds · (edges · chains + accesses · chains)).
use super::super::{Exhausted, Meter};
use super::events::Events;
use super::graph::{Edge, Graph, Links, Step};
use super::weak::two_rows;

/// The saturated order, or the contradiction.
pub(super) struct Saturation {
    pub edges: Vec<Edge>,
    /// The clocks of all events, one after the other.
    pub clock: Vec<u32>,
    /// A topological order of the events, or a cycle.
    pub order: Result<Vec<u32>, Vec<Step>>,
}

impl Saturation {
    /// Saturates.
    pub(super) fn new(
        events: &Events<'_>,
        edges: Vec<Edge>,
        meter: &mut Meter<'_>,
    ) -> Result<Self, Exhausted> {
        let chains = events.first.len();
        let cells = events.len() * chains;
        // Clocks, and as much again for the search; cells are counted in 32 bits.
        meter.afford(cells as u64 * 8 + edges.len() as u64 * 64)?;
        if cells >= u32::MAX as usize {
            return Err(Exhausted);
        }
        let mut clock: Vec<u32> = vec![0; cells];
        let mut seen: Vec<u32> = vec![0; cells];
        let mut edges = edges;
        let mut found = vec![];
        loop {
            meter.spend(edges.len() as u64)?;
            let links = Links::new(events.len(), &edges);
            let order = Graph { chain: &events.chain, edges: &edges, links: &links }.sort();
            let Ok(order) = order else { return Ok(Self { edges, clock, order }) };
            let before = edges.len();
            let mut is_refuted = false;
            for event in &order {
                if is_refuted {
                    // Sorting will find the cycle.
                    break;
                }
                let at = *event as usize * chains;
                let range = at..at + chains;
                if clock[range.clone()] != seen[range.clone()] {
                    events
                        .infer(*event, &seen[range.clone()], &clock[range.clone()], |edge| found.push(edge));
                    seen[range.clone()].copy_from_slice(&clock[range]);
                    for edge in found.drain(..) {
                        let cell = edge.to as usize * chains + events.chain[edge.from as usize] as usize;
                        let place = events.place(edge.from);
                        if clock[cell] <= place {
                            clock[cell] = place + 1;
                            edges.push(edge);
                            let back = edge.from as usize * chains + events.chain[edge.to as usize] as usize;
                            is_refuted |= clock[back] > events.place(edge.to);
                        }
                    }
                }
                push_clock(events, &links, &mut clock, *event);
            }
            if edges.len() == before {
                return Ok(Self { edges, clock, order: Ok(order) });
            }
        }
    }
}

impl Saturation {
    /// The clocks of what is known, without inferring more.
    pub(super) fn known(
        events: &Events<'_>,
        edges: Vec<Edge>,
        meter: &mut Meter<'_>,
    ) -> Result<Self, Exhausted> {
        let cells = events.len() * events.first.len();
        meter.afford(cells as u64 * 4 + edges.len() as u64 * 64)?;
        meter.spend(edges.len() as u64)?;
        let mut clock = vec![0; cells];
        let links = Links::new(events.len(), &edges);
        let order = Graph { chain: &events.chain, edges: &edges, links: &links }.sort();
        for event in order.iter().flatten() {
            push_clock(events, &links, &mut clock, *event);
        }
        Ok(Self { edges, clock, order })
    }

    /// Whether one event is known to precede another.
    pub(super) fn precedes(&self, events: &Events<'_>, one: u32, other: u32) -> bool {
        let cell = other as usize * events.first.len() + events.chain[one as usize] as usize;
        self.clock[cell] > events.place(one)
    }
}

/// Adds the clock of an event to those of its successors.
fn push_clock(events: &Events<'_>, links: &Links, clock: &mut [u32], event: u32) {
    let chains = events.first.len();
    let (chain, place) = (events.chain[event as usize] as usize, events.place(event));
    let mut push = |to: u32| {
        let (row, source) = two_rows(clock, to as usize * chains, event as usize * chains, chains);
        row.iter_mut().zip(source).for_each(|(a, b)| *a = (*a).max(*b));
        row[chain] = row[chain].max(place + 1);
    };
    if events.chain.get(event as usize + 1) == Some(&events.chain[event as usize]) {
        push(event + 1);
    }
    links.of(event).iter().for_each(|(to, _)| push(*to));
}
