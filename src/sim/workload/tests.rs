//! Tests of workloads as a whole, and the frequency test shared with the parts.
use super::*;

const SECOND: Time = 1_000_000_000;

/// Pearson's chi-square test at a significance of about one in a million. What cannot happen must not, and
/// rare cases are pooled until each class expects at least 10.
pub(super) fn check_frequencies(seen: &[u64], probabilities: &[f64]) {
    let n = seen.iter().sum::<u64>() as f64;
    let (mut statistic, mut classes) = (0.0, 0);
    let (mut pooled_seen, mut pooled) = (0.0, 0.0);
    for (&seen, &p) in seen.iter().zip(probabilities) {
        assert!(p > 0.0 || seen == 0, "the impossible happened");
        pooled_seen += seen as f64;
        pooled += p * n;
        if pooled >= 10.0 {
            statistic += (pooled_seen - pooled).powi(2) / pooled;
            classes += 1;
            (pooled_seen, pooled) = (0.0, 0.0);
        }
    }
    // Wilson and Hilferty: the cube root of chi-square over its degrees of freedom is nearly normal.
    let freedom = f64::from((classes - 1).max(1));
    let spread = 2.0 / (9.0 * freedom);
    let bound = freedom * (1.0 - spread + 4.75 * spread.sqrt()).powi(3);
    assert!(
        statistic <= bound,
        "chi-square {statistic} > {bound}: {seen:?}, expected {probabilities:?} of {n}"
    );
}

fn clients(n: u32) -> Vec<NodeId> {
    (0..n).map(NodeId).collect()
}

fn open(arrivals: Arrivals) -> Workload {
    Workload { arrivals, ..Workload::of(clients(4)) }
}

/// All arrivals of an open loop.
fn run(workload: Workload) -> Vec<Arrival> {
    let mut generator = Generator::new(workload, 5, 0).unwrap();
    let mut next = generator.start().pop();
    let mut all = Vec::new();
    while let Some(arrival) = next {
        all.push(arrival);
        next = generator.after_arrival(arrival.at);
    }
    all
}

#[test]
fn poisson_arrivals_come_at_their_rate_and_to_all_clients() {
    let from = 3 * SECOND;
    let until = Some(from + 10 * SECOND);
    let all = run(Workload { from, until, ..open(Arrivals::Poisson { rate: 2000.0 }) });
    let expected = 20_000_f64;
    assert!((all.len() as f64 - expected).abs() <= 5.0 * expected.sqrt(), "{}", all.len());
    assert!(
        all.is_sorted_by_key(|it| it.at) && all[0].at >= from && all.last().unwrap().at < from + 10 * SECOND
    );
    let mut seen = [0; 4];
    all.iter().for_each(|it| seen[it.client.index()] += 1);
    check_frequencies(&seen, &[0.25; 4]);
    // Gaps are exponential: deciles are hit alike.
    let mut deciles = [0; 10];
    for pair in all.windows(2) {
        let gap = (pair[1].at - pair[0].at) as f64 / SECOND as f64;
        deciles[((1.0 - (-gap * 2000.0).exp()) * 10.0) as usize] += 1;
    }
    check_frequencies(&deciles, &[0.1; 10]);
}

#[test]
fn fixed_arrivals_are_even_and_take_turns() {
    let all = run(Workload { from: 7, limit: Some(5), ..open(Arrivals::Fixed { rate: 3.0 }) });
    let expected = [(7, 0), (333_333_340, 1), (666_666_674, 2), (1_000_000_007, 3), (1_333_333_340, 0)];
    assert_eq!(all.iter().map(|it| (it.at, it.client.0)).collect::<Vec<_>>(), expected);
}

#[test]
fn a_closed_loop_waits_for_replies() {
    let think = Distribution::Constant(10);
    let workload = Workload {
        arrivals: Arrivals::Closed { think },
        from: 100,
        until: Some(150),
        limit: Some(6),
        ..Workload::of(clients(4))
    };
    let mut generator = Generator::new(workload, 5, 0).unwrap();
    assert_eq!(
        generator.start(),
        clients(4).into_iter().map(|client| Arrival { at: 110, client }).collect::<Vec<_>>()
    );
    assert_eq!(generator.after_arrival(110), None);
    let next = |generator: &mut Generator, now| generator.after_reply(NodeId(2), now).map(|it| it.at);
    assert_eq!(next(&mut generator, 139), Some(149));
    assert_eq!(next(&mut generator, 140), None, "it would begin at the end");
    assert_eq!(next(&mut generator, 120), Some(130));
    assert_eq!(next(&mut generator, 120), None, "that was the sixth");
}

