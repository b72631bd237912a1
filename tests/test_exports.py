"""Traces in other people's formats."""

import json
import re

import numpy as np

import distlab as dl
from distlab.clocks import Vector


def cluster():
    raft = dl.Raft(3, seed=3, trace="full", network=dl.Network(loss=0.05, duplicate=0.05))
    raft.workload(clients=2, rate=100, until="0.6s")
    raft.at("0.3s").crash("n0").at("0.4s").recover("n0")
    raft.run(until="0.6s")
    return raft


def test_a_shiviz_log_reads_by_its_own_first_line_and_its_stamps_are_the_order():
    trace = cluster().trace
    parser, delimiter, *rest = trace.to_shiviz().split("\n")
    assert delimiter == ""
    pattern = re.compile(parser.replace("(?<", "(?P<"))
    found = list(pattern.finditer("\n".join(rest)))
    order = dl.causality(trace)
    rows = np.flatnonzero(order.place)
    assert len(found) == len(rows) and 2 * len(found) == len(rest) - 1
    counts = {}
    for row, match in zip(rows.tolist(), found, strict=True):
        clock, host = json.loads(match["clock"]), match["host"]
        # What ShiViz demands: the host's own entry goes up by one from 1.
        counts[host] = counts.get(host, 0) + 1
        assert clock[host] == counts[host] and host == order.nodes[order.node[row]]
        assert Vector([clock.get(name, 0) for name in order.nodes]) == order.stamp(row)


def test_perfetto_events_are_well_formed():
    trace = cluster().trace
    events = json.loads(trace.to_perfetto())["traceEvents"]
    of = lambda phase: [it for it in events if it["ph"] == phase]  # noqa: E731
    assert {it["args"]["name"] for it in of("M") if it["name"] == "process_name"} == set(trace.columns["names"])
    starts, ends = {it["id"]: it for it in of("s")}, {it["id"]: it for it in of("f")}
    assert starts.keys() == ends.keys() and len(starts) == len(trace.rows(kind="deliver"))
    slices = {(it["ts"], it["pid"], it["name"]) for it in of("X")}
    for number, end in ends.items():
        start = starts[number]
        assert start["ts"] <= end["ts"] and end["bp"] == "e"
        assert {(it["ts"], it["pid"], it["name"]) for it in (start, end)} <= slices  # arrows stand on slices
    spans = {}
    for it in events:
        if it["ph"] == "b":
            assert it["id"] not in spans
            spans[it["id"]] = it
        elif it["ph"] == "e":
            assert it["ts"] >= spans.pop(it["id"])["ts"]
    down = [it for it in of("b") if it["cat"] == "down"]
    assert [it["ts"] for it in down] == [0.3e6] and len(of("b")) > len(down)
    assert all(it["ts"] >= 0 for it in events if it["ph"] != "M")


def test_they_are_written_to_files(tmp_path):
    trace = cluster().trace
    for write, name in ((trace.to_shiviz, "log"), (trace.to_perfetto, "json")):
        assert write(tmp_path / name) is None
        assert (tmp_path / name).read_text(encoding="utf-8") == write()
