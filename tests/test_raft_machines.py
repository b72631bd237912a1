"""State machines before the judge: each is its own specification, and each finds what is wrong with a cluster."""

import pickle
import random

import pytest

import distlab as dl

MACHINES = ["kv", "counter", "lock", "queue", "list"]


class Bank:
    """Accounts, as a state machine of one's own."""

    def __init__(self):
        self.accounts = {}

    def apply(self, command):
        match command:
            case ["deposit", name, amount]:
                self.accounts[name] = self.accounts.get(name, 0) + amount
                return self.accounts[name]
            case ["transfer", source, [target, amount]]:
                if self.accounts.get(source, 0) < amount:
                    return False
                self.accounts[source] -= amount
                self.accounts[target] = self.accounts.get(target, 0) + amount
                return True
        return None

    def query(self, question):
        return self.accounts.get(question[1], 0)

    def snapshot(self):
        return dict(self.accounts)

    def restore(self, state):
        self.accounts = dict(state)

    @staticmethod
    def commands(rng):
        while True:
            one, other = rng.sample("abc", 2)
            yield rng.choice(
                [
                    ["deposit", one, rng.randint(1, 9)],
                    ["transfer", one, [other, rng.randint(1, 9)]],
                    ("query", ["balance", one]),
                ]
            )


class Words:
    """A machine that means something else by words that are the same for keys and values, and by a bare number."""

    def __init__(self):
        self.log = []

    def apply(self, command):
        self.log.append(command)
        return len(self.log)

    def query(self, question):
        return sum(it == question for it in self.log)


def chaos(machine, seed, until="2s", clients=4, rate=60, **options):
    """Five servers, of which some crash, are cut off or lose messages, under a load."""
    network = dl.Network(latency=dl.LogNormal("3ms", sigma=0.7), loss=0.05, duplicate=0.1)
    raft = dl.Raft(5, seed=seed, machine=machine, network=network, trace="off", **options)
    raft.workload(clients, rate=rate, until=until)
    raft.nemesis("crash", "partition", "pause", until=until)
    return raft.run(until=until).run_for("2s")


@pytest.mark.parametrize("machine", [*MACHINES, Bank], ids=str)
@pytest.mark.parametrize("seed", range(6))
def test_every_machine_is_linearizable_under_chaos_and_its_history_knows_how(machine, seed):
    # Nothing is known of which commands of one's own go with which, so that all orders of a few at a time are tried.
    rate = 20 if machine is Bank else 60
    history = chaos(machine, seed, rate=rate).history
    assert history.spec == {"lock": "mutex"}.get(machine, machine)
    assert len(history) > rate
    verdict = history.check("linearizable", time_limit="20s").raise_if_bad()
    assert len(verdict.order) >= history.counts()["ok"]


def found(histories):
    """The first bad verdict."""
    return next((verdict for history in histories if (verdict := history.check("linearizable")).ok is False), None)


@pytest.mark.parametrize("machine", ["counter", "lock", "queue", "list", Bank], ids=str)
def test_commands_that_are_carried_out_twice_are_found_with_every_machine(machine):
    verdict = found(chaos(machine, seed, mutant="no_dedup").history for seed in range(10))
    assert verdict is not None
    assert 1 <= len(verdict.counterexample) <= 12
    assert verdict.counterexample.check("linearizable").ok is False
    assert verdict.counterexample.spec == verdict.history.spec


def stale(machine, seed, **options):
    """A leader that is cut off answers from what it has."""
    raft = dl.Raft(3, seed=seed, machine=machine, read_mode="local", trace="off", retry="30ms")
    if isinstance(machine, str):
        options = {"reads": 0.5, "keys": None if machine == "counter" else 2}
    raft.workload(4, rate=150, until="3s", **options)
    raft.run(until="1s").isolate(raft.leader)
    return raft.run(until="2s").heal().run(until="4s").history


@pytest.mark.parametrize("machine", [*MACHINES, Bank], ids=str)
def test_stale_reads_are_found_with_every_machine(machine):
    assert found(stale(machine, seed) for seed in range(10)) is not None


def test_the_rules_of_a_lock_service_are_its_specification():
    raft = dl.Raft(3, seed=1, machine="lock")
    ann, bob = raft.client("ann"), raft.client("bob")

    def said(op):
        raft.run_until(op)
        return op.status, op.result

    assert said(ann.acquire("l")) == ("ok", 1)
    assert said(ann.acquire("l")) == ("fail", False)  # not even its owner
    assert said(bob.release("l")) == ("fail", False)
    assert said(bob.holder("l")) == ("ok", ["ann", 1])
    assert said(bob.release("l", owner="ann")) == ("ok", None)  # an owner is who says so
    assert said(bob.acquire("m", owner="team")) == ("ok", 2)
    assert said(ann.acquire("n", owner="ann")) == ("ok", 3)
    assert said(ann.execute({"acquire": {"key": "o", "owner": None}})) == ("fail", None)
    assert said(bob.holder("l")) == ("ok", None)
    assert raft.history.check().ok