#[test]
fn requests_are_what_their_kind_needs() {
    let one = Mix { read: 1.0, update: 1.0, insert: 1.0, ..Mix::default() };
    let mix = Mix { scan: 1.0, read_modify_write: 1.0, ..one };
    let keys = Keys::Uniform { n: 10 };
    let workload = Workload { mix, keys, first_value: 100, ..Workload::of(clients(1)) };
    let mut generator = Generator::new(workload, 5, 0).unwrap();
    let (mut written, mut inserted) = (100, 10);
    for _ in 0..1000 {
        let request = generator.next_request();
        let scans = request.kind == Access::Scan;
        assert!(if scans { (1..=100).contains(&request.count) } else { request.count == 1 });
        if matches!(request.kind, Access::Read | Access::Scan) {
            assert_eq!(request.value, Value::Null);
            continue;
        }
        assert_eq!(request.value, Value::Int(written));
        written += 1;
        if request.kind == Access::Insert {
            assert_eq!(request.key.as_ref(), format!("k{inserted}"));
            inserted += 1;
        }
    }
    assert!(written > 500 && inserted > 100);
}

#[test]
fn other_requests_do_not_mean_other_times() {
    let times = |mix| run(Workload { mix, limit: Some(100), ..open(Arrivals::Poisson { rate: 10.0 }) });
    assert_eq!(times(Ycsb::A.mix()), times(Ycsb::E.mix()));
}

#[test]
fn a_saved_generator_goes_on_where_it_was() {
    let keys = Keys::Latest { n: 10, exponent: 0.99 };
    let mut ours =
        Generator::new(Workload { mix: Ycsb::D.mix(), keys, ..open(Arrivals::Poisson { rate: 9.0 }) }, 5, 0)
            .unwrap();
    (0..100).for_each(|_| drop(ours.next_request()));
    let bytes = postcard::to_stdvec(&ours).unwrap();
    let mut again: Generator = postcard::from_bytes(&bytes).unwrap();
    for i in 0..100 {
        assert_eq!(ours.next_request(), again.next_request());
        assert_eq!(ours.after_arrival(i), again.after_arrival(i));
    }
}

#[test]
fn nonsense_is_refused_by_name() {
    let fine = Workload::of(clients(2));
    let cases = [
        (
            Workload { clients: vec![], ..fine.clone() },
            "clients is []; allowed: one client or more, none twice",
        ),
        (
            Workload { clients: vec![NodeId(3), NodeId(3)], ..fine.clone() },
            "clients is [3, 3]; allowed: one client or more, none twice",
        ),
        (open(Arrivals::Fixed { rate: 0.0 }), "rate is 0; allowed: a number above 0, at most 1e9 a second"),
        (
            open(Arrivals::Poisson { rate: f64::NAN }),
            "rate is NaN; allowed: a number above 0, at most 1e9 a second",
        ),
        (
            open(Arrivals::Closed { think: Distribution::Exponential { mean: 0 } }),
            "think.mean is 0 ns; allowed: a duration longer than 0",
        ),
        (
            Workload { keys: Keys::Uniform { n: 0 }, ..fine.clone() },
            "keys.n is 0; allowed: a whole number from 1 to 10,000,000",
        ),
        (
            Workload { mix: Mix::default(), ..fine.clone() },
            "mix.weights is 0 in all; allowed: a finite sum above 0",
        ),
        (
            Workload { scan_length: Span { min: 0, max: 1 }, ..fine.clone() },
            "scan_length is 0 to 1; allowed: from 1 up, in order",
        ),
        (
            Workload { from: 5, until: Some(5), ..fine },
            "until is 5 ns, with from 5 ns; allowed: a time after from",
        ),
    ];
    for (workload, complaint) in cases {
        assert_eq!(workload.check().unwrap_err().to_string(), complaint);
    }
}

#[test]
fn a_request_is_about_as_many_different_keys_as_it_should() {
    let mix = Mix { transfer: 1.0, ..Mix::default() };
    for keys in [Keys::Uniform { n: 5 }, Keys::Zipf { n: 5, exponent: 100.0 }, Keys::Sequential { n: 5 }] {
        let workload = Workload { keys, mix, width: Span { min: 2, max: 5 }, ..Workload::of(clients(1)) };
        let mut generator = Generator::new(workload, 1, 0).unwrap();
        let mut seen = [0; 6];
        for _ in 0..400 {
            let request = generator.next_request();
            let mut keys: Vec<_> = request.others.iter().chain([&request.key]).collect();
            keys.sort();
            keys.dedup();
            assert_eq!(keys.len(), request.others.len() + 1);
            seen[keys.len()] += 1;
        }
        assert!(seen[..2] == [0, 0] && seen[2..].iter().all(|it| *it > 50), "{seen:?}");
    }
    let wide =
        Workload { keys: Keys::Uniform { n: 5 }, width: Span { min: 2, max: 6 }, ..Workload::of(clients(1)) };
    let error = wide.check().unwrap_err().to_string();
    assert_eq!(error, "width is 2 to 6; allowed: from 1 up to the number of keys, in order");
    let error = Workload { mix, ..Workload::of(clients(1)) }.check().unwrap_err().to_string();
    assert_eq!(error, "width is 1; allowed: 2 or more, where something is transferred");
}
