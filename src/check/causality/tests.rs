//! Random executions, against the transitive closure of the definition.
use super::vectors::Vectors;
use super::*;
use crate::sim::{Purpose, Rng, RowKind};

/// An execution as columns that it owns.
#[derive(Default)]
struct Execution {
    node: Vec<u32>,
    kind: Vec<u8>,
    id: Vec<u64>,
    cause: Vec<u64>,
}

impl Execution {
    fn push(&mut self, kind: RowKind, node: u32, id: u64, cause: u64) {
        self.node.push(node);
        self.kind.push(kind as u8);
        self.id.push(id);
        self.cause.push(cause);
    }

    fn columns(&self) -> Columns<'_> {
        Columns { node: &self.node, kind: &self.kind, id: &self.id, cause: &self.cause }
    }

    /// Messages that are lost, doubled, overtake each other, or wait long; rows that are no events.
    fn random(rng: &mut Rng, nodes: u32, rows: usize, far: bool) -> Self {
        let mut it = Self::default();
        let mut network: Vec<(u64, u32)> = Vec::new();
        let mut next = 0;
        while it.node.len() < rows {
            let node = rng.below(u64::from(nodes)) as u32;
            next += if far { 1 + rng.below(1 << 40) } else { 1 + rng.below(3) };
            match rng.below(10) {
                0..4 => {
                    it.push(RowKind::Send, node, next, 0);
                    network.push((next, node));
                    if rng.below(6) == 0 {
                        next += 1;
                        it.push(RowKind::Duplicate, node, next, 0);
                        network.push((next, node));
                    }
                }
                4..8 if !network.is_empty() => {
                    let at = rng.below(network.len() as u64) as usize;
                    let (id, from) = network.swap_remove(if rng.below(3) == 0 { 0 } else { at });
                    let to = (from + 1 + rng.below(u64::from(nodes - 1).max(1)) as u32) % nodes;
                    it.push(if rng.below(8) == 0 { RowKind::Drop } else { RowKind::Deliver }, to, id, 0);
                    if rng.below(8) == 0 {
                        next += 1;
                        it.push(RowKind::Duplicate, from, next, id);
                        network.push((next, from));
                    }
                }
                8 => it.push(RowKind::Fault, NONE, 0, 0),
                _ => it.push(RowKind::Timer, node, next, 0),
            }
        }
        it
    }

    /// Which rows happened before which, from the definition.
    fn closure(&self) -> Vec<Vec<bool>> {
        let rows = self.node.len();
        let mut before = vec![vec![false; rows]; rows];
        let mut sends: std::collections::BTreeMap<u64, usize> = Default::default();
        for row in 0..rows {
            let kind = RowKind::NAMES[self.kind[row] as usize];
            match kind {
                "send" => drop(sends.insert(self.id[row], row)),
                "duplicate" => {
                    let original = sends.get(&self.cause[row]).copied().unwrap_or(row - 1);
                    sends.insert(self.id[row], original);
                }
                _ => {}
            }
            if !self.is_event(row) {
                continue;
            }
            let local = (0..row).rev().find(|it| self.is_event(*it) && self.node[*it] == self.node[row]);
            let send = (kind == "deliver").then(|| sends[&self.id[row]]);
            for cause in local.into_iter().chain(send) {
                before[row][cause] = true;
                let (earlier, later) = before.split_at_mut(row);
                later[0].iter_mut().zip(&earlier[cause]).for_each(|(mine, theirs)| *mine |= *theirs);
            }
        }
        before
    }

    fn is_event(&self, row: usize) -> bool {
        let kind = RowKind::NAMES[self.kind[row] as usize];
        self.node[row] != NONE && kind != "drop" && kind != "duplicate"
    }
}

fn with_small_windows(execution: &Execution, nodes: usize, window: usize, budget: usize) -> Causality {
    let layout = Layout::new(&execution.columns(), nodes).unwrap();
    let vectors = Vectors::with_window(&layout, budget, window);
    Causality { layout, vectors }
}

