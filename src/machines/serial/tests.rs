//! The worked examples of the notes, and laws on random batches.
use super::*;
use crate::sim::workload::{Generator, Keys, Workload};
use crate::sim::{NodeId, Purpose, Rng, Span};

fn batch(texts: &[&str]) -> Vec<Footprint> {
    texts.iter().map(|it| Footprint::parse(it).unwrap()).collect()
}

const FIRST: [&str; 4] = ["Rx0 Wx1", "Rz0 Wz9", "Ry1 Rx1", "Rx0 Wy1"];
const SECOND: [&str; 3] = ["Rx0 Wx1", "Rx0 Wy1", "Ry0 Rx1"];

#[test]
fn example_6_1_finds_the_order_t4_t1_t3_t2() {
    for policy in [Policy::All, Policy::Validator, Policy::Minimum] {
        let verdict = validate(&batch(&FIRST), policy);
        assert_eq!(verdict, Verdict { order: vec![3, 0, 2, 1], aborted: vec![], cycle: None });
    }
    assert!(dependencies(&batch(&FIRST)).is_order(&[3, 0, 2, 1]));
    assert!(!dependencies(&batch(&FIRST)).is_order(&[0, 3, 2, 1]), "T4 read what T1 overwrote");
}

#[test]
fn example_6_1_finds_the_cycle_t2_t1_t3_t2() {
    let graph = dependencies(&batch(&SECOND));
    assert_eq!(graph.edges().collect::<Vec<_>>(), [(0, 2), (1, 0), (2, 1)]);
    for (policy, aborted, order) in [
        (Policy::All, vec![0, 1, 2], vec![]),
        (Policy::Validator, vec![2], vec![1, 0]),
        (Policy::Minimum, vec![2], vec![1, 0]),
    ] {
        let verdict = validate(&batch(&SECOND), policy);
        assert_eq!(verdict, Verdict { order, aborted, cycle: Some(vec![1, 0, 2]) });
    }
}

/// Examples 6.2 and 6.3: the servers of x and of y, T1@100, T2@110, T3@105.
const BOTH: [&str; 3] = ["Rx0 Wx1", "Rx0 Wy1", "Rx1 Ry0"];

fn server(key: &str) -> Vec<Footprint> {
    batch(&BOTH).iter().map(|it| it.part(|name| name == key)).collect()
}

#[test]
fn example_6_2_is_fine_on_either_server_and_not_serializable_on_both() {
    assert!(dependencies(&server("x")).is_order(&[1, 0, 2]), "S_X: T2, T1, T3");
    assert!(dependencies(&server("y")).is_order(&[2, 1, 0]), "S_Y: T3, T2, and T1 nowhere");
    for key in ["x", "y"] {
        assert_eq!(validate(&server(key), Policy::All).aborted, [] as [usize; 0]);
    }
    let verdict = validate(&batch(&BOTH), Policy::All);
    assert_eq!((verdict.order, verdict.cycle), (vec![], Some(vec![1, 0, 2])), "T2 < T1 < T3 < T2");
}

#[test]
fn example_6_3_lets_the_server_of_x_refuse_and_the_server_of_y_agree() {
    let timestamps = [100, 110, 105];
    let x = in_timestamp_order(&server("x"), &timestamps);
    assert_eq!(x.order, [0, 2, 1], "T1, T3, T2");
    assert_eq!(x.against, [(1, 0)], "NO: T2 read x before T1 wrote it");
    let y = in_timestamp_order(&server("y"), &timestamps);
    assert!(y.ok());
    assert_eq!(y.order.iter().filter(|it| **it != 0).collect::<Vec<_>>(), [&2, &1], "OK: T3, T2");
}

/// Transactions that read a state and would each write the version after it; some have seen others' writes.
fn random(rng: &mut Rng) -> Vec<Footprint> {
    let keys = 1 + rng.below(4);
    let mut all = Vec::new();
    for _ in 0..2 + rng.below(5) {
        let mut it = Footprint::default();
        for key in 0..keys {
            let name: Arc<str> = format!("k{key}").into();
            let seen = u64::from(rng.below(4) == 0);
            if rng.below(3) > 0 {
                it.reads.push((name.clone(), seen));
            }
            if rng.below(3) == 0 {
                it.writes.push((name, 1 + seen));
            }
        }
        all.push(it);
    }
    all
}

