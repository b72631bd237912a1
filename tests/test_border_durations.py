"""Durations as users write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distlab import ParameterError, ParameterTypeError
from distlab._core import nanoseconds


@pytest.mark.parametrize(
    ("value", "ns"),
    [
        (1, 1_000_000_000),
        (0.25, 250_000_000),
        (1e-9, 1),
        (0, 0),
        ("150ms", 150_000_000),
        ("150 ms", 150_000_000),
        ("0.1ms", 100_000),
        (".5s", 500_000_000),
        ("1_000us", 1_000_000),
        ("3µs", 3_000),
        ("7ns", 7),
        ("2min", 120_000_000_000),
        ("2m", 120_000_000_000),
        ("1.5h", 5_400_000_000_000),
        ("1d", 86_400_000_000_000),
        (timedelta(days=1, microseconds=1), 86_400_000_001_000),
    ],
)
def test_each_form_is_exact(value: object, ns: int) -> None:
    assert nanoseconds(value) == ns


@given(st.integers(0, 10**18))
def test_whole_nanoseconds_are_kept(ns: int) -> None:
    assert nanoseconds(f"{ns}ns") == ns
    assert nanoseconds(f"{ns // 10**9}.{ns % 10**9:09}s") == ns


@pytest.mark.parametrize("value", ["", "5", "ms", "5 parsecs", "-5ms", "1e3s", "1.2.3s", "9" * 30 + "s"])
def test_text_that_is_no_duration_is_refused(value: str) -> None:
    with pytest.raises(ParameterError, match=r"heartbeat: .*150ms"):
        nanoseconds(value, "heartbeat")


@pytest.mark.parametrize("value", [-1, -0.1, float("nan"), float("inf"), 1e12, timedelta(seconds=-1), "101000d"])
def test_durations_out_of_range_are_refused(value: object) -> None:
    with pytest.raises(ParameterError, match="from 0 to 100 years"):
        nanoseconds(value)


@pytest.mark.parametrize("value", [None, True, [1], b"5ms", object()])
def test_other_types_are_refused(value: object) -> None:
    with pytest.raises(ParameterTypeError, match="duration: expected seconds"):
        nanoseconds(value)
