//! The vectors of deliveries, in windows that are worked out when they are asked for.
use std::collections::VecDeque;

use super::layout::{Delivery, Layout, NONE};

/// What is alive where a window begins: the last vector of each node, and those of messages under way.
#[derive(Clone, Debug)]
struct Start {
    /// Which deliveries' vectors, ascending.
    alive: Box<[u32]>,
    /// The vectors, one behind the other.
    vectors: Box<[u32]>,
}

/// The vectors of all deliveries: of delivery `i`, how many events of each node happened before it. The entry of the
/// delivery's own node is not kept up to date: it is the event's place in its chain.
#[derive(Clone, Debug)]
pub(super) struct Vectors {
    nodes: usize,
    /// How many deliveries a window has.
    window: usize,
    starts: Vec<Start>,
    /// The vectors of a window, one behind the other, where they are known.
    known: Vec<Option<Box<[u32]>>>,
    /// Which windows are known, the first to be forgotten first.
    order: VecDeque<usize>,
    /// How many windows may be known.
    capacity: usize,
}

/// The fewest deliveries of a window.
const SHORTEST: usize = 4096;
/// Deliveries of a window for each node: what is kept of a window is a vector for each node.
const PER_NODE: usize = 16;

impl Vectors {
    pub(super) fn new(layout: &Layout, budget_bytes: usize) -> Self {
        let window = SHORTEST.max(PER_NODE * layout.nodes());
        Self::with_window(layout, budget_bytes, window)
    }

    pub(super) fn with_window(layout: &Layout, budget_bytes: usize, window: usize) -> Self {
        let nodes = layout.nodes();
        let starts = Pass::new(layout).run(layout, window);
        let kept: usize = starts.iter().map(|it| size_of_val(&*it.vectors) + size_of_val(&*it.alive)).sum();
        let each = window * nodes.max(1) * size_of::<u32>();
        let capacity = (budget_bytes.saturating_sub(kept) / each).max(1);
        let known = vec![None; starts.len()];
        Self { nodes, window, starts, known, order: VecDeque::new(), capacity }
    }

    /// How much memory they take now.
    pub(super) fn bytes(&self) -> usize {
        let starts = self.starts.iter().map(|it| size_of_val(&*it.vectors) + size_of_val(&*it.alive));
        starts.sum::<usize>() + self.known.iter().flatten().map(|it| size_of_val(&**it)).sum::<usize>()
    }

    /// The vector of a delivery.
    #[inline]
    pub(super) fn row(&mut self, layout: &Layout, delivery: usize) -> &[u32] {
        let window = delivery / self.window;
        if self.known[window].is_none() {
            self.work_out(layout, window);
        }
        let vectors = self.known[window].as_deref().expect("it was just worked out");
        let at = (delivery - window * self.window) * self.nodes;
        &vectors[at..at + self.nodes]
    }

    #[cold]
    fn work_out(&mut self, layout: &Layout, window: usize) {
        if self.order.len() == self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.known[oldest] = None;
        }
        let (first, nodes) = (window * self.window, self.nodes);
        let all = layout.delivery_column();
        let deliveries = &all[first..all.len().min(first + self.window)];
        let mut vectors = vec![0_u32; deliveries.len() * nodes].into_boxed_slice();
        let start = &self.starts[window];
        for (at, delivery) in deliveries.iter().enumerate() {
            let (done, rest) = vectors.split_at_mut(at * nodes);
            let vector = &mut rest[..nodes];
            let known = |it: u32| -> &[u32] {
                if it as usize >= first {
                    let at = (it as usize - first) * nodes;
                    return &done[at..at + nodes];
                }
                let at = start.alive.binary_search(&it).expect("alive where the window begins") * nodes;
                &start.vectors[at..at + nodes]
            };
            if delivery.previous != NONE {
                vector.copy_from_slice(known(delivery.previous));
            }
            if let Some(carried) = layout.delivery_before(delivery.send as usize) {
                merge(vector, known(carried as u32));
            }
            count_send(layout, delivery, vector);
        }
        self.known[window] = Some(vectors);
        self.order.push_back(window);
    }
}

#[inline]
fn merge(vector: &mut [u32], other: &[u32]) {
    vector.iter_mut().zip(other).for_each(|(mine, theirs)| *mine = (*mine).max(*theirs));
}

/// A message carries its send, and with it all events of its sender up to that.
#[inline]
fn count_send(layout: &Layout, delivery: &Delivery, vector: &mut [u32]) {
    let send = delivery.send as usize;
    let entry = &mut vector[layout.node(send)];
    *entry = (*entry).max(layout.place(send));
}

