"""Clocks from Python: how right they are kept, what is refused, and how they are drawn."""

import pickle

import numpy as np
import pytest

import distlab as dl

MS = 1e-3


def calm(latency="5ms", **options):
    return dl.Network(latency=latency, **options)


# -- NTP --------------------------------------------------------------------------------------------------


def test_the_error_is_half_the_asymmetry():
    for there, back in [(0.0, 0.08), (0.08, 0.0), (0.03, 0.01)]:
        ways = dl.Network(latency=0.0, places=[0, 1], between=[[0, back], [there, 0]])
        ntp = dl.Ntp((1, 1), network=ways, offsets={"s1n0": "5s"}, check_invariants=True).run_for("1s")
        status = ntp.status("s1n0")
        assert status["delay"] == pytest.approx(there + back, abs=1e-9)
        assert ntp.clock("s1n0").error == pytest.approx((there - back) / 2, abs=1e-9)
        assert abs(ntp.clock("s1n0").error) <= status["delay"] / 2 + 1e-9


def test_strata_fall_back_and_end_at_16():
    ntp = dl.Ntp((2, 2, 1), seed=4, check_invariants=True).run_for("1min")
    assert ntp.strata() == {"s0n0": 0, "s0n1": 0, "s1n0": 1, "s1n1": 1, "s2n0": 2}
    assert ntp.references == ["s0n0", "s0n1"]
    first = ntp.upstream("s2n0")
    second = ntp.crash(first).run_for("4min").upstream("s2n0")
    assert {first, second} == {"s1n0", "s1n1"}
    ntp.crash(second).run_for("4min")
    assert (ntp.stratum("s2n0"), ntp.upstream("s2n0"), np.isnan(ntp.clock("s2n0").bound)) == (16, None, True)


def test_a_falseticker_is_found():
    upstreams = {"a": [], "b": [], "wrong": [], "client": ["a", "b", "wrong"]}
    ntp = dl.Ntp(upstreams, seed=1, offsets={"wrong": "-2s"}).run_for("1min")
    assert ntp.falsetickers("client") == ["wrong"]
    assert abs(ntp.clock("client").error) < 2 * MS


def test_a_clock_is_slewed_or_stepped():
    slewed = dl.Ntp((1, 1), network=calm(), offsets={"s1n0": "-100ms"})
    errors = dl.clock_errors(slewed, "5min", "1s", ["s1n0"])
    rates = np.diff(errors.error[1:, 0])
    assert rates.max() == pytest.approx(500e-6, rel=1e-4) and rates.min() >= 0
    assert slewed.status("s1n0")["steps"] == 0 and abs(errors.error[-1, 0]) < 1e-9
    stepped = dl.Ntp((1, 1), network=calm(), offsets={"s1n0": "-129ms"}).run_for("1s")
    assert stepped.status("s1n0")["steps"] == 1 and abs(stepped.clock("s1n0").error) < 1e-9


def test_mutants_break_invariants():
    for mutant, name in [("always_step", "SlewRate"), ("forget_root", "ErrorBound")]:
        network = dl.Network(latency=dl.Exponential("20ms"))
        ntp = dl.Ntp((3, 3, 3), seed=2, network=network, drift_ppm={"s1n0": 14, "s2n0": -14}, mutant=mutant)
        ntp.watch()
        with pytest.raises(dl.InvariantViolation) as caught:
            ntp.run_for("30min")
        assert caught.value.invariant == name
    assert set(dl.Ntp.mutants) == {"always_step", "no_dispersion", "forget_root", "trust_stratum"}


def test_hardware_beyond_the_tolerance_breaks_the_bound():
    ntp = dl.Ntp((1, 1), network=calm("10us"), drift_ppm={"s1n0": 80}, check_invariants=["ErrorBound"])
    with pytest.raises(dl.InvariantViolation, match="ErrorBound"):
        ntp.run_for("10min")
    tolerant = dl.Ntp((1, 1), network=calm("10us"), drift_ppm={"s1n0": 80}, tolerance_ppm=80, check_invariants=True)
    assert tolerant.run_for("10min").stratum("s1n0") == 1