#[test]
fn who_commits_has_an_order_and_no_policy_spares_a_cycle() {
    let mut rng = Rng::stream(5, Purpose::Workload, 0, 0);
    let (mut none, mut fewer) = (0, 0);
    for _ in 0..5_000 {
        let batch = random(&mut rng);
        let graph = dependencies(&batch);
        let [all, validator, minimum] =
            [Policy::All, Policy::Validator, Policy::Minimum].map(|policy| validate(&batch, policy));
        for verdict in [&all, &validator, &minimum] {
            assert_eq!(verdict.order.len() + verdict.aborted.len(), batch.len());
            assert!(verdict.order.iter().all(|it| !verdict.aborted.contains(it)));
            let place = |it: usize| verdict.order.iter().position(|at| *at == it);
            let forward = |(a, b)| !matches!((place(a), place(b)), (Some(a), Some(b)) if a > b);
            assert!(graph.edges().all(forward), "{batch:?}");
            assert!(verdict.aborted.iter().all(|it| all.aborted.contains(it)), "only members of cycles go");
        }
        assert!(minimum.aborted.len() <= validator.aborted.len().min(all.aborted.len()));
        none += usize::from(all.aborted.is_empty());
        fewer += usize::from(minimum.aborted.len() < validator.aborted.len());
    }
    assert!(none > 100 && fewer > 20, "the cases are varied: {none} {fewer}");
}

/// Law L18, second half: whoever a cycle test stops, timestamps stop; and some without need.
#[test]
fn timestamps_stop_whoever_the_graph_stops_and_more() {
    let mut rng = Rng::stream(6, Purpose::Workload, 0, 0);
    let (mut needed, mut unneeded) = (0, 0);
    for _ in 0..20_000 {
        let batch = random(&mut rng);
        let mut timestamps: Vec<u64> = (0..batch.len() as u64).collect();
        for i in (1..timestamps.len()).rev() {
            timestamps.swap(i, rng.below(i as u64 + 1) as usize);
        }
        for (by_timestamp, by_graph) in one_by_one(&batch, &timestamps) {
            assert!(by_graph || !by_timestamp, "on one state: {batch:?} {timestamps:?}");
            needed += usize::from(!by_graph);
            unneeded += usize::from(by_graph && !by_timestamp);
        }
        // The batch as a whole: those who stand against the timestamps break all cycles when they go.
        let whole = in_timestamp_order(&batch, &timestamps);
        let refused = |it: usize| whole.against.iter().any(|(a, b)| *a == it || *b == it);
        assert!(dependencies(&batch).only(|it| !refused(it)).order().is_some());
        let smallest = validate(&batch, Policy::Minimum).aborted.len();
        assert!((0..batch.len()).filter(|it| refused(*it)).count() >= smallest);
        assert!(!whole.ok() || smallest == 0, "a cycle is never in the order of its timestamps");
    }
    assert!(needed > 1_000 && unneeded > 1_000, "both occur: {needed} {unneeded}");
}

/// Law L18, first half: two transactions with k of D items each meet with probability 1 - C(D-k,k)/C(D,k).
#[test]
fn two_transactions_meet_as_often_as_the_law_says() {
    for (items, k) in [(10_u32, 1_u32), (10, 3), (50, 4), (100, 10), (8, 5)] {
        let workload = Workload {
            keys: Keys::Uniform { n: items },
            width: Span::exactly(u64::from(k)),
            ..Workload::of(vec![NodeId(0)])
        };
        let mut generator = Generator::new(workload, 7, 0).unwrap();
        let mut draw = || {
            let request = generator.next_request();
            let keys = [request.key].into_iter().chain(request.others.iter().cloned());
            Footprint { reads: keys.map(|key| (key, 0)).collect(), writes: vec![] }
        };
        let pairs = 20_000;
        let met = (0..pairs).filter(|_| draw().meets(&draw())).count() as f64 / f64::from(pairs);
        let apart: f64 =
            (0..k).map(|i| (f64::from(items - i) - f64::from(k)).max(0.0) / f64::from(items - i)).product();
        let law = 1.0 - apart;
        // Five standard deviations of a proportion: wrong once in two million.
        let tolerance = 5.0 * (law * (1.0 - law) / f64::from(pairs)).sqrt();
        assert!((met - law).abs() <= tolerance, "D={items} k={k}: {met} for {law}");
    }
}
