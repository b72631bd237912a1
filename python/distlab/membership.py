"""Who belongs to a replicated group, and how that may change (notes 2.3; Ongaro's thesis, chapter 4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from . import _core, units
from .errors import ParameterError, ParameterTypeError

__all__ = ["Member", "Membership", "committed_index", "vote_result"]

Member: TypeAlias = str | int
"""A member of a group: a name, or a number."""

CHANGES = ("voter", "learner", "remove")
_MEMBERS = "names or numbers of members, all of one kind and each once"


def _members(value: Any, parameter: str) -> tuple[Any, ...]:
    """Members as a sorted tuple."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise ParameterTypeError(parameter, value, _MEMBERS)
    items = list(value)
    for item in items:
        if isinstance(item, bool) or not (isinstance(item, str) or hasattr(item, "__index__")):
            raise ParameterTypeError(parameter, item, _MEMBERS)
    items = [item if isinstance(item, str) else int(item) for item in items]
    if len({type(item) for item in items}) > 1 or len(set(items)) < len(items):
        raise ParameterError(parameter, value, _MEMBERS)
    return tuple(sorted(items))


def _index(value: Any, parameter: str) -> int:
    """An index of a log."""
    allowed = "an index from 0 to 2**64 - 1"
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ParameterTypeError(parameter, value, allowed)
    if not 0 <= int(value) < 2**64:
        raise ParameterError(parameter, value, allowed)
    return int(value)


def _numbered(*sets: Iterable[Any]) -> dict[Any, int]:
    """A number for every member, in the order of the members."""
    everybody = {member for members in sets for member in members}
    if len({isinstance(member, str) for member in everybody}) > 1:
        raise ParameterError("members", sorted(map(str, everybody)), "all names, or all numbers")
    return {member: number for number, member in enumerate(sorted(everybody))}


def committed_index(voters: Iterable[Member], acked: Mapping[Any, int], outgoing: Iterable[Member] = ()) -> int | None:
    """The greatest log index that a majority has acknowledged; in a joint configuration, a majority of either set.

    Parameters
    ----------
    voters : iterable of str or int
        Those who decide.
    acked : mapping
        Up to which index each has acknowledged; whoever is missing has nothing.
    outgoing : iterable of str or int
        Of a joint configuration: those who decided before.

    Returns
    -------
    int or None
        0 where nothing is committed; None where nobody votes, so that there is nothing to wait for.

    Raises
    ------
    ParameterTypeError, ParameterError
        If a member is neither a name nor a number, or stands twice in a set; if an index is below 0.

    Notes
    -----
    O(n log n) for n voters. Source: Ongaro's thesis, sections 3.5.3 and 4.3.

    Examples
    --------
    >>> import distlab as dl
    >>> dl.raft.committed_index("a b c".split(), {"a": 9, "b": 8})
    8
    >>> dl.raft.committed_index([3, 4, 5], {1: 9, 2: 8, 3: 5, 4: 4}, outgoing=[1, 2, 3])
    4
    """
    incoming, before = _members(voters, "voters"), _members(outgoing, "outgoing")
    if not isinstance(acked, Mapping):
        raise ParameterTypeError("acked", acked, "a mapping of members to indices")
    numbers = _numbered(incoming, before)
    reached = [0] * len(numbers)
    for member, index in acked.items():
        index = _index(index, f"acked[{member!r}]")
        if member in numbers:
            reached[numbers[member]] = index
    return _core.quorum_index([numbers[it] for it in incoming], [numbers[it] for it in before], reached)