# -- the others -------------------------------------------------------------------------------------------


def test_cristian_and_berkeley_by_worked_numbers():
    ways = dl.Network(latency=0.0, places=[0, 1], between=[[0, "10ms"], ["40ms", 0]])
    cristian = dl.Cristian(1, network=ways, least_way="10ms", step=0, offsets={"c0": "-7s"}).run_for("1s")
    assert cristian.status("c0")["delay"] == pytest.approx(0.05)
    assert cristian.clock("c0").error == pytest.approx(0.015)
    assert 0.015 <= cristian.clock("c0").bound < 0.01502
    minutes = {"m0": "25min", "m1": "-10min", "m2": "24h"}
    berkeley = dl.Berkeley(3, gamma="1h", network=calm(), offsets=minutes).run_for("1s")
    assert [berkeley.clock(name).error for name in berkeley.nodes] == pytest.approx([300.0] * 4)
    assert berkeley.status("m0") == {"role": "member", "adjusted": -1200.0}


def test_resync_period_is_delta_by_two_rho():
    rho, delta = 100.0, 10 * MS
    period = dl.resync_period(delta, rho)
    clocks = [dl.DriftingClock(drift_ppm=rho), dl.DriftingClock(drift_ppm=-rho)]
    assert dl.delta_synchronized(clocks, period, delta)
    assert not dl.delta_synchronized(clocks, period * 1.001, delta)

    def apart(poll):
        cluster = dl.Cristian(
            2, poll=poll, step=0, tolerance_ppm=rho, network=calm(0.0), drift_ppm={"c0": rho, "c1": -rho}
        )
        return dl.clock_errors(cluster, "10min", "0.1s")

    assert dl.delta_synchronized(apart(period), None, delta * 1.0002)
    assert not dl.delta_synchronized(apart(period * 1.1), None, delta)


# -- TrueTime ---------------------------------------------------------------------------------------------


def test_the_sawtooth_is_the_papers():
    tt = dl.TrueTime(1, gps=1, atomic=0, epsilon="1ms", network=calm(0.0))
    assert tt.run_for("29.999999999s").clock("dc0.d0").bound == 7 * MS
    bound = dl.clock_errors(tt.run_for(1e-9), "29.99s", "10ms", ["dc0.d0"]).bound[:, 0]
    assert bound[0] == 1 * MS and (np.diff(bound) * 1e9).round().tolist() == [2_000] * 2_999
    middles = dl.clock_errors(tt.run_for("15ms"), "29.99s", "10ms", ["dc0.d0"]).bound[:, 0]
    assert middles.mean() == pytest.approx(4 * MS, abs=1e-9)


def test_commits_wait_twice_the_bound_and_half_of_that_is_not_enough():
    def run(seed, mutant):
        drift = {"dc0.d0": 190, "dc0.d1": -190}
        tt = dl.TrueTime(2, seed=seed, poll=("15s", "30s"), drift_ppm=drift, mutant=mutant, check_invariants=True)
        tt.run_for("3s")
        for i in range(80):
            tt.run_for("0.5s")
            tt.run_until(tt.commit("dc0.d0"))
            tt.run_until(tt.commit(f"dc0.d{1 - i % 2}"))

    for seed in range(5):
        run(seed, None)
    with pytest.raises(dl.InvariantViolation, match="ExternalConsistency"):
        for seed in range(5):
            run(seed, "half_wait")


def test_a_clock_fault_is_caught():
    tt = dl.TrueTime(1, seed=1).run_for("5s")
    watched = tt.fork().watch().skew("dc0.d0", offset="-50ms")
    with pytest.raises(dl.InvariantViolation, match="ErrorBound"):
        watched.run_for("1min")
    tt.skew("dc0.d0", offset="-50ms")
    wait = tt.commit_wait("dc0.d0", "1h")
    assert tt.run_for("1min").evicted() == ["dc0.d0"]
    assert (wait.status, wait.stamp) == ("fail", None)
    with pytest.raises(dl.ClockError, match="the clock of dc0.d0 is wrong"):
        tt.interval("dc0.d0")
    with pytest.raises(dl.ClockError, match="down"):
        tt.crash("dc0.d0").interval("dc0.d0")


