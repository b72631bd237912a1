"""Python values at rest: what users' nodes say, store and answer."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import math
import typing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distlab import SaveFileError, SerializationError
from distlab._core import decode, encode


@dataclasses.dataclass
class Entry:
    term: int
    command: object = None


@dataclasses.dataclass(frozen=True, slots=True)
class Vote:
    term: int
    granted: bool


class Ping(typing.NamedTuple):
    left: int


class Role(enum.Enum):
    LEADER = "leader"
    FOLLOWER = object()


class Bits(enum.IntFlag):
    A = 1
    B = 2


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
    | st.sampled_from([*Role, Bits.A, Bits.A | Bits.B])
)
hashables = scalars | st.tuples(scalars, scalars) | st.frozensets(scalars, max_size=3)
values = st.recursive(
    hashables | st.sets(hashables, max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(hashables, inner, max_size=4)
        | st.builds(Entry, st.integers(), inner)
        | st.builds(Vote, st.integers(), st.booleans())
        | st.builds(Ping, st.integers())
    ),
    max_leaves=20,
)


def same(a: object, b: object) -> bool:
    """Equal, and of equal types all the way down, which Python's == does not ask for."""
    return a == b and repr_types(a) == repr_types(b)


def repr_types(it: object) -> object:
    if isinstance(it, dict):
        return [(repr_types(k), repr_types(v)) for k, v in it.items()]
    if isinstance(it, list | tuple):
        return type(it), [repr_types(item) for item in it]
    if isinstance(it, set | frozenset):
        return type(it), sorted(str(repr_types(item)) for item in it)
    if dataclasses.is_dataclass(it):
        return type(it), [repr_types(getattr(it, field.name)) for field in dataclasses.fields(it)]
    return type(it)


@given(values)
def test_values_come_back_as_they_were(value: object) -> None:
    assert same(decode(encode(value)), value)


@given(values)
def test_equal_values_have_equal_bytes(value: object) -> None:
    assert encode(decode(encode(value))) == encode(value)


@given(st.lists(hashables, unique=True, max_size=8))
def test_a_set_has_one_encoding_whatever_the_order(items: list[object]) -> None:
    backwards = items[::-1]
    assert encode(set(items)) == encode(set(backwards))


def test_what_code_can_tell_apart_has_different_bytes() -> None:
    different = [
        None,
        False,
        True,
        0,
        1,
        0.0,
        -0.0,
        1.0,
        "",
        b"",
        "1",
        [],
        (),
        {},
        set(),
        frozenset(),
        [1],
        (1,),
    ]
    different += [{"a": 1, "b": 2}, {"b": 2, "a": 1}, Entry(1), Vote(1, True), Ping(1), Role.LEADER, Bits.A]
    assert len({encode(it) for it in different}) == len(different)


def test_nan_comes_back() -> None:
    assert math.isnan(decode(encode(math.nan)))
    assert encode(math.nan) == encode(-math.nan)


@pytest.mark.parametrize("number", [2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 10**40, -(10**40), 255, -128])
def test_integers_have_no_bounds(number: int) -> None:
    assert decode(encode(number)) == number


def test_decoded_values_share_nothing() -> None:
    encoding = encode({"log": [1, 2]})
    first, second = decode(encoding), decode(encoding)
    first["log"].append(3)
    assert second == {"log": [1, 2]}


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": [1, {2: object()}]}, "value['a'][1][2]"),
        ([1, [2, lambda: 0]], "value[1][1]"),
        (Entry(1, {"x": 1j}), "value.command['x']"),
        ({(1, object): 1}, "value[key "),
        ({"t": np.int64(3)}, "value['t']"),
        (object(), "value"),
    ],
)
def test_what_is_no_data_is_refused_with_its_place(value: object, path: str) -> None:
    with pytest.raises(SerializationError) as caught:
        encode(value)
    assert str(caught.value).startswith(path)
    assert "dataclass" in caught.value.allowed
    assert isinstance(caught.value, TypeError)


def test_numpy_values_are_refused_with_a_hint() -> None:
    with pytest.raises(SerializationError, match=r"\.item\(\)"):
        encode(np.arange(3))


def test_a_value_that_contains_itself_is_refused() -> None:
    cycle: list[object] = []
    cycle.append({"again": cycle})
    with pytest.raises(SerializationError, match="contains itself"):
        encode(cycle)


def test_depth_is_bounded_in_both_directions() -> None:
    nested: list[object] = []
    for _ in range(99):
        nested = [nested]
    assert decode(encode(nested)) == nested
    with pytest.raises(SerializationError, match="nested deeper"):
        encode([nested])
    with pytest.raises(SaveFileError):
        decode(b"\x08\x01" * 100_000 + b"\x00")


def test_size_is_bounded() -> None:
    huge: list[object] = ["x" * 1000]
    for _ in range(40):
        huge = [huge, huge]
    with pytest.raises(SerializationError, match="MB"):
        encode(huge)


def test_half_a_surrogate_pair_is_no_text() -> None:
    with pytest.raises(SerializationError, match="surrogate"):
        encode(["\ud800"])


def test_an_exception_while_reading_a_value_is_itself() -> None:
    class Odd:
        term: int

        @property
        def broken(self) -> int:
            raise ZeroDivisionError

    odd = dataclasses.make_dataclass("Odd", [("broken", int)], init=False, bases=(Odd,))
    with pytest.raises(ZeroDivisionError):
        encode(odd())


@given(st.binary(max_size=60))
def test_damage_is_an_error_and_nothing_else(noise: bytes) -> None:
    # A TypeError: a list as the key of a dict.
    with contextlib.suppress(SaveFileError, SerializationError, TypeError):
        decode(noise)


@given(values, st.data())
def test_a_cut_encoding_is_damaged(value: object, data: st.DataObject) -> None:
    encoding = encode(value)
    if len(encoding) > 1:
        cut = data.draw(st.integers(1, len(encoding) - 1))
        with pytest.raises(SaveFileError):
            decode(encoding[:cut])


def test_a_class_nobody_has_shown_is_not_made() -> None:
    name = b"subprocess:Popen"
    with pytest.raises(SerializationError, match="subprocess:Popen is not known"):
        decode(b"\x0d" + bytes([len(name)]) + name + b"\x00")