LOCKED = [
    ("acquire(l,ann)=1@[0,1] | release(l,ann)@[2,3] | acquire(l,bob)=2@[4,5]", True),
    ("acquire(l,ann)=1@[0,1] | acquire(l,bob)=2@[2,3]", False),
    ("acquire(l,ann)=2@[0,1] | release(l,ann)@[2,3] | acquire(l,bob)=2@[4,5]", False),
    ("acquire(l,ann)=2@[0,1] | acquire(m,bob)=1@[2,3]", False),
    ("acquire(l,ann)=2@[0,3] | acquire(m,bob)=1@[1,2]", True),
    ("acquire(l,ann)=1@[0,1] | release(l,bob)@[2,3]", False),
    ("acquire(l,ann)=1@[0,1] | release(l,bob)=false@[2,3]", True),
    ("acquire(l,ann)=1@[0,1] | release(l,ann)=false@[2,3]", False),
    ("acquire(l,ann)=1@[0,1] | acquire(l,ann)=false@[2,3]", True),
    ("acquire(l,ann)=false@[0,1]", False),
    ("acquire(l,ann)=1@[0,1] | holder(l)=nil@[2,3]", False),
    ("acquire(l,ann)?@[0,1] | holder(l)=nil@[2,3] | holder(l)=[ann 5]@[4,5] | acquire(m,bob)=4@[6,7]", False),
    ("acquire(l,ann)?@[0,1] | holder(l)=[ann 5]@[2,3] | acquire(m,bob)=6@[4,5]", True),
    ("acquire(l,a)?@[0,1] | holder(l)=[a 2]@[2,3] | acquire(m,b)?@[4,5] | holder(m)=[b 1]@[6,7]", False),
    ("acquire(l,a)?@[0,1] | holder(l)=[a 2]@[2,3] | acquire(m,b)?@[0,5] | holder(m)=[b 1]@[6,7]", True),
    ("A: acquire(l)@[0,1] release(l)@[4,5] | B: acquire(l)=false@[2,3] acquire(l)@[6,7]", True),
    ("A: acquire(l)@[0,1] | B: release(l)@[2,3]", False),
]


@pytest.mark.parametrize(("text", "ok"), LOCKED)
def test_histories_of_locks(text, ok):
    assert dl.History.parse(text).check("linearizable", spec="mutex").ok is ok
    assert dl.History.parse(text).check().ok is ok  # as the operations say


QUEUED = [
    ("enqueue(q,1)@[0,1] | peek(q)=1@[2,3] | dequeue(q)=1@[4,5] | peek(q)=nil@[6,7]", True),
    ("enqueue(q,1)@[0,1] | peek(q)=nil@[2,3]", False),
    ("enqueue(q,1)@[0,1] | enqueue(q,2)@[2,3] | peek(q)=2@[4,5] | dequeue(q)=1@[6,7]", False),
    ("enqueue(q,1)@[0,3] | enqueue(q,2)@[1,2] | peek(q)=2@[4,5] | dequeue(q)=1@[6,7]", False),
    ("enqueue(q,1)@[0,3] | enqueue(q,2)@[1,2] | peek(q)=2@[4,5] | dequeue(q)=2@[6,7]", True),
    ("enqueue(q,1)?@[0,1] | peek(q)=1@[2,3]", True),
]


@pytest.mark.parametrize(("text", "ok"), QUEUED)
def test_histories_of_queues_with_looks(text, ok):
    assert dl.History.parse(text).check("linearizable").ok is ok


def test_a_long_queue_that_is_looked_at_is_judged_without_trying_all_orders():
    ops = []
    for i in range(400):  # pairs go in at the same time, and come out much later one after the other
        ops += [(f"p{i}", "enqueue", "q", value, None, "ok", 10 * i, 10 * i + 5) for value in (2 * i, 2 * i + 1)]
        ops[-1] = (f"r{i}", *ops[-1][1:])
    start = 10 * 400
    for i in range(800):
        ops.append(("c", "peek", "q", None, i, "ok", start + 10 * i, start + 10 * i + 1))
        ops.append(("c", "dequeue", "q", None, i, "ok", start + 10 * i + 2, start + 10 * i + 3))
    verdict = dl.History.from_ops(ops).check("linearizable", states=100_000)
    assert verdict.ok


