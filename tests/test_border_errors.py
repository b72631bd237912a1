"""The exceptions: one tree, readable, with data that survives a process pool."""

from __future__ import annotations

import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

import distlab
from distlab import errors

EXAMPLES = [
    errors.DistlabError("something"),
    errors.ParameterError("network.loss", 1.5, "a number from 0 to 1"),
    errors.ParameterTypeError("nodes", "five", "a whole number"),
    errors.SerializationError("message['f']", 1j, "data"),
    errors.UnknownNode("n9", ("n0", "n1")),
    errors.SaveFileError("cut short"),
    errors.HandlerError("too late"),
    errors.InvariantViolation("one-leader", "two of them", 7, 120, 0.25, "n1", None, "pytest ..."),
    errors.LivelockError("n0", "timer"),
    errors.BudgetExceeded("pending events"),
    errors.ClusterBusy("running"),
    errors.ClusterHalted("stopped"),
    errors.ManualModeError("by hand"),
    errors.InternalError("index out of bounds", 7),
    errors.HistoryError("row 3: status", "maybe", "ok or fail or info"),
    errors.SpecError("Lamp", "a state must be hashable", [1], "press"),
    errors.StepImpossible(3, "press", ["wait"]),
    errors.AllocationError("C", 2, 2, 1, 2),
    errors.ClockError("vectors of different processes"),
    errors.MemoryFault("unmapped", 0x1000, 3, "write", None, 7),
    errors.MachineError("bank:Bank", ["balance", "x"], {"x": 1}, {"x": 2}),
    errors.MissingKey("cart:42"),
    errors.OutOfMemory("the swap device is full"),
    errors.PageFault("unmapped", 0x1000, 3, "write", None, 7),
    errors.ProtectionFault("read-only", 0x1000, 3, "write", None, 7),
    errors.TreeMismatch("hashes", "sha1", "md5"),
    errors.TraceError("line 3", "I  x", "a record", None, 3),
    errors.UnexplorableError("node a reads its clock"),
    errors.PropertyViolation("mutex"),
    errors.ConsistencyViolation(distlab.History.parse("W(x,1) R(x,0)").check("read-your-writes")),
]


def fail(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda it: type(it).__name__)
def test_errors_survive_pickling_with_all_they_carry(error: Exception) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_errors_survive_a_process_pool() -> None:
    violation = EXAMPLES[7]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        caught = pool.submit(fail, violation).exception()
    assert isinstance(caught, errors.InvariantViolation)
    assert (caught.seed, caught.step, caught.time, caught.node, caught.replay) == (
        7,
        120,
        0.25,
        "n1",
        "pytest ...",
    )


def test_a_value_that_cannot_be_pickled_travels_as_its_repr() -> None:
    again = pickle.loads(pickle.dumps(errors.SerializationError("message", fail.__code__, "data")))
    assert again.value == repr(fail.__code__)


def test_every_error_is_exported_under_the_package_name() -> None:
    assert {type(it).__name__ for it in EXAMPLES} == set(errors.__all__)
    for name in errors.__all__:
        cls = getattr(distlab, name)
        assert cls.__module__ == "distlab"
        assert issubclass(cls, distlab.DistlabError)
        assert cls.__doc__


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (EXAMPLES[1], "network.loss: expected a number from 0 to 1, got 1.5"),
        (errors.ParameterError("", "x", "a dict"), "expected a dict, got 'x'"),
        (errors.ParameterError("at", 1, "", "it is too late"), "at: it is too late"),
        (EXAMPLES[4], "no node 'n9'; there are: n0, n1"),
        (errors.UnknownNode("n9"), "no node 'n9'"),
        (EXAMPLES[7], "one-leader: two of them (seed 7, step 120, t = 0.25 s)\nreplay: pytest ..."),
    ],
)
def test_messages_say_what_would_be_right(error: Exception, text: str) -> None:
    assert str(error) == text


@pytest.mark.parametrize(
    ("cls", "builtin"),
    [
        (errors.ParameterError, ValueError),
        (errors.ParameterTypeError, TypeError),
        (errors.UnknownNode, KeyError),
        (errors.SerializationError, TypeError),
        (errors.SaveFileError, ValueError),
        (errors.InvariantViolation, AssertionError),
    ],
)
def test_errors_are_what_python_users_catch(cls: type[Exception], builtin: type[Exception]) -> None:
    assert issubclass(cls, builtin)


def test_a_long_value_is_shortened() -> None:
    assert len(str(errors.ParameterError("x", "y" * 10_000, "less"))) < 200
