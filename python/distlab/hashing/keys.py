"""Keys to try placements with: real words, and what other keys look like."""

from __future__ import annotations

import gzip
import uuid
from functools import lru_cache
from importlib import resources
from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt

from .._arguments import choice
from ._servers import whole

__all__ = ["sample_keys"]

_KINDS = ("words", "urls", "integers", "uuids")
_MOST = 2**24


@overload
def sample_keys(
    kind: Literal["words", "urls"] = "words", n: int | None = None, seed: int = 0
) -> npt.NDArray[np.str_]: ...
@overload
def sample_keys(kind: Literal["integers"], n: int | None = None, seed: int = 0) -> npt.NDArray[np.uint64]: ...
@overload
def sample_keys(kind: Literal["uuids"], n: int | None = None, seed: int = 0) -> list[uuid.UUID]: ...


def sample_keys(kind: str = "words", n: int | None = None, seed: int = 0) -> Any:
    """A set of keys, all different, the same ones each time.

    Parameters
    ----------
    kind : {"words", "urls", "integers", "uuids"}
        ``"words"``: real ones, the 74 744 of a Debian system's English dictionary that have no apostrophe, in its
        order. ``"urls"``: made of them, many under few hosts. ``"integers"``: random ones of 64 bits. ``"uuids"``:
        of version 4.
    n : int, optional
        How many, at most 2^24. By default all words, or 100 000 of another kind; of the words, ``n`` evenly spread
        over the alphabet.
    seed : int
        Other seeds, other keys; words are words.

    Returns
    -------
    numpy.ndarray of str or uint64, or list of uuid.UUID
        Ready for ``lookup_many``.

    Raises
    ------
    ParameterError, ParameterTypeError
        Another kind, or more words than there are.

    Notes
    -----
    The words come from SCOWL (copyright 2000-2011 by Kevin Atkinson); the notice is in ``distlab/data``.

    Examples
    --------
    >>> import distlab as dl
    >>> dl.hashing.sample_keys("words", 5).tolist()
    ['A', 'baskets', 'erudition', 'mean', 'scarred']
    >>> dl.hashing.sample_keys("integers", 2)
    array([11749869230777074271,  4976686463289251617], dtype=uint64)
    """
    choice(kind, "kind", _KINDS)
    seed = whole(seed, "seed", 0, 2**64 - 1)
    if kind == "words":
        words = _words()
        count = len(words) if n is None else whole(n, "n", 0, len(words))
        return words[np.arange(count) * len(words) // max(count, 1)]
    count = 100_000 if n is None else whole(n, "n", 0, _MOST)
    if kind == "uuids":
        raw = _random(2 * count, seed).astype("<u8").tobytes()
        return [uuid.UUID(bytes=raw[i : i + 16], version=4) for i in range(0, len(raw), 16)]
    if kind == "integers":
        return _random(count, seed)
    return _urls(count, seed)


@lru_cache(maxsize=1)
def _words() -> npt.NDArray[np.str_]:
    packed = resources.files("distlab.data").joinpath("words.txt.gz").read_bytes()
    words = np.array(gzip.decompress(packed).decode("utf-8").split())
    words.flags.writeable = False
    return words


def _random(count: int, seed: int) -> npt.NDArray[np.uint64]:
    # What bit generators give is promised to stay; what is drawn from their bits is not.
    found = np.empty(count, np.uint64)
    found[:] = np.random.PCG64(seed).random_raw(count)
    return found


def _urls(count: int, seed: int) -> npt.NDArray[np.str_]:
    words = np.char.lower(sample_keys("words", 4096))
    bits = _random(count, seed)
    # The square of a uniform number: few hosts have many pages.
    host = ((bits & np.uint64(0xFFFF)).astype(np.int64) ** 2 * len(words)) >> 32
    first = (bits >> np.uint64(16) & np.uint64(4095)).astype(np.int64)
    second = (bits >> np.uint64(28) & np.uint64(4095)).astype(np.int64)
    parts = zip(words[host].tolist(), words[first].tolist(), words[second].tolist(), range(count), strict=True)
    return np.array([f"https://www.{a}.example/{b}/{c}?id={i}" for a, b, c, i in parts], np.str_)