def test_a_class_is_the_specification_of_its_histories():
    raft = dl.Raft(3, seed=1, machine=Bank)
    ann = raft.client("ann")
    for command in (["deposit", "a", 5], ["transfer", "a", ["b", 3]], ["nothing"], 7, None, ["deposit", "a", 1]):
        raft.run_until(ann.apply(command))
    raft.run_until(ann.query(["balance", "b"]))
    history = raft.history
    assert history.spec is Bank
    assert history.check().ok and history.check("sequential").ok
    assert history.check("linearizable", spec=Bank).algorithm == history.check().algorithm
    assert [op.kind for op in history][-2:] == ["deposit", "balance"]
    for again in (pickle.loads(pickle.dumps(history)), raft.fork().history, dl.load(raft.save(), nodes=[Bank]).history):
        assert again.spec is Bank and again.check().ok
    wrong = dl.History(
        {**history.columns, "result": [*history.columns["result"][:-1], 4]}, None, Bank, history._questions
    )
    verdict = wrong.check()
    assert verdict.ok is False
    assert "balance" in verdict.reason and '{"a": 3, "b": 3}' in verdict.reason
    assert len(verdict.counterexample) <= 3


def test_words_of_ones_own_mean_what_the_machine_says():
    raft = dl.Raft(3, seed=1, machine=Words)
    ann = raft.client("ann")
    asked = [
        ["get", "x"],
        ["read", "x"],
        ["put", "x", 1],
        ["write", "x", 1],
        ["x", None],
        ["x"],
        ["apply", None, 1],
        "x",
    ]
    for command in [*asked, ["txn"], [["x"]]]:
        raft.run_until(ann.apply(command))
    for command in asked:
        raft.run_until(op := ann.query(command))
        assert op.result == 1
    history = raft.history
    assert history.check().ok
    assert history.select(range(4)).check().ok


def test_commands_in_a_history_made_elsewhere():
    history = dl.History.parse("A: deposit(a,5)=5 deposit(a,2)=7 | B: deposit(a,1)=8@[4,5]")
    assert history.check("linearizable", spec=Bank).ok
    assert history.check("linearizable", spec=Bank).raise_if_bad().states > 0
    assert dl.History.parse("A: deposit(a,5)=5 deposit(a,2)=9").check(spec=Bank).ok is False


class Broken:
    def apply(self, command):
        raise RuntimeError("no such command")


def test_what_a_machine_raises_comes_out_of_the_check():
    with pytest.raises(RuntimeError, match="no such command"):
        dl.History.parse("A: deposit(a,5)=5").check(spec=Broken)
    assert dl.History.parse("A: deposit(a,5)=5").check(spec=Bank).ok  # and is over then


@pytest.mark.parametrize("wrong", [int, Bank(), object, 3])
def test_what_is_no_specification_is_refused(wrong):
    with pytest.raises((dl.ParameterError, dl.ParameterTypeError), match="spec|machine"):
        dl.History.parse("A: deposit(a,5)=5").check(spec=wrong)


# -- loads ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("machine", "mix", "kinds"),
    [
        ("counter", None, {"read", "add"}),
        ("lock", None, {"holder", "acquire", "release"}),
        ("queue", None, {"peek", "enqueue", "dequeue"}),
        ("list", None, {"read", "append"}),
        ("counter", {"read": 1, "add": 3}, {"read", "add"}),
        ("lock", {"acquire": 1}, {"acquire"}),
        ("queue", {"enqueue": 2, "dequeue": 1}, {"enqueue", "dequeue"}),
        ("list", {"append": 1}, {"append"}),
    ],
)
def test_loads_ask_for_what_the_machine_knows(machine, mix, kinds):
    raft = dl.Raft(3, seed=3, machine=machine)
    load = raft.workload(3, mix=mix, think="1ms", limit=150)
    again = raft.fork()
    raft.run_for("20s")
    assert len(load) == 150
    assert {op.kind for op in load.history} == kinds
    assert raft.history.check().ok
    assert again.run_for("20s").fingerprint == raft.fingerprint
    if machine == "lock":
        assert {op.argument for op in raft.history if op.kind == "acquire"} <= set(raft.clients)
    if machine in ("queue", "list"):
        given = [op.argument for op in raft.history if op.kind in ("enqueue", "append")]
        assert len(set(given)) == len(given)


def test_how_much_of_a_load_only_reads():
    raft = dl.Raft(3, seed=3, machine="queue")
    load = raft.workload(3, reads=0.9, limit=400)
    raft.run_for("20s")
    looks = sum(op.kind == "peek" for op in load.history)
    assert 340 < looks < 385


