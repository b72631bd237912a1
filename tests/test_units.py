"""Numbers as users have them: of Python and of numpy alike."""

import numpy as np
import pytest

import distlab as dl
from distlab import units


@pytest.mark.parametrize("kind", [int, np.int8, np.int64, np.uint32])
def test_whole_numbers_of_numpy_count(kind):
    assert dl.Raft(kind(3), seed=1).nodes == dl.Raft(3, seed=1).nodes
    found = units.count(kind(3), "n")
    assert found == 3 and type(found) is int
    assert dl.Bank(kind(2), balance=kind(7)).total == 14


@pytest.mark.parametrize("kind", [float, np.float32, np.float64])
def test_numbers_of_numpy_are_numbers(kind):
    assert units.probability(kind(0.5), "p") == 0.5
    assert units.number(kind(2), "x", "above 0") == 2
    assert units.size(kind(100), "size") == 100


def test_sizes_with_units():
    found = [units.size(text, "size") for text in ("1kB", "64KiB", "1.5 MiB", "2GB", "1GiB")]
    assert found == [1000, 65536, 3 * 2**19, 2 * 10**9, 2**30]
    for text in ("64kiB", "KiB", "12", "1TB"):
        with pytest.raises(dl.ParameterError, match="^size: "):
            units.size(text, "size")


def test_what_is_no_number_is_still_refused():
    for value in (True, np.True_, "3", 3.0, None, 3j, np.array([3])):
        with pytest.raises(dl.ParameterTypeError, match="^n: "):
            units.count(value, "n")
    for value in (True, np.True_, "0.5", None, 1j):
        with pytest.raises(dl.ParameterTypeError, match="^p: "):
            units.probability(value, "p")
    with pytest.raises(dl.ParameterError, match="n: expected a whole number, 1 or more"):
        units.count(np.int64(0), "n")
    with pytest.raises(dl.ParameterError, match="^p: "):
        units.probability(np.nan, "p")