def test_liars_are_found_and_far_masters_do_not_widen_the_interval():
    tt = dl.TrueTime(1, gps=3, datacenters=3, offsets={"dc0.gps1": "1s"}).run_for("10s")
    assert tt.liars("dc0.d0") == ["dc0.gps1"]
    assert len(tt.masters) == 12 and tt.daemons == ["dc0.d0", "dc1.d0", "dc2.d0"]
    assert tt.interval("dc1.d0").epsilon < 4 * MS


def test_after_and_before():
    tt = dl.TrueTime(1).run_for("10s")
    assert tt.after("dc0.d0", 9.9) and not tt.after("dc0.d0", 10.0)
    assert tt.before("dc0.d0", 10.1) and not tt.before("dc0.d0", 10.0)


# -- mutual exclusion -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("algorithm", "each"), [("lamport", 3), ("ricart_agrawala", 2)])
def test_messages_of_an_entry(algorithm, each):
    for n in range(1, 7):
        cluster = dl.MutualExclusion(n, algorithm=algorithm, check_invariants=True)
        load = cluster.workload(limit=20)
        assert cluster.run_for("10s").metrics["sent"] == 20 * each * (n - 1)
        assert load.counts()["ok"] == 20
        entries = cluster.entries()
        assert len(entries["node"]) == 20 and bool((entries["start"][1:] >= entries["end"][:-1]).all())


def test_lamports_algorithm_needs_fifo_channels():
    network = dl.Network(latency=("1ms", "20ms"))
    with pytest.raises(dl.ParameterError, match="fifo"):
        dl.MutualExclusion(3, network=network)
    with pytest.raises(dl.InvariantViolation, match="MutualExclusion"):
        for seed in range(50):
            cluster = dl.MutualExclusion(3, network=network, unsafe=True, seed=seed)
            cluster.watch(["MutualExclusion"])
            cluster.workload(limit=50)
            cluster.run_for("5s")
    cluster = dl.MutualExclusion(3, algorithm="ricart_agrawala", network=network, check_invariants=True)
    load = cluster.workload(limit=50)
    assert load.counts()["ok"] == 0 and cluster.run_for("10s") and load.counts()["ok"] == 50


def test_every_order_of_two_entries_is_safe_and_without_acks_it_is_not():
    enter = {"mutual_exclusion": {"enter": {"hold": 1}}}

    def explored(**options):
        cluster = dl.MutualExclusion(2, network=dl.Network(fifo=True), **options)
        return cluster.explore(calls={"n0": [enter], "n1": [enter]}, invariants=True)

    found = explored()
    assert found.complete and not found.violations
    other = explored(algorithm="ricart_agrawala")
    assert other.complete and not other.violations
    assert explored(mutant="enter_without_acks").violations


def test_a_node_that_was_down_takes_part_no_more():
    cluster = dl.MutualExclusion(3, check_invariants=True).crash("n2").run_for("1s").recover("n2").run_for("1s")
    assert cluster.phases()["n2"] == "forgotten"
    assert cluster.acquire("n2").stamp is None
    blocked = cluster.acquire("n0")
    assert (cluster.run_for("10s").inside, blocked.status) == ([], "pending")


# -- samples, wander, saving ------------------------------------------------------------------------------


def test_clocks_wander_within_their_range_and_the_same_way_again():
    def run(seed, **options):
        cluster = dl.Ntp((1, 1), seed=seed).wander("s1n0", **options)
        return dl.clock_errors(cluster, "30min", "10s", ["s1n0"])

    one, same, other = (run(seed, step_ppm=2, most_ppm=10) for seed in (1, 1, 2))
    assert (one.hardware == same.hardware).all() and not (one.hardware == other.hardware).all()
    rates = np.diff(one.hardware[:, 0]) / 10
    assert np.abs(rates).max() <= 10e-6 + 1e-9 and len(np.unique(rates.round(9))) > 100
    assert one.within_bound()
    assert not run(1, step_ppm=0, most_ppm=10).hardware.any()