/// The one pass over all deliveries that finds what is alive where each window begins. A vector is alive as long as
/// it is its node's last, or a message that carries it has not arrived.
struct Pass {
    nodes: usize,
    /// How many messages carry the vector of each delivery and have not arrived yet.
    under_way: Vec<u32>,
    /// Where the vector of each delivery is; [`NONE`]: nowhere any more.
    slot: Vec<u32>,
    /// The delivery whose vector is in each slot; [`NONE`]: none.
    owner: Vec<u32>,
    vectors: Vec<u32>,
    free: Vec<u32>,
    /// The last delivery of each node; [`NONE`]: none yet.
    last: Vec<u32>,
}

impl Pass {
    fn new(layout: &Layout) -> Self {
        let deliveries = layout.delivery_column();
        let mut under_way = vec![0_u32; deliveries.len()];
        for delivery in deliveries {
            if let Some(carried) = layout.delivery_before(delivery.send as usize) {
                under_way[carried] += 1;
            }
        }
        let slot = vec![NONE; deliveries.len()];
        let (owner, vectors, free, nodes) = (Vec::new(), Vec::new(), Vec::new(), layout.nodes());
        Self { nodes, under_way, slot, owner, vectors, free, last: vec![NONE; nodes] }
    }

    fn run(mut self, layout: &Layout, window: usize) -> Vec<Start> {
        let mut starts = Vec::new();
        for (at, delivery) in layout.delivery_column().iter().enumerate() {
            if at % window == 0 {
                starts.push(self.alive());
            }
            let own = self.begin(at as u32, delivery.previous);
            self.last[layout.node(delivery.row as usize)] = at as u32;
            if let Some(carried) = layout.delivery_before(delivery.send as usize) {
                self.merge_from(own, carried);
                self.under_way[carried] -= 1;
                self.forget(carried as u32, layout);
            }
            let from = own as usize * self.nodes;
            count_send(layout, delivery, &mut self.vectors[from..from + self.nodes]);
        }
        starts
    }

    /// A slot for the vector of delivery `at`, which begins as that of the delivery before it at its node.
    fn begin(&mut self, at: u32, previous: u32) -> u32 {
        let inherited = (previous != NONE).then(|| self.slot[previous as usize]);
        let own = match inherited {
            Some(slot) if self.under_way[previous as usize] == 0 => {
                self.slot[previous as usize] = NONE;
                slot
            }
            Some(slot) => {
                let own = self.fresh();
                let from = slot as usize * self.nodes;
                self.vectors.copy_within(from..from + self.nodes, own as usize * self.nodes);
                own
            }
            None => {
                let own = self.fresh();
                let from = own as usize * self.nodes;
                self.vectors[from..from + self.nodes].fill(0);
                own
            }
        };
        self.owner[own as usize] = at;
        self.slot[at as usize] = own;
        own
    }

    fn fresh(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.vectors.resize(self.vectors.len() + self.nodes, 0);
            self.owner.push(NONE);
            self.owner.len() as u32 - 1
        })
    }

    fn merge_from(&mut self, own: u32, carried: usize) {
        let (own, other) = (own as usize * self.nodes, self.slot[carried] as usize * self.nodes);
        let (low, high) = (own.min(other), own.max(other));
        let (head, tail) = self.vectors.split_at_mut(high);
        let (head, tail) = (&mut head[low..low + self.nodes], &mut tail[..self.nodes]);
        if own < other { merge(head, tail) } else { merge(tail, head) }
    }

    /// Frees the slot of a vector that nobody needs: no message carries it, and its node has a later one.
    fn forget(&mut self, delivery: u32, layout: &Layout) {
        let slot = self.slot[delivery as usize];
        if self.under_way[delivery as usize] > 0 || slot == NONE || self.is_last(delivery, layout) {
            return;
        }
        self.slot[delivery as usize] = NONE;
        self.owner[slot as usize] = NONE;
        self.free.push(slot);
    }

    fn is_last(&self, delivery: u32, layout: &Layout) -> bool {
        self.last[layout.node(layout.delivery_column()[delivery as usize].row as usize)] == delivery
    }

    fn alive(&self) -> Start {
        let mut alive: Vec<(u32, usize)> = self
            .owner
            .iter()
            .enumerate()
            .filter(|(_, it)| **it != NONE)
            .map(|(slot, it)| (*it, slot))
            .collect();
        alive.sort_unstable();
        let vector = |slot: usize| &self.vectors[slot * self.nodes..(slot + 1) * self.nodes];
        Start {
            alive: alive.iter().map(|(delivery, _)| *delivery).collect(),
            vectors: alive.iter().flat_map(|(_, slot)| vector(*slot)).copied().collect(),
        }
    }
}
