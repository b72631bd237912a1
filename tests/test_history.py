"""Histories: every way in and out, and what is refused."""

import pickle

import numpy as np
import pytest

import distlab as dl

ROWS = [
    {"process": "a", "kind": "write", "key": "x", "argument": 1, "invoked": 0.0, "completed": 2.0},
    {"process": "b", "kind": "read", "key": "x", "result": 1, "invoked": 1.0, "completed": 3.0},
    {"process": "a", "kind": "cas", "key": "x", "argument": [1, 2], "status": "info", "invoked": 4.0},
    {"process": "b", "kind": "write", "key": "y", "argument": 5, "status": "fail", "invoked": 4.0, "completed": 5.0},
]


def described(history):
    return [f"{history[i].process}: {history.describe(i)}" for i in range(len(history))]


WANTED = ["a: write(x, 1)", "b: read(x) -> 1", "a: cas(x, [1, 2]) unknown", "b: write(y, 5) failed"]


def test_from_operations_in_every_form():
    assert described(dl.History.from_ops(ROWS)) == WANTED
    tuples = [("a", "write", "x", 1), ("b", "read", "x", None, 1, "ok", 1, 3)]
    assert described(dl.History.from_ops(tuples)) == WANTED[:2]
    operations = list(dl.History.from_ops(ROWS))
    assert isinstance(operations[0], dl.Operation)
    assert described(dl.History.from_ops(operations)) == WANTED
    assert dl.History.from_ops([]).check().ok


def test_times_left_out_mean_one_after_the_other():
    history = dl.History.from_ops([("a", "write", "x", 1), ("b", "read", "x", None, 0)], initial=0)
    assert history.check("linearizable").ok is False
    assert history.check("sequential").ok is True


@pytest.mark.parametrize("frame", ["dict", "lists", "pandas", "polars"])
def test_from_columns_and_frames(frame):
    columns = {
        "process": np.array([0, 1, 0]),
        "kind": ["write", "read", "read"],
        "key": np.array([7, 7, 7]),
        "value": np.array([3, 3, 3]),
        "status": np.array([0, 0, 2]),
        "invoked": np.array([0.0, 1.0, 6.0]),
        "completed": np.array([2.0, 3.0, np.nan]),
    }
    match frame:
        case "lists":
            columns = {name: list(column) for name, column in columns.items()}
        case "pandas":
            columns = pytest.importorskip("pandas").DataFrame(columns)
        case "polars":
            columns = pytest.importorskip("polars").DataFrame(columns)
    history = dl.History.from_columns(columns)
    assert described(history) == ["0: write(7, 3)", "1: read(7) -> 3", "0: read(7) unknown"]
    assert history.check().ok


def test_transactions_in_flat_arrays():
    a = np.array
    history = dl.History.from_transactions(
        process=a([0, 1, 2]),
        status=a([0, 0, 2]),
        invoked=a([0, 1, 2]),
        completed=a([5, 6, 7]),
        starts=a([0, 2, 4, 5]),
        function=a([2, 1, 3, 0, 5]),
        key=a([1, 2, 1, 2, 2]),
        value=a([10, 20, 0, 20, 0]),
        list_starts=a([0, 1]),
        elements=a([10]),
    )
    assert described(history) == [
        "0: txn[append(1, 10) w(2, 20)]",
        "1: txn[r(1, [10]) r(2, 20)]",
        "2: txn[r(2, ?)] unknown",
    ]
    with pytest.raises(dl.HistoryError, match="starts"):
        dl.History.from_transactions(
            process=a([0]),
            invoked=a([0]),
            completed=a([1]),
            starts=a([0, 9]),
            function=a([0]),
            key=a([1]),
            value=a([1]),
        )


def test_transactions_as_operations():
    ops = [
        {"process": 0, "kind": "txn", "argument": [["w", "x", 1], ["r", "y", None]], "invoked": 0, "completed": 1},
        {
            "process": 1,
            "kind": "txn",
            "argument": [["r", "x", None]],
            "result": [["r", "x", 1]],
            "invoked": 0,
            "completed": 1,
        },
        {"process": 2, "kind": "txn", "argument": [["append", "z", 1], ["r", "z", [1]]], "invoked": 0, "completed": 1},
    ]
    history = dl.History.from_ops(ops)
    assert described(history) == ["0: txn[w(x, 1) r(y, null)]", "1: txn[r(x, 1)]", "2: txn[append(z, 1) r(z, [1])]"]


@pytest.mark.parametrize(
    "text",
    [
        "C1: W(x,1) R(x,nil)? | C2: cas(x,1,2) W(y,abc)!",
        "C1: [R(x,0) W(y,1)] [append(z,2) R(z)]? | C2: [W(x,7)]!",
        "C1: L(m) enqueue(q,1) dequeue(q)=1 U(m)",
    ],
)
def test_edn_jsonl_and_pickle_say_the_same(text):
    history = dl.History.parse(text)
    words = [history.describe(i) for i in range(len(history))]
    by_jsonl = dl.History.from_jsonl(history.to_jsonl(), initial=0)
    by_pickle = pickle.loads(pickle.dumps(history))
    assert described(by_jsonl) == described(by_pickle) == described(history)
    by_edn = dl.History.from_edn(history.to_edn())
    assert sorted(by_edn.describe(i) for i in range(len(by_edn))) == sorted(words)
    assert by_pickle == history