def test_samples_are_what_clocks_show():
    cluster = dl.Ntp((1, 2), seed=1, drift_ppm={"s1n0": 10}).run_for("1s")
    errors = dl.clock_errors(cluster, "25s", "10s")
    assert errors.time.tolist() == [1.0, 11.0, 21.0] and cluster.now == 26.0
    assert errors.of("s1n0")["hardware"] == pytest.approx([1e-5, 11e-5, 21e-5], abs=1e-9)
    assert errors.bound[:, 0].tolist() == [1e-6] * 3, "a reference is right to within its precision"
    down = dl.clock_errors(cluster.crash("s1n1"), "10s", "10s")
    assert down.up[:, 2].tolist() == [False, False] and down.spread()[0] == np.abs(down.error[0, :2]).max()
    assert dl.delta_synchronized(errors, "12s", "1s") and pickle.loads(pickle.dumps(errors)).nodes == errors.nodes


@pytest.mark.parametrize(
    "made",
    [
        lambda: dl.Ntp((1, 2), offsets={"s1n0": "1s"}),
        lambda: dl.Cristian(1, offsets={"c0": "1s"}),
        lambda: dl.Berkeley(2, offsets={"m0": "50ms"}),
        lambda: dl.TrueTime(1),
        lambda: dl.MutualExclusion(2),
    ],
)
def test_clusters_are_saved_and_read_again(made):
    cluster = made().run_for("3s")
    again = dl.load(cluster.save())
    assert type(again) is type(cluster)
    assert again.run_for("1min").fingerprint == cluster.run_for("1min").fingerprint
    assert [again.status(name) for name in again.nodes] == [cluster.status(name) for name in cluster.nodes]
    assert cluster.fork().run_for("1s").now == cluster.now + 1
    with pytest.raises(dl.ParameterError, match="saved"):
        type(cluster).load_from(dl.Raft(3).save())


def test_what_makes_no_sense_is_refused():
    ntp = dl.Ntp((1, 1))
    wrong = dl.ParameterError, dl.ParameterTypeError, dl.UnknownNode
    for call, match in [
        (lambda: dl.Ntp(()), "upstreams"),
        (lambda: dl.Ntp((1, 0)), "upstreams"),
        (lambda: dl.Ntp("abc"), "upstreams"),
        (lambda: dl.Ntp({"a": ["b"]}), "b"),
        (lambda: dl.Ntp({"a": ["a"]}), "upstreams"),
        (lambda: dl.Ntp({"a": "b"}), "upstreams"),
        (lambda: dl.Ntp(poll=0), "poll"),
        (lambda: dl.Ntp(slew_ppm=1e6), "slew_ppm"),
        (lambda: dl.Ntp(slew_ppm=float("nan")), "slew_ppm"),
        (lambda: dl.Ntp(tolerance_ppm=-1), "tolerance_ppm"),
        (lambda: dl.Ntp(drift_ppm={"s1n0": -1e6}), "drift_ppm"),
        (lambda: dl.Ntp(drift_ppm={"nobody": 1}), "nobody"),
        (lambda: dl.Ntp(offsets=[1]), "offsets"),
        (lambda: dl.Ntp(mutant="x"), "mutant"),
        (lambda: ntp.wander("s1n0", step_ppm=2, most_ppm=1), "step_ppm"),
        (lambda: ntp.wander("s1n0", most_ppm=1e6), "most_ppm"),
        (lambda: ntp.wander("s1n0", every=0), "every"),
        (lambda: ntp.wander("nobody"), "nobody"),
        (lambda: ntp.clock("nobody"), "nobody"),
        (lambda: dl.Cristian(["server"]), "clients"),
        (lambda: dl.Cristian(most_delay=0), "most_delay"),
        (lambda: dl.Berkeley(["master"]), "members"),
        (lambda: dl.TrueTime(gps=0, atomic=0), "gps"),
        (lambda: dl.TrueTime(0), "daemons"),
        (lambda: dl.TrueTime(1.5), "daemons"),
        (lambda: dl.MutualExclusion(algorithm="token"), "algorithm"),
        (lambda: dl.MutualExclusion(0), "nodes"),
        (lambda: dl.clock_errors(ntp, "1s", 0), "every"),
        (lambda: dl.clock_errors(ntp, "1h", "1us"), "every"),
        (lambda: dl.clock_errors(ntp, "1s", "1s", []), "nodes"),
        (lambda: dl.clock_errors("ntp", "1s", "1s"), "cluster"),
        (lambda: dl.delta_synchronized([], 1, 1), "clocks"),
        (lambda: dl.delta_synchronized([3], 1, 1), "clocks"),
        (lambda: dl.delta_synchronized([float], None, 1), "t"),
        (lambda: dl.resync_period(0, 1), "delta"),
        (lambda: dl.resync_period(1, 0), "drift_ppm"),
        (lambda: dl.DriftingClock(drift_ppm=-1e6), "drift_ppm"),
        (lambda: dl.plot.clock_error({}), "runs"),
        (lambda: dl.plot.clock_error([1]), "runs"),
    ]:
        with pytest.raises(wrong, match=match):
            call()