#[test]
fn the_order_is_the_transitive_closure_of_chains_and_messages() {
    for seed in 0..600 {
        let mut rng = Rng::stream(seed, Purpose::Node, 0, 0);
        let nodes = 1 + rng.below(6) as u32;
        let rows = rng.below(70) as usize;
        let execution = Execution::random(&mut rng, nodes, rows, seed % 7 == 0);
        let before = execution.closure();
        let window = 1 + rng.below(7) as usize;
        let mut order = with_small_windows(&execution, nodes as usize, window, 0);
        let rows = execution.node.len();
        for b in (0..rows).filter(|row| execution.is_event(*row)) {
            for a in (0..rows).filter(|row| execution.is_event(*row)) {
                assert_eq!(order.happens_before(a, b).unwrap(), before[b][a], "seed {seed}: {a} {b}");
            }
            let events = |found: Vec<bool>| (0..rows).filter(|row| found[*row]).collect::<Vec<_>>();
            let expected = |of: &dyn Fn(usize) -> bool| {
                (0..rows).filter(|row| execution.is_event(*row) && of(*row)).collect::<Vec<_>>()
            };
            assert_eq!(events(order.past(b).unwrap()), expected(&|row| before[b][row]), "seed {seed}");
            assert_eq!(events(order.future(b).unwrap()), expected(&|row| before[row][b]), "seed {seed}");
            let mut stamp = vec![0; nodes as usize];
            order.stamp(b, &mut stamp).unwrap();
            for (node, count) in stamp.iter().enumerate() {
                let known =
                    |row: &usize| execution.node[*row] as usize == node && (before[b][*row] || *row == b);
                let expected = (0..rows).filter(|row| execution.is_event(*row)).filter(known).count();
                assert_eq!(*count as usize, expected, "seed {seed}");
            }
        }
        chains_are_chains(&order, &before, &execution, seed);
        cuts_are_consistent_if_closed(&order, &before, &execution, &mut rng);
    }
}

fn chains_are_chains(order: &Causality, before: &[Vec<bool>], execution: &Execution, seed: u64) {
    let lamport = order.lamport();
    let mut longest = 0;
    for (row, length) in lamport.iter().enumerate() {
        let causes = (0..row).filter(|cause| before[row][*cause]).map(|cause| lamport[cause]);
        let expected = if execution.is_event(row) { causes.max().unwrap_or(0) + 1 } else { 0 };
        assert_eq!(*length, expected, "seed {seed}");
        longest = longest.max(expected);
        if execution.is_event(row) {
            let path = order.critical_path(row).unwrap();
            assert_eq!(path.last(), Some(&row));
            assert!(path.windows(2).all(|pair| before[pair[1]][pair[0]]), "seed {seed}");
            // Nothing that an event of the path depends on came later than the event before it on the path.
            let latest = |row: usize| (0..row).rev().find(|cause| before[row][*cause]);
            assert!(path.windows(2).all(|pair| latest(pair[1]) == Some(pair[0])), "seed {seed}");
            assert_eq!(latest(path[0]), None, "seed {seed}");
        }
    }
    let chain = order.longest_chain();
    assert_eq!(chain.len(), longest as usize, "seed {seed}");
    assert!(chain.windows(2).all(|pair| before[pair[1]][pair[0]]), "seed {seed}");
}

