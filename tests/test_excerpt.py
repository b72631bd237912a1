"""Parts of what nodes know: the same as those parts of the whole, and errors that name what is wrong."""

import pytest

import distlab as dl


def raft():
    cluster = dl.Raft(3, seed=7)
    cluster.run_until(cluster.has_leader)
    for i in range(600):
        op = cluster.propose(cluster.leader, ("put", "x", i))
    cluster.run_until(op)
    return cluster


@pytest.fixture(scope="module")
def cluster():
    return raft()


def log(wanted):
    return {"disk": {"raft": {"log": {"entries": wanted}}}}


@pytest.mark.parametrize(
    "places",
    [(None, None), (-1, None), (590, None), (0, 5), (-20, -3), (255, 258), (9, 2), (900, None), (-900, 2), (0, 0)],
)
def test_a_slice_of_a_log_is_that_of_the_whole(cluster, places):
    whole = cluster.excerpt(cluster.leader, {"disk": True})["disk"]["raft"]["log"]["entries"]
    assert len(whole) == 601
    found = cluster.excerpt(cluster.leader, log(slice(*places)))
    assert found == log(whole[slice(*places)])


def test_fields_of_a_list_are_those_of_its_items(cluster):
    parts = {"state": {"raft": {"server": {"role": {"leader": {"peers": {"id": True}}}, "commit": True}}}}
    others = [{"id": it} for it in cluster.nodes]
    server = {"role": {"leader": {"peers": others}}, "commit": cluster.status(cluster.leader)["commit"]}
    assert cluster.excerpt(cluster.leader, parts) == {"state": {"raft": {"server": server}}}
    follower = next(it for it in cluster.nodes if it != cluster.leader)
    assert cluster.excerpt(follower, parts)["state"]["raft"]["server"]["role"] == "follower"
    assert cluster.excerpt(follower, {"state": {"raft": {"client": True}}}) == {"state": {"raft": {}}}


def test_what_is_not_wanted_is_not_there(cluster):
    assert cluster.excerpt("n0", {}) == {}
    assert cluster.excerpt("n0", {"state": {"raft": {}}}) == {"state": {"raft": {}}}
    assert cluster.fork().crash("n0").excerpt("n0", {"state": True}) == {"state": None}


class Keeper(dl.Node):
    def __init__(self):
        self.known = {"a": list(range(9)), "b": (1, 2), 3: "c"}
        self.log = [{"term": 1, "word": "x"}, {"term": 2, "word": "y"}]

    def on_call(self, cx, op, call):
        cx.write({"kept": list(range(5)), "more": None})


def test_nodes_written_in_python_have_parts_too():
    cluster = dl.Cluster.of({"a": Keeper()})
    cluster.call("a", 1)
    cluster.run()
    assert cluster.excerpt("a", {"state": {"known": {"a": slice(-2, None)}, "log": {"term": True}}}) == {
        "state": {"known": {"a": [7, 8]}, "log": [{"term": 1}, {"term": 2}]}
    }
    assert cluster.excerpt("a", {"disk": {"kept": slice(1, 3), "other": True}}) == {"disk": {"kept": [1, 2]}}
    found = cluster.excerpt("a", {"state": {"known": True}})["state"]["known"]
    found["a"].clear()
    assert len(cluster.node("a").known["a"]) == 9


BAD = {
    r"parts: no 'dsk' here: only the fields 'state' or 'disk'": (ValueError, {"dsk": True}),
    r"parts.disk.raft: no 'lgo' here: only the fields 'term', .*'log'": (ValueError, {"disk": {"raft": {"lgo": True}}}),
    r"parts.disk.raft.log.entries: expected True, a mapping of fields, or a slice": (TypeError, log(5)),
    r"parts.disk.raft.log.entries: expected True": (TypeError, log(slice(None, None, 2))),
    r"parts.disk.raft.log.entries: expected True, a": (TypeError, log(slice(0, "9"))),
    r"parts.disk: expected True": (TypeError, {"disk": False}),
    r"parts: expected a name": (TypeError, {3: True}),
    r"parts.disk.raft: a slice of what is no list": (ValueError, {"disk": {"raft": slice(3)}}),
    r"parts: a slice of what is no list": (ValueError, slice(3)),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_parts_say_what_is_wrong_and_where(cluster, message):
    error, parts = BAD[message]
    with pytest.raises(error, match=message) as caught:
        cluster._world.state("n0", parts)
    assert isinstance(caught.value, dl.DistlabError)


def test_a_leaders_log_is_read_on_from_where_it_is_known(cluster):
    fork, leader = cluster.fork(), cluster.leader
    known = fork.portrait(leader).log
    for before, kept in [(known, 600), (dl.LogPortrait(known.entries[:30]), 29), (dl.LogPortrait(), 0)]:
        log = fork._portrait_since(leader, before).log
        assert (log.kept, log.last) == (kept, 601)
        assert [*known.entries[:kept], *log.entries] == known.entries
    other = [*known.entries[:400], *[(9, "noop")] * 300]
    log = fork._portrait_since(leader, dl.LogPortrait(other)).log
    assert log.kept <= 399
    assert [*known.entries[: log.kept], *log.entries] == known.entries