def test_exploring_a_clock_that_wanders_is_refused():
    with pytest.raises(dl.DistlabError, match="wanders"):
        dl.MutualExclusion(2).wander("n0").explore()


# -- pictures ---------------------------------------------------------------------------------------------


@pytest.fixture
def figure():
    pytest.importorskip("matplotlib").use("Agg")
    plt = pytest.importorskip("matplotlib.pyplot")
    yield plt
    plt.close("all")


def test_clock_errors_are_drawn(figure):
    ntp = dl.Ntp((1, 2), seed=1, drift_ppm={"s1n0": 10, "s1n1": -10})
    errors = dl.clock_errors(ntp, "5min", "5s")
    ax = dl.plot.clock_error(errors, seed=1)
    assert [line.get_label() for line in ax.lines] == ["s0n0", "s1n0", "s1n1"]
    assert np.allclose(ax.lines[1].get_ydata(), errors.error[:, 1])
    ax = dl.plot.clock_error({"on": errors, "off": errors}, of="pairs", hardware=True)
    assert [line.get_label() for line in ax.lines] == ["on", "on, hardware", "off", "off, hardware"]
    assert np.allclose(ax.lines[0].get_ydata(), np.maximum(errors.spread(), 1e-9))
    assert ax.get_yscale() == "log"


def test_the_sawtooth_is_drawn_with_what_is_wrong(figure):
    tt = dl.TrueTime(1, seed=1)
    tt.run_for("1s").at("45s").skew("dc0.d0", offset="20ms")
    ax = dl.plot.truetime(dl.clock_errors(tt, "55s", "0.1s"), node="dc0.d0")
    assert any("wrong" in text.get_text() for text in ax.texts)
    with pytest.raises(dl.UnknownNode):
        dl.plot.truetime(dl.clock_errors(tt, "1s", "1s"), node="nobody")
    with pytest.raises(dl.ParameterError, match="node"):
        dl.plot.truetime(dl.clock_errors(dl.Berkeley(1), "1s", "1s"))


COMMITTED = {
    "ntp": (lambda: dl.Ntp((1, 2, 4), seed=3), 0x8ACE527B0AD7B65A),
    "truetime": (lambda: dl.TrueTime(3, seed=3), 0xE8035EDF9A59A488),
    "berkeley": (lambda: dl.Berkeley(["a", "b", "c"], seed=3), 0xCD8B173D05802CC2),
}


@pytest.mark.parametrize("name", COMMITTED)
def test_committed_fingerprints(name):
    """The same on every platform and in every build; a change of what a protocol does changes them, and is reviewed."""
    make, fingerprint = COMMITTED[name]
    assert hex(make().run_for("60s").fingerprint) == hex(fingerprint)