fn cuts_are_consistent_if_closed(
    order: &Causality,
    before: &[Vec<bool>],
    execution: &Execution,
    rng: &mut Rng,
) {
    let rows = execution.node.len();
    for _ in 0..10 {
        let (density, cut_at) = (rng.below(3), rng.below(rows as u64 + 1) as usize);
        let inside: Vec<bool> = (0..rows).map(|row| row < cut_at && rng.below(density + 2) > 0).collect();
        let cut = order.cut_of(&inside).unwrap();
        let events = || (0..rows).filter(|row| execution.is_event(*row));
        let closed =
            events().filter(|row| inside[*row]).all(|row| events().all(|it| !before[row][it] || inside[it]));
        assert_eq!(cut.gaps.is_empty(), closed, "{cut:?}");
        let mut frontier = vec![0; order.layout().nodes()];
        for row in events().filter(|row| *row < cut_at) {
            frontier[order.layout().node(row)] = order.layout().place(row);
        }
        // A moment of the run is always consistent.
        let moment = order.cut_at(&frontier);
        assert_eq!(moment.gaps, [], "a cut at a time");
        for (send, delivery) in moment.in_transit {
            assert!(send < cut_at && delivery >= cut_at && before[delivery][send]);
        }
    }
}

#[test]
fn windows_that_were_forgotten_are_worked_out_again() {
    let mut rng = Rng::stream(3, Purpose::Node, 0, 0);
    let execution = Execution::random(&mut rng, 9, 3000, false);
    let all: Vec<_> = (0..execution.node.len()).filter(|row| execution.is_event(*row)).collect();
    let stamps = |order: &mut Causality, rows: &[usize]| {
        let mut stamp = vec![0; 9];
        let of = |row: &usize| {
            order.stamp(*row, &mut stamp).unwrap();
            stamp.clone()
        };
        rows.iter().map(of).collect::<Vec<_>>()
    };
    let expected = stamps(&mut with_small_windows(&execution, 9, 100_000, usize::MAX), &all);
    let mut tight = with_small_windows(&execution, 9, 16, 0);
    assert_eq!(stamps(&mut tight, &all), expected);
    let bytes = tight.vector_bytes();
    let backwards: Vec<_> = all.iter().rev().copied().collect();
    assert_eq!(stamps(&mut tight, &backwards), expected.iter().rev().cloned().collect::<Vec<_>>());
    assert_eq!(tight.vector_bytes() / 64, bytes / 64, "one window is known at a time");
}

#[test]
fn the_two_cuts_of_figure_2_1() {
    // a (p1) and c (p2) are events; d (p3) sends to b (p2).
    let mut it = Execution::default();
    it.push(RowKind::Note, 0, 0, 0); // a
    it.push(RowKind::Send, 2, 5, 0); // d
    it.push(RowKind::Deliver, 1, 5, 0); // b
    it.push(RowKind::Note, 1, 0, 0); // c
    let order = Causality::new(&it.columns(), 3, BUDGET_BYTES).unwrap();
    assert_eq!(order.cut_at(&[1, 1, 0]).gaps, [Gap::Message { send: 1, delivery: 2 }]);
    assert_eq!(order.cut_at(&[1, 0, 0]).gaps, []);
    assert_eq!(order.cut_at(&[1, 2, 1]).gaps, []);
    assert_eq!(order.cut_at(&[0, 0, 1]).in_transit, [(1, 2)]);
}

#[test]
fn what_cannot_be_ordered_is_refused() {
    let mut it = Execution::default();
    it.push(RowKind::Deliver, 0, 5, 0);
    it.push(RowKind::Send, 1, 5, 0);
    it.push(RowKind::Fault, NONE, 0, 0);
    let error = Causality::new(&it.columns(), 2, 0).unwrap_err();
    assert_eq!(error.to_string(), "row 0: message 5 is delivered before it is sent, in row 1");
    it.id[0] = 6; // its send is not there
    let mut order = Causality::new(&it.columns(), 2, 0).unwrap();
    assert_eq!(order.layout().unmatched(), 1);
    assert_eq!(order.relation(0, 9), Err(Error::UnknownRow { row: 9, rows: 3 }));
    assert_eq!(order.relation(0, 2), Err(Error::NoEvent { row: 2 }));
    let short = Columns { id: &[], ..it.columns() };
    assert!(matches!(Causality::new(&short, 2, 0), Err(Error::Ragged(_))));
}
