"""What every placement of keys on servers can do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arguments import text
from ..errors import ParameterTypeError
from ._keys import Key, Keys, column, kept
from ._servers import Nodes, Racks, Servers, Weights, equal_servers_of, names_of, number
from .measure import Load, Movement, load_of, movement

__all__ = ["Placement"]

_P = TypeVar("_P", bound="Placement")


class Placement:
    """Says for every key which server holds it: the base of all placements.

    A key is an int, a str, bytes or a ``uuid.UUID``, and means the same wherever it comes from: 7 in a list is 7
    in an array of any integer type, and text is its UTF-8 (so ``"a"`` and ``b"a"`` are one key). An integer is
    hashed as its eight bytes, little-endian, in two's complement; one of 2^64 or more as sixteen; a UUID as its
    sixteen bytes.

    Placements are values: they can be compared, copied and pickled. ``add``, ``remove`` and ``reweight`` change
    them in place; ``copy`` first to keep the one from before (a copy costs nothing until one of the two changes).
    Changes made while another thread looks keys up are seen by later look-ups only.
    """

    _native: _core.Placement

    @classmethod
    def _of(cls: type[_P], native: _core.Placement) -> _P:
        made = object.__new__(cls)
        made._native = native
        return made

    @property
    def nodes(self) -> list[str]:
        """The names of the servers; what ``lookup_many`` gives are places in this list."""
        return self._native.nodes()

    @property
    def names(self) -> npt.NDArray[np.str_]:
        """The same as an array: ``placement.names[placement.lookup_many(keys)]`` are names."""
        return np.array(self._native.nodes())

    @property
    def weights(self) -> dict[str, float]:
        """The servers' shares of the keys, relative to each other."""
        return dict(zip(self._native.nodes(), self._native.weights(), strict=True))

    @property
    def size_bytes(self) -> int:
        """What it takes in memory: names, tables and indexes, in bytes."""
        return self._native.size_bytes()

    def lookup(self, key: Key) -> str:
        """The server that holds a key.

        Raises
        ------
        ParameterTypeError
            A key that is no int, str, bytes or UUID.
        """
        return self._native.lookup(key)

    def lookup_many(self, keys: Keys) -> npt.NDArray[np.int32]:
        """The servers that hold many keys, as places in ``nodes``.

        Parameters
        ----------
        keys : array or iterable
            Fastest as a contiguous array of integers; then fixed-width bytes (``S``) and text (``U``); then lists.

        Returns
        -------
        numpy.ndarray of int32
            As long as ``keys``.

        Raises
        ------
        ParameterError, ParameterTypeError
            Keys that are none (floats, bools, None), or an array of several dimensions.

        Notes
        -----
        Runs without the interpreter's lock (from a list, keys are copied with it), and can be interrupted.
        """
        return self._native.lookup_many(*column(keys))

    def load(self, keys: Keys) -> Load:
        """How many of these keys each server holds, and how even that is."""
        counts = self._native.count(*column(keys))
        return load_of(self.nodes, counts, np.array(self._native.weights()))

    def moved(self, after: Placement, keys: Keys) -> Movement:
        """Which keys are elsewhere afterwards: ``before.moved(after, keys)``.

        Parameters
        ----------
        after : Placement
            Where they are then. Servers are the same if their names are.
        keys : array or iterable
            Which keys.

        Returns
        -------
        Movement
            What moved, from whom to whom, and what of it without need.
        """
        if not isinstance(after, Placement):
            raise ParameterTypeError("after", after, "a placement")
        taken = kept(keys)
        return movement(
            (self.nodes, self._native.weights(), self.lookup_many(taken)),
            (after.nodes, after._native.weights(), after.lookup_many(taken)),
        )

    def add(self, nodes: Nodes, weights: Weights = None, racks: Racks = None) -> None:
        """Lets one server join, or several at once.

        Raises
        ------
        ParameterError
            A name that is there already, a weight that is not above zero, weights or racks where the placement knows
            none. Nothing is changed then.
        """
        self._native.add(*self._servers(self._fresh(nodes), weights, racks))

    @staticmethod
    def _servers(nodes: Nodes, weights: Weights, racks: Racks) -> Servers:
        return equal_servers_of(nodes, weights, racks)

    def remove(self, nodes: Nodes) -> None:
        """Lets one server leave, or several at once.

        Raises
        ------
        UnknownNode
            A name that is not there (a ``KeyError``). Nothing is changed then.
        ParameterError
            If none were left.
        """
        self._native.remove(names_of(self._fresh(nodes)))

    def reweight(self, node: str, weight: float) -> None:
        """Gives a server another weight."""
        text(node, "node", "the name of a node")
        self._native.reweight(node, number(weight, "weight"))

    def copy(self: _P) -> _P:
        """The same once more, to be changed without changing this one."""
        return type(self)._of(self._native.copy())

    @staticmethod
    def _fresh(nodes: Nodes) -> Nodes:
        # A number of nodes says who they are when a placement is made, but not who joins or leaves.
        if isinstance(nodes, (int, np.integer)):
            raise ParameterTypeError("nodes", nodes, "names as strings")
        return nodes

    def __copy__(self: _P) -> _P:
        return self.copy()

    def __deepcopy__(self: _P, memo: dict[int, Any]) -> _P:
        return self.copy()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self) or not isinstance(other, Placement):
            return NotImplemented
        return self._native == other._native

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return _load, (type(self), self._native.save())

    def __len__(self) -> int:
        return len(self._native.nodes())

    def __iter__(self) -> Iterator[str]:
        return iter(self._native.nodes())

    def __contains__(self, node: object) -> bool:
        return isinstance(node, str) and node in self._native.nodes()

    def _about(self) -> str:
        return ""

    def __repr__(self) -> str:
        about = self._about()
        return f"<{type(self).__name__} of {len(self)} nodes{about and ', ' + about}>"


def _load(cls: type[_P], saved: bytes) -> _P:
    return cls._of(_core.Placement.load(saved))