def test_commands_of_ones_own_make_a_load():
    def kinds(commands=None, limit=60):
        raft = dl.Raft(3, seed=3, machine=Bank)
        raft.workload(2, commands=commands, limit=limit)
        raft.run_for("20s")
        assert raft.history.check().ok
        return [(op.kind, op.key) for op in raft.history]

    assert {kind for kind, _ in kinds()} == {"deposit", "apply", "balance"}  # a transfer is shown as a whole
    assert kinds() == kinds()
    listed = [["deposit", "x", 1], ("query", ["balance", "x"]), ("apply", ["deposit", "y", 2])]
    assert sorted(set(kinds(listed, 30))) == [("balance", "x"), ("deposit", "x"), ("deposit", "y")]
    assert len(kinds(listed, 30)) == 30
    assert set(kinds(lambda rng: [["deposit", rng.choice("pq"), 1] for _ in range(40)])) == {
        ("deposit", "p"),
        ("deposit", "q"),
    }


@pytest.mark.parametrize(
    ("machine", "options", "name"),
    [
        ("counter", {"mix": "A"}, "mix"),
        ("counter", {"mix": {"acquire": 1}}, "mix"),
        ("counter", {"keys": 5}, "keys"),
        ("lock", {"mix": {"read": 1}}, "mix"),
        ("lock", {"mix": {}}, "mix"),
        ("queue", {"mix": {"peek": -1}}, "mix"),
        ("queue", {"reads": 2}, "reads"),
        ("kv", {"commands": [1]}, "commands"),
        ("kv", {"mix": {"acquire": 0}}, "mix"),
        (Words, {}, "commands"),
        (Words, {"commands": []}, "commands"),
        (Words, {"commands": "deposit"}, "commands"),
        (Words, {"commands": 3}, "commands"),
        (Words, {"commands": lambda rng: 3}, "commands"),
        (Words, {"commands": [("read", 1)]}, "commands"),
        (Words, {"commands": [1.5]}, "commands"),
        (Words, {"commands": [1], "keys": 3}, "keys"),
        (Words, {"commands": [1], "mix": {"read": 1}}, "mix"),
    ],
)
def test_loads_that_make_no_sense_are_refused_by_name(machine, options, name):
    with pytest.raises((dl.ParameterError, dl.ParameterTypeError), match=name):
        dl.Raft(3, machine=machine).workload(2, **options)


# -- the rules of a machine of one's own -----------------------------------------------------------------


class Visits:
    """A counter whose query counts."""

    def __init__(self):
        self.count = 0

    def apply(self, command):
        return self.count

    def query(self, question):
        self.count += 1
        return self.count


@pytest.mark.parametrize("read_mode", ["log", "read_index", "local"])
def test_a_query_that_changes_the_state_halts_the_cluster(read_mode):
    raft = dl.Raft(3, seed=1, machine=Visits, read_mode=read_mode)
    raft.run_until(raft.client("ann").apply(1))
    with pytest.raises(dl.MachineError, match="changed its state") as caught:
        raft.run_until(raft.client("ann").query(["visits", 1]))
    assert (caught.value.question, caught.value.before, caught.value.after) == (
        ["visits", 1],
        {"count": 0},
        {"count": 1},
    )
    assert "Visits" in caught.value.machine
    with pytest.raises(dl.ClusterHalted):
        raft.run_for("1s")


class Dice:
    """A machine that draws lots."""

    def __init__(self):
        self.sum = 0

    def apply(self, command):
        self.sum += random.randint(1, 10**9)
        return


class Ordered:
    """A machine that goes through its state in an order that copies need not share."""

    def __init__(self):
        self.here, self.first = object(), None

    def apply(self, command):
        self.first = id(self.here) % 1_000_003
        return

    def snapshot(self):
        return self.first

    def restore(self, state):
        self.first = state


@pytest.mark.parametrize("machine", [Dice, Ordered])
def test_a_machine_that_is_not_deterministic_is_found(machine):
    raft = dl.Raft(3, seed=1, machine=machine, check_invariants=True)
    with pytest.raises(dl.InvariantViolation, match="not deterministic") as caught:
        for command in range(5):
            raft.run_until(raft.client("ann").apply(command))
            raft.run_for("200ms")
    violation = caught.value
    assert violation.invariant == "StateMachineSafety"
    assert violation.node in raft.nodes
    assert "after entry" in violation.detail
    for name in ("sum",) if machine is Dice else ():
        assert violation.detail.count(name) == 2  # both states


@pytest.mark.parametrize("machine", [Bank, Words])
def test_a_deterministic_machine_breaks_no_invariant(machine):
    options = {"commands": [["a"], ["b", 1], ("query", ["a"])]} if machine is Words else {}
    raft = dl.Raft(3, seed=2, machine=machine, check_invariants=True, compaction=20)
    load = raft.workload(3, rate=60, until="3s", **options)
    raft.nemesis("crash", "partition", "pause", until="3s")
    assert raft.run(until="5s").has_leader()
    assert load.counts()["ok"] > 50
