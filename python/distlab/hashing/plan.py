"""What has to be copied from whom to whom when a ring changes, and how long that takes."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arguments import choice, flag, real
from ..errors import ParameterError, ParameterTypeError, UnknownNode
from ._keys import Keys, column, kept
from ._servers import names_of, number, whole
from .ring import HashRing

__all__ = ["MovementPlan", "movement_plan"]

Rate = float | Mapping[str, float]


@dataclass(frozen=True, eq=False, repr=False)
class MovementPlan:
    """Copies to be made, in the order in which they start; one row a copy.

    Attributes
    ----------
    nodes : list of str
        The servers of before, and behind them those that are new.
    first, last : list of int
        The positions whose keys are copied, both included; ``last < first`` where they go past zero.
    source, target : numpy.ndarray of int32
        Who sends and who receives, as places in ``nodes``.
    bytes : numpy.ndarray of uint64
        How much.
    survivors : numpy.ndarray of int32
        How many holders of before these keys still have.
    start, stop : numpy.ndarray of float64
        When the copy is under way, in seconds.
    lost_bytes : int
        What nobody has a copy of any more.
    send, receive : numpy.ndarray of float64
        The rates of each server, in bytes a second.
    """

    nodes: list[str]
    first: list[int]
    last: list[int]
    source: npt.NDArray[np.int32]
    target: npt.NDArray[np.int32]
    bytes: npt.NDArray[np.uint64]
    survivors: npt.NDArray[np.int32]
    start: npt.NDArray[np.float64]
    stop: npt.NDArray[np.float64]
    lost_bytes: int
    send: npt.NDArray[np.float64]
    receive: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.first)

    @property
    def total_bytes(self) -> int:
        """What is copied in all."""
        return int(self.bytes.sum())

    @property
    def duration(self) -> float:
        """When the last copy is done, in seconds."""
        return float(self.stop.max(initial=0.0))

    @property
    def shortest(self) -> float:
        """What no order can beat: the time of the server that has the most to send or to receive, in seconds."""
        sent, received = self._sums()
        return float(max((sent / self.send).max(), (received / self.receive).max()))

    def _sums(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        count = len(self.nodes)
        size = self.bytes.astype(np.float64)
        sent = np.bincount(self.source, size, count).astype(np.float64)
        return sent, np.bincount(self.target, size, count).astype(np.float64)

    @property
    def sent(self) -> dict[str, int]:
        """The bytes that each server sends."""
        return {name: int(it) for name, it in zip(self.nodes, self._sums()[0], strict=True)}

    @property
    def received(self) -> dict[str, int]:
        """The bytes that each server receives."""
        return {name: int(it) for name, it in zip(self.nodes, self._sums()[1], strict=True)}

    def by_pair(self) -> dict[tuple[str, str], int]:
        """The bytes that go from whom to whom."""
        found: dict[tuple[str, str], int] = {}
        for source, target, size in zip(self.source, self.target, self.bytes, strict=True):
            pair = self.nodes[source], self.nodes[target]
            found[pair] = found.get(pair, 0) + int(size)
        return found

    def under_way(self, at: float) -> npt.NDArray[np.intp]:
        """The rows of copies that are under way at that time, in seconds."""
        when = real(at, "at", "a time in seconds", least=-np.inf)
        return np.flatnonzero((self.start <= when) & (when < self.stop))

    def columns(self) -> dict[str, Any]:
        """The columns by name, with servers by name, ready for a data frame."""
        names = np.array(self.nodes)
        columns = {name: getattr(self, name) for name in ("first", "last", "bytes", "survivors", "start", "stop")}
        return {"source": names[self.source], "target": names[self.target], **columns}

    def __repr__(self) -> str:
        lost = f", {self.lost_bytes} bytes lost" if self.lost_bytes else ""
        return f"<MovementPlan of {len(self)} copies, {self.total_bytes} bytes in {self.duration:.6g} s{lost}>"

    def _repr_html_(self) -> str:
        head = "<tr><th>start (s)</th><th>stop (s)</th><th>from</th><th>to</th><th>bytes</th><th>positions</th></tr>"
        shown = range(min(len(self), 50))
        rows = "".join(
            f"<tr><td>{self.start[i]:.3f}</td><td>{self.stop[i]:.3f}</td>"
            f"<td>{html.escape(self.nodes[self.source[i]])}</td><td>{html.escape(self.nodes[self.target[i]])}</td>"
            f"<td>{self.bytes[i]}</td><td>{self.first[i]} to {self.last[i]}</td></tr>"
            for i in shown
        )
        more = f"<tr><td colspan=6>and {len(self) - 50} more</td></tr>" if len(self) > 50 else ""
        return f"<table>{head}{rows}{more}</table>"


def movement_plan(
    before: HashRing,
    after: HashRing,
    bytes: int | None = None,  # noqa: A002 (what is counted)
    keys: Keys | None = None,
    sizes: Any = None,
    copies: int = 1,
    racks: bool = True,
    lost: str | Iterable[str] = (),
    send: Rate = 100e6,
    receive: Rate | None = None,
    order: Literal["endangered", "largest", "ring"] = "endangered",
) -> MovementPlan:
    """What has to be copied so that the keys of one ring are where the other one wants them.

    Whoever is new among the holders of a key gets a copy: from a holder that gives its own up, if there is one,
    else from the one that has sent the least so far. Neighbouring positions with the same two servers are one
    copy. A server sends one copy at a time and receives one at a time, none waits that could start.

    Parameters
    ----------
    before, after : HashRing
        Of the same bits and hash; servers are the same if their names are.
    bytes : int, optional
        What all keys take, spread evenly over the ring; by default 2^30.
    keys, sizes : array or iterable, optional
        Instead of ``bytes``: the keys, and what each takes in bytes (by default 1: then bytes are keys).
    copies : int
        How many servers hold each key: the first ``copies`` of its preference list.
    racks : bool
        Whether they are in different racks, as far as can be (on rings with racks).
    lost : str or iterable of str
        Servers of before that have crashed: they have nothing to send.
    send, receive : float or mapping of str to float
        The throttle: at most so many bytes a second and server; ``receive`` is ``send`` unless given.
    order : {"endangered", "largest", "ring"}
        What goes first: what has the fewest holders left and of that the largest, the largest, or as they come.

    Returns
    -------
    MovementPlan
        The copies and their times.

    Raises
    ------
    ParameterError
        Rings of different bits or hashes, more copies than servers, sizes that are not one for each key.

    Examples
    --------
    >>> import distlab as dl
    >>> before = dl.hashing.HashRing(list("ABCD"), vnodes=1, bits=9, placement="even")
    >>> after = before.copy()
    >>> after.remove("B")
    >>> plan = dl.hashing.movement_plan(before, after, bytes=512, send=64)
    >>> plan, plan.by_pair()
    (<MovementPlan of 1 copies, 128 bytes in 2 s>, {('B', 'C'): 128})
    """
    for parameter, ring in (("before", before), ("after", after)):
        if not isinstance(ring, HashRing):
            raise ParameterTypeError(parameter, ring, "a HashRing")
    choice(order, "order", ("endangered", "largest", "ring"))
    if keys is not None and bytes is not None:
        raise ParameterError("bytes", bytes, "nothing beside keys")
    if keys is None and sizes is not None:
        raise ParameterError("sizes", sizes, "nothing without keys")
    gone = names_of(lost, "lost") if not isinstance(lost, tuple) or lost else []
    found = _core.transfers(
        before._native,
        after._native,
        copies=whole(copies, "copies", 1, min(len(before), len(after))),
        racks_apart=flag(racks, "racks"),
        lost=gone,
        bytes=whole(2**30 if bytes is None else bytes, "bytes", 0, 2**63),
        **_content(keys, sizes),
    )
    nodes = found["nodes"]
    sending = _rates(nodes, send, "send")
    receiving = sending if receive is None else _rates(nodes, receive, "receive")
    source, target, size, survivors = (found[name] for name in ("source", "target", "bytes", "survivors"))
    start, stop = _core.transfer_times(source, target, size, survivors, order, sending, receiving)
    rows = np.lexsort((stop, start))
    return MovementPlan(
        nodes=nodes,
        first=[found["first"][i] for i in rows],
        last=[found["last"][i] for i in rows],
        source=source[rows],
        target=target[rows],
        bytes=size[rows],
        survivors=survivors[rows],
        start=start[rows],
        stop=stop[rows],
        lost_bytes=found["lost_bytes"],
        send=np.array(sending),
        receive=np.array(receiving),
    )


def _content(keys: Keys | None, sizes: Any) -> dict[str, Any]:
    if keys is None:
        return {}
    taken = column(kept(keys))
    count = len(taken[1]) // max(taken[2], 1)
    if sizes is None:
        return {"keys": taken, "sizes": np.ones(count, np.uint64)}
    try:
        given: npt.NDArray[Any] = np.asarray(sizes)
    except ValueError:
        raise ParameterTypeError("sizes", sizes, "integers, one for each key") from None
    if given.dtype.kind not in "iu" and given.size:
        raise ParameterTypeError("sizes", sizes, "integers, one for each key")
    if given.shape != (count,):
        raise ParameterError("sizes", given.shape, f"one for each of {count} keys")
    if given.dtype.kind == "i" and (given < 0).any():
        raise ParameterError("sizes", given.min(), "no negative numbers")
    return {"keys": taken, "sizes": np.ascontiguousarray(given, np.uint64)}


def _rates(nodes: list[str], given: Rate, parameter: str) -> list[float]:
    if not isinstance(given, Mapping):
        return [number(given, parameter)] * len(nodes)
    for name in given:
        if name not in nodes:
            raise UnknownNode(name, tuple(nodes))
    for name in nodes:
        if name not in given:
            raise ParameterError(parameter, dict(given), f"a rate for every node; {name!r} has none")
    return [number(given[name], f"{parameter}[{name!r}]") for name in nodes]