def vote_result(voters: Iterable[Member], votes: Mapping[Any, bool | None], outgoing: Iterable[Member] = ()) -> str:
    """How an election stands: "won", "lost", or "open" as long as votes that are not yet heard can decide it.

    Parameters
    ----------
    voters : iterable of str or int
        Those who decide.
    votes : mapping
        What each has answered: True, False, or None for nothing yet; so has whoever is missing.
    outgoing : iterable of str or int
        Of a joint configuration: those who decided before. Both majorities must be won.

    Returns
    -------
    str
        "won", "lost" or "open". Where nobody votes, nobody's vote is needed: "won".

    Raises
    ------
    ParameterTypeError, ParameterError
        If a member is neither a name nor a number, or stands twice in a set; if a vote is no bool.

    Notes
    -----
    O(n) for n voters. Source: Ongaro's thesis, sections 3.4 and 4.3.

    Examples
    --------
    >>> import distlab as dl
    >>> dl.raft.vote_result(["a", "b", "c"], {"a": True, "b": True})
    'won'
    >>> dl.raft.vote_result([1, 2], {1: True, 2: True, 3: False, 4: False}, outgoing=[3, 4])
    'lost'
    """
    incoming, before = _members(voters, "voters"), _members(outgoing, "outgoing")
    if not isinstance(votes, Mapping):
        raise ParameterTypeError("votes", votes, "a mapping of members to votes")
    numbers = _numbered(incoming, before)
    heard: list[bool | None] = [None] * len(numbers)
    for member, vote in votes.items():
        if vote is not None and type(vote).__name__ not in ("bool", "bool_"):
            raise ParameterTypeError(f"votes[{member!r}]", vote, "True, False or None")
        if member in numbers:
            heard[numbers[member]] = None if vote is None else bool(vote)
    return _core.quorum_vote([numbers[it] for it in incoming], [numbers[it] for it in before], heard)