def test_edn_keeps_what_precedes_what():
    history = dl.History.parse("a: W(x,1)@[0,2] W(x,2)@[2,2] | b: R(x,1)@[2,3] R(x,2)@[3,4]")
    back = dl.History.from_edn(history.to_edn())
    for model in ("linearizable", "sequential"):
        assert back.check(model).ok == history.check(model).ok


def test_files(tmp_path):
    history = dl.History.from_ops(ROWS)
    history.to_jsonl(tmp_path / "h.jsonl")
    history.to_edn(tmp_path / "h.edn")
    assert described(dl.History.from_jsonl(tmp_path / "h.jsonl")) == WANTED
    assert len(dl.History.from_edn(str(tmp_path / "h.edn"))) == 4


def test_events_as_porcupine_takes_them():
    events = [
        ("call", 0, "a", "write", "x", 1),
        ("call", 1, "b", "read", "x", None),
        ("return", 1, 1),
        ("call", 2, "c", "write", "x", 2),
        ("return", 0, None),
    ]
    history = dl.History.from_events(events)
    assert described(history) == ["a: write(x, 1)", "b: read(x) -> 1", "c: write(x, 2) unknown"]
    with pytest.raises(dl.HistoryError, match="event 1"):
        dl.History.from_events([("call", 0, "a", "write", "x", 1), ("return", 5, 1)])
    with pytest.raises(dl.HistoryError, match="event 0"):
        dl.History.from_events([("came", 0)])


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ([("a", "write", "x", 1, None, "ok", 0, 3), ("a", "read", "x", None, 1, "ok", 2, 4)], "operation 1"),
        ([("a", "write", "x", 1, None, "ok", 3, 1)], "before it is invoked"),
        ([("a", "write", "x", 1, None, "maybe", 0, 1)], "row 0: status"),
        ([("a", 7)], "row 0: kind"),
        (["nonsense"], "row 0"),
        ([{"kind": "read", "colour": "blue"}], "colour"),
        ([("a", "write", "x", 1, None, "ok", "soon", 1)], "row 0: invoked"),
        ([("a", "txn", None, [["jump", "x", 1]], None, "ok", 0, 1)], "row 0: transaction"),
        ([("a", "read", "x", None, None, "ok", float("inf"), 1)], "row 0: invoked"),
    ],
)
def test_rows_that_cannot_be_are_named(rows, named):
    with pytest.raises(dl.HistoryError) as caught:
        dl.History.from_ops(rows)
    assert named in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("read", "text", "named"),
    [
        (dl.History.parse, "C1: W(x,1)\nC2: frob", "line 2, column 5"),
        (dl.History.from_edn, "{:process 0 :type :ok\n :f [", "line 2, column 5"),
        (dl.History.from_edn, "[1 2]", "line 1, column 2"),
        (dl.History.from_jsonl, '{"kind": "read"}\n{"kind": read}', "line 2, column 10"),
        (dl.History.from_jsonl, '{"kind": 3}', "line 1: kind"),
    ],
)
def test_text_that_is_no_history_is_named_by_line_and_column(read, text, named):
    with pytest.raises(dl.HistoryError) as caught:
        read(text)
    assert named in str(caught.value)


def test_columns_that_do_not_fit():
    fine = {"process": [0], "kind": ["read"], "invoked": [0], "completed": [1]}
    assert len(dl.History.from_columns(fine)) == 1
    for wrong in ({"kind": ["read", "read"]}, {"status": ["perhaps"]}, {"invoked": ["a"]}, {"key": [1, 2]}):
        with pytest.raises(dl.HistoryError):
            dl.History.from_columns(fine | wrong)
    with pytest.raises(dl.HistoryError, match="no column invoked"):
        dl.History.from_columns({"process": [0], "kind": ["read"], "completed": [1]})


def test_parts():
    history = dl.History.from_ops(ROWS)
    assert described(history.select([1, 0])) == [WANTED[1], WANTED[0]]
    with pytest.raises(dl.HistoryError, match="rows"):
        history.select([9])
    with pytest.raises(dl.HistoryError, match="row"):
        history.describe(9)


def test_what_a_cluster_leaves_behind():
    raft = dl.Raft(3, seed=1)
    raft.run_until(raft.client("alice").put("x", 1))
    raft.run_until(raft.client("bob").get("x"))
    history = raft.history
    assert described(history) == ["alice: write(x, 1)", "bob: read(x) -> 1"]
    assert described(pickle.loads(pickle.dumps(history))) == described(history)
    assert "2 operations" in history._repr_html_()
