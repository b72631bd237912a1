"""How long the judges take on large histories, from numpy columns: ``make bench``. Nothing here asserts a time."""

import numpy as np
import pytest

import distlab as dl

OPERATIONS, KEYS, CLIENTS = 1_000_000, 1_000, 50
TRANSACTIONS = 100_000


def atomic(n, keys, clients, seed=1):
    """Reads and writes of distinct values on atomic registers; intervals of a client do not overlap."""
    rng = np.random.default_rng(seed)
    effect = np.arange(n, dtype=np.float64) + rng.random(n) / 2
    key = rng.integers(0, keys, n)
    write = rng.random(n) < 0.5
    order = np.lexsort((np.arange(n), key))
    latest = np.where(write[order], order + 1, 0)
    first = np.searchsorted(key[order], key[order])
    latest = np.maximum.accumulate(np.where(latest > 0, np.arange(n), first - 1))
    value = np.zeros(n, dtype=np.int64)
    seen = latest >= first
    value[order[seen]] = order[latest[seen]] + 1
    value[order[~seen]] = 0
    before = effect - clients * 0.45 * rng.random(n)
    after = effect + clients * 0.45 * rng.random(n)
    return {
        "process": np.arange(n) % clients,
        "kind": np.where(write, "write", "read"),
        "key": key,
        "value": value,
        "invoked": before,
        "completed": after,
    }


def appends(n, keys_alive=50, clients=20, seed=1):
    """Transactions of one to four reads and appends on lists, serializable in the order of their commits."""
    rng = np.random.default_rng(seed)
    lists, alive = {}, list(range(keys_alive))
    starts, function, key, value, list_starts, elements = [0], [], [], [], [0], []
    element = 0
    for _ in range(n):
        for _ in range(int(rng.integers(1, 5))):
            slot = int(rng.integers(0, keys_alive))
            chosen = lists.setdefault(alive[slot], [])
            key.append(alive[slot])
            if rng.random() < 0.5:
                element += 1
                chosen.append(element)
                function.append(2)
                value.append(element)
                if len(chosen) >= 64:
                    alive[slot] = len(lists) + keys_alive
            else:
                function.append(3)
                value.append(len(list_starts) - 1)
                elements.extend(chosen)
                list_starts.append(len(elements))
        starts.append(len(function))
    commit = np.arange(n, dtype=np.float64) * 10
    return {
        "process": np.arange(n) % clients,
        "status": np.zeros(n, dtype=np.uint8),
        "invoked": commit - clients * 4 * rng.random(n),
        "completed": commit + clients * 4 * rng.random(n),
        **{name: np.array(column) for name, column in (("starts", starts), ("function", function), ("key", key))},
        **{name: np.array(column) for name, column in (("value", value), ("list_starts", list_starts))},
        "elements": np.array(elements),
    }


@pytest.fixture(scope="module")
def columns():
    return atomic(OPERATIONS, KEYS, CLIENTS)


@pytest.fixture(scope="module")
def history(columns):
    return dl.History.from_columns(columns, initial=0)


@pytest.fixture(scope="module")
def transactions():
    return appends(TRANSACTIONS)


def test_a_million_operations_in(benchmark, columns):
    """From numpy columns to a history."""
    benchmark.pedantic(lambda: dl.History.from_columns(columns, initial=0), rounds=3)


def test_linearizable_from_columns_to_verdict(benchmark, columns):
    """The way in included."""
    verdict = benchmark.pedantic(lambda: dl.History.from_columns(columns, initial=0).check(), rounds=3)
    assert verdict.ok


MODELS = (
    "linearizable",
    "causal",
    "causal-convergence",
    "causal-memory",
    "pram",
    "read-your-writes",
    "monotonic-reads",
    "monotonic-writes",
    "writes-follow-reads",
    "eventual",
)


@pytest.mark.parametrize("model", MODELS)
def test_a_million_operations(benchmark, history, model):
    """A thousand keys, fifty clients."""
    verdict = benchmark.pedantic(lambda: history.check(model, time_limit=None), rounds=2)
    assert verdict.ok


@pytest.mark.parametrize("model", ["read-committed", "serializable", "strict-serializable"])
def test_transactions_on_lists(benchmark, transactions, model):
    """A hundred thousand transactions."""
    history = dl.History.from_transactions(**transactions)
    verdict = benchmark.pedantic(lambda: history.check(model, time_limit=None), rounds=2)
    assert verdict.ok