@dataclass(frozen=True)
class Membership:
    """A configuration of a group: who votes, and who only listens.

    Parameters
    ----------
    voters : iterable of str or int
        Those whose votes and copies count.
    outgoing : iterable of str or int
        Those who voted before: while there are any, the configuration is joint, and both sets decide.
    learners : iterable of str or int
        Those who receive the log and do not count.
    learners_next : iterable of str or int
        Outgoing voters who will be learners once the joint configuration is left.
    auto_leave : bool
        Whether a joint configuration is left as soon as it is committed.

    Raises
    ------
    ParameterTypeError, ParameterError
        If a member is neither a name nor a number, stands twice in a set, or is voter and learner at once.

    Notes
    -----
    Source: Ongaro's thesis, chapter 4. Texts are those of etcd: ``voters=(2 3)&&(1) learners=(4)``.

    Examples
    --------
    >>> import distlab as dl
    >>> old = dl.Membership([1])
    >>> joint = old.enter_joint({2: "voter", 3: "voter", 4: "learner", 1: "remove"})
    >>> print(joint)
    voters=(2 3)&&(1) learners=(4)
    >>> print(joint.leave_joint())
    voters=(2 3) learners=(4)
    >>> joint.enter_joint({5: "voter"})
    Traceback (most recent call last):
    distlab.ParameterError: membership: config is already joint
    """

    voters: tuple[Any, ...] = ()
    outgoing: tuple[Any, ...] = ()
    learners: tuple[Any, ...] = ()
    learners_next: tuple[Any, ...] = ()
    auto_leave: bool = False

    def __init__(
        self,
        voters: Iterable[Member] = (),
        outgoing: Iterable[Member] = (),
        learners: Iterable[Member] = (),
        learners_next: Iterable[Member] = (),
        auto_leave: bool = False,
    ) -> None:
        sets = {"voters": voters, "outgoing": outgoing, "learners": learners, "learners_next": learners_next}
        for name, value in sets.items():
            object.__setattr__(self, name, _members(value, name))
        object.__setattr__(self, "auto_leave", bool(auto_leave))
        _numbered(self.voters, self.outgoing, self.learners, self.learners_next)
        if set(self.learners) & {*self.voters, *self.outgoing}:
            raise ParameterError("learners", self.learners, "members that do not vote")
        if not set(self.learners_next) <= set(self.outgoing) - set(self.voters):
            raise ParameterError("learners_next", self.learners_next, "outgoing voters that are no longer voters")

    @property
    def is_joint(self) -> bool:
        """Whether two sets of voters decide together."""
        return bool(self.outgoing)

    def committed_index(self, acked: Mapping[Any, int]) -> int | None:
        """The greatest index that is committed: :func:`committed_index`."""
        return committed_index(self.voters, acked, self.outgoing)

    def vote_result(self, votes: Mapping[Any, bool | None]) -> str:
        """How an election stands: :func:`vote_result`."""
        return vote_result(self.voters, votes, self.outgoing)

    def simple(self, changes: Mapping[Any, str] | Iterable[tuple[Any, str]]) -> Membership:
        """The configuration after changes that add or remove one voter at most.

        Parameters
        ----------
        changes : mapping or iterable of pairs
            What becomes of a member: "voter", "learner" or "remove"; one after the other.

        Raises
        ------
        ParameterError
            If this configuration is joint, more than one voter would change, or none would be left.

        Examples
        --------
        >>> import distlab as dl
        >>> print(dl.Membership(["a", "b"]).simple({"c": "voter"}))
        voters=(a b c)
        """
        return self._changed("simple", changes)

    def enter_joint(
        self, changes: Mapping[Any, str] | Iterable[tuple[Any, str]], *, auto_leave: bool = False
    ) -> Membership:
        """The joint configuration that begins changes of any number of voters.

        Parameters
        ----------
        changes : mapping or iterable of pairs
            What becomes of a member: "voter", "learner" or "remove"; one after the other.
        auto_leave : bool
            Whether it is left as soon as it is committed.

        Raises
        ------
        ParameterError
            If this configuration is joint or has no voters, or none would be left.

        Examples
        --------
        >>> import distlab as dl
        >>> print(dl.Membership([1, 2]).enter_joint({3: "voter", 1: "learner"}, auto_leave=True))
        voters=(2 3)&&(1 2) learners_next=(1) autoleave
        """
        return self._changed("enter_joint_auto" if auto_leave else "enter_joint", changes)

    def leave_joint(self) -> Membership:
        """The configuration that ends a change: outgoing voters have no say any more.

        Raises
        ------
        ParameterError
            If this configuration is not joint.

        Examples
        --------
        >>> import distlab as dl
        >>> print(dl.Membership([2], outgoing=[1], learners_next=[1]).leave_joint())
        voters=(2) learners=(1)
        """
        return self._changed("leave_joint", ())

    def _changed(self, how: str, changes: Mapping[Any, str] | Iterable[tuple[Any, str]]) -> Membership:
        steps = list(changes.items() if isinstance(changes, Mapping) else changes)
        for step in steps:
            if not isinstance(step, tuple) or len(step) != 2:
                raise ParameterTypeError("changes", step, "pairs of a member and what becomes of it")
            units.choice(step[1], "changes", CHANGES)
            _members([step[0]], "changes")
        sets = (self.voters, self.outgoing, self.learners, self.learners_next)
        numbers = _numbered(*sets, [member for member, _ in steps])
        coded = [(what, numbers[member]) for member, what in steps]
        lists = [[numbers[it] for it in members] for members in sets]
        try:
            after = _core.membership_change((*lists, self.auto_leave), how, coded)  # type: ignore[arg-type]
        except ParameterError as error:
            raise ParameterError("membership", str(self), "another change", error.problem) from None
        back = list(numbers)
        voters, outgoing, learners, learners_next = ([back[it] for it in members] for members in after[:4])
        return Membership(voters, outgoing, learners, learners_next, after[4])

    def __str__(self) -> str:
        def show(members: tuple[Any, ...]) -> str:
            return f"({' '.join(map(str, members))})"

        text = f"voters={show(self.voters)}"
        if self.outgoing:
            text += f"&&{show(self.outgoing)}"
        if self.learners:
            text += f" learners={show(self.learners)}"
        if self.learners_next:
            text += f" learners_next={show(self.learners_next)}"
        return text + (" autoleave" if self.auto_leave else "")
