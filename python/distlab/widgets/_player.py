"""The player: a cluster that runs before one's eyes, forwards and backwards, and on branches where something breaks."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from .. import units
from .._core import nanoseconds
from ..cluster import Cluster
from ..errors import ParameterError, ParameterTypeError
from ..plot._arrows import colours_of
from ..plot._style import MissingExtra
from ..portrait import FAULT_VERBS
from ._actions import MESSAGE_VERBS, asked_action
from ._manual import BEAT, KINDS, Action, ManualRecording, Script, steps_of
from ._picture import Picture, height_of, text_of
from ._recording import Recording, Tables

EVENT_LIMIT = 200_000
"""How many events one recording holds at most."""

CHUNK = 2_000
"""How many events are recorded more when a player runs past the end."""


def player(
    cluster: Cluster,
    until: units.Duration | None = None,
    *,
    script: Script = (),
    events: int = 3_000,
    branches: Mapping[str, Action | tuple[units.Duration, Action]] | None = None,
    title: str = "",
    height: int = 640,
) -> Player:
    """A cluster to play, step forwards and backwards, scrub, and break.

    The cluster is forked and does not move. Its nodes stand in a ring with their roles, timers and logs; messages move
    between them. In a notebook with a running kernel, a click on a node offers to crash it, cut it off and so on, and a
    click on another one while Shift is held cuts the link between them; a click on a message offers to deliver, drop or
    double it. What follows becomes a branch beside what was. :meth:`Player.to_html` writes a page that opens without a
    server or a network, with everything that is recorded.

    A cluster in manual mode is played step by step: what its ``script`` does, and then what is clicked, which goes on
    where the script ends. Messages wait on their way until somebody delivers them.

    The keys are space, arrows (left and right: events, with Shift ten at a time; up and down: branches), Home, End, n
    and p for the next and previous thing worth seeing, + and - for speed, 1 to 9 for nodes.

    Parameters
    ----------
    cluster : Cluster
        What to play, from where it is now.
    until : duration, optional
        Up to when to record; otherwise as far as ``events`` go. None for a cluster in manual mode.
    script : callable, or sequence of callables and (words, callable)
        What is done to a cluster in manual mode: ``lambda c: c.campaign("n0").settle()``. Every event of it is a step
        to be seen, and the words stand above it.
    events : int
        How many events are recorded at first, at most; a recording that ends before ``until`` says so.
    branches : mapping of str to callable, or to (duration, callable)
        What else might have happened: ``{"no leader": ("0.5s", lambda c: c.crash(c.leader))}`` is a branch on which the
        leader crashes then. Without a time, it happens where the recording begins. Of a cluster in manual mode, instead
        of a time the number of a step, or the words of a part of the script that is over; and what is done is a script.
    title : str
        Above the picture.
    height : int
        In CSS pixels.

    Returns
    -------
    Player

    Raises
    ------
    ParameterError
        If ``until`` or the time of a branch is not within the recording, or ``events`` is above 200,000.
    ParameterTypeError
        If an argument is of another type.

    Notes
    -----
    After an event, nodes that took part in it are looked at: recording takes 0.1 to 0.5 ms an event, however long logs
    are, once they were read. A page takes 90 kB and about 40 bytes an event. Every 256 events a fork is kept.

    Examples
    --------
    >>> import distlab as dl
    >>> raft = dl.Raft(3, seed=7)
    >>> show = dl.player(raft, until="0.5s", branches={"no leader": ("0.4s", lambda c: c.crash(c.leader))})
    >>> show.branches, raft.now
    (['as it was', 'no leader'], 0.0)
    >>> show.cluster("0.4s").has_leader(), show.cluster("0.4s", "no leader").has_leader()
    (True, False)

    By hand:

    >>> raft = dl.Raft(3, manual=True)
    >>> election = [("n0 runs", lambda c: c.campaign("n0")), ("it wins", lambda c: c.settle())]
    >>> show = dl.player(raft, script=election, branches={"not heard": ("n0 runs", lambda c: c.drop())})
    >>> show.cluster("it wins").leader, show.cluster(3, "not heard").leader
    ('n0', None)
    """
    if not isinstance(cluster, Cluster):
        raise ParameterTypeError("cluster", cluster, "a cluster")
    if units.count(events, "events") > EVENT_LIMIT:
        raise ParameterError("events", events, f"at most {EVENT_LIMIT:,}")
    end_ns = None
    if cluster.manual and until is not None:
        raise ParameterError("until", until, "None for a cluster in manual mode, which goes by its script")
    if not cluster.manual and steps_of(script):
        raise ParameterError("script", script, "a cluster in manual mode to go with it")
    if until is not None:
        end_ns = nanoseconds(until, "until")
        if end_ns <= cluster._world.now:
            raise ParameterError("until", until, f"a time after now, {cluster.now:g} s")
    if branches is not None and not isinstance(branches, Mapping):
        raise ParameterTypeError("branches", branches, "a mapping of names to callables, or to (time, callable)")
    found = Player(cluster, end_ns, int(events), text_of("title", title), height_of(height))
    if cluster.manual:
        found.perform(script)
    for name, wanted in (branches or {}).items():
        at, act = wanted if isinstance(wanted, tuple) and len(wanted) == 2 else (None, wanted)
        found.branch(name, act, at)
    return found


@dataclass
class Branch:
    """One course of events; it shares what came before with its parent."""

    name: str
    parent: int  # -1: none
    at: int  # the last position of the parent's course that it shares
    recording: Recording
    most: int  # how far it may be recorded
    wanted_ns: int | None
    _encoded: tuple[Any, dict[str, Any]] | None = field(default=None, repr=False)

    @property
    def notice(self) -> str:
        """Why the recording ends where it does, if there is something to say."""
        recording = self.recording
        if recording.stopped:
            return recording.stopped
        if recording.position >= EVENT_LIMIT or (self.wanted_ns is not None and recording.end_ns < self.wanted_ns):
            return f"recorded up to event {recording.position:,}, at {units.seconds(recording.end_ns):.6g} s"
        return ""

    def encode(self) -> dict[str, Any]:
        """For the browser; the columns are packed once."""
        key = (self.recording.position, self.recording.end_ns)
        if self._encoded is None or self._encoded[0] != key:
            self._encoded = (key, self.recording.encode())
        return {"name": self.name, "parent": self.parent, "at": self.at, "notice": self.notice} | self._encoded[1]


class Player(Picture):
    """A cluster to play; made by :func:`player`.

    Attributes
    ----------
    payload : dict
        What the browser gets: JSON, with columns deflated and in base64.
    height : int
        In CSS pixels.

    Examples
    --------
    >>> import distlab as dl
    >>> dl.player(dl.Raft(3, seed=7), until="0.5s")
    <Player of ... events and ... messages, 1 branch>
    """

    _module = "player.js"
    _kind = "player"
    _traits = MappingProxyType({"live": ("Bool", False), "asked": ("Dict", None), "answer": ("Dict", None)})

    def __init__(self, cluster: Cluster, end_ns: int | None, events: int, title: str, height: int) -> None:
        super().__init__()
        self.height = height
        self._title = title
        self._tables = Tables()
        self._by_hand = cluster.manual
        recording: Recording
        if self._by_hand:
            recording = ManualRecording(cluster.fork(), self._tables, 0, events)
        else:
            recording = Recording(cluster.fork(), self._tables, _sent_ns(cluster))
        recording.begin(False)
        if not self._by_hand:
            recording.run(end_ns, events)
        self._branches = [Branch("as it was", -1, 0, recording, events, end_ns)]

    # -- branches -------------------------------------------------------------------------------------

    @property
    def branches(self) -> list[str]:
        """The names of the branches; the first is the run as it was."""
        return [it.name for it in self._branches]

    def branch(self, name: str, act: Script, at: units.Duration | None = None, of: str | None = None) -> Self:
        """Record what would have followed if something had been done at a time.

        Parameters
        ----------
        name : str
            Of the branch.
        act : callable
            What is done, to a fork: ``lambda cluster: cluster.crash("n0")``. In manual mode a script.
        at : duration, optional
            When; otherwise where the recording begins. In manual mode the number of a step, or the words of a part of
            the script that is over.
        of : str, optional
            On which branch; the first otherwise.

        Raises
        ------
        ParameterError
            If there is such a branch, or the time is not within what is recorded.

        Examples
        --------
        >>> import distlab as dl
        >>> show = dl.player(dl.Raft(3, seed=7), until="0.5s").branch("split", lambda c: c.isolate("n0"), "0.1s")
        >>> show.branches
        ['as it was', 'split']
        """
        if not isinstance(name, str) or not name:
            raise ParameterTypeError("branches", name, "the name of a branch")
        if name in self.branches:
            raise ParameterError("branches", name, "a name that no branch has")
        if not (callable(act) or self._by_hand):
            raise ParameterTypeError(f"branches[{name!r}]", act, "a callable, or (time, callable)")
        index = self._index(of)
        time_ns = self._start_ns if at is None else self._within(at, index)
        self._fork(name, act, index, self._position(index, time_ns), time_ns)
        self._publish()
        return self

    def cluster(self, at: units.Duration, branch: str | None = None) -> Cluster:
        """A cluster as things stood at a time, to look into or to run on; its trace holds what happens from then on.

        Parameters
        ----------
        at : duration
            A time that is recorded. In manual mode the number of a step, or the words of a part of the script that is
            over.
        branch : str, optional
            On which branch; the first otherwise.

        Examples
        --------
        >>> import distlab as dl
        >>> dl.player(dl.Raft(3, seed=7), until="0.5s").cluster("0.25s").now
        0.25
        """
        index = self._index(branch)
        time_ns = self._within(at, index)
        return self._moment(index, self._position(index, time_ns), time_ns)[0]

    def perform(self, script: Script, branch: str | None = None) -> Self:
        """Do more to a cluster in manual mode, where a branch ends, of the first otherwise.

        Parameters
        ----------
        script : callable, or sequence of callables and (words, callable)
            As for :func:`player`.
        branch : str, optional
            On which branch.

        Raises
        ------
        ParameterError
            If the cluster moves by itself.

        Examples
        --------
        >>> import distlab as dl
        >>> show = dl.player(dl.Raft(3, manual=True)).perform(lambda c: c.campaign("n1"))
        >>> show.perform([("it wins", lambda c: c.settle())]).cluster("it wins").leader
        'n1'
        """
        found = self._branches[self._index(branch)]
        if not isinstance(found.recording, ManualRecording):
            raise ParameterError("script", script, "a cluster in manual mode to go with it")
        found.recording.perform(script)
        self._publish()
        return self

    def extend(self, duration: units.Duration, branch: str | None = None) -> Self:
        """Record more of a branch, of the first otherwise.

        Raises
        ------
        ParameterError
            If it holds 200,000 events already, or the cluster is in manual mode: see :meth:`perform`.

        Examples
        --------
        >>> import distlab as dl
        >>> dl.player(dl.Raft(3, seed=7), until="0.5s").extend("0.5s").cluster("1s").has_leader()
        True
        """
        found = self._branches[self._index(branch)]
        if self._by_hand:
            raise ParameterError("duration", duration, "a cluster that moves by itself")
        self._run_on(found, units.positive(duration, "duration"), EVENT_LIMIT)
        self._publish()
        return self

    @property
    def _start_ns(self) -> int:
        return self._branches[0].recording.start_ns

    def _index(self, name: str | None) -> int:
        if name is None:
            return 0
        if name not in self.branches:
            raise ParameterError("branch", name, f"one of {', '.join(map(repr, self.branches))}")
        return self.branches.index(name)

    def _within(self, at: units.Duration, index: int) -> int:
        if self._by_hand:
            return self._step(at, index) * BEAT
        time_ns = nanoseconds(at, "at")
        end_ns = self._branches[index].recording.end_ns
        if not self._start_ns <= time_ns <= end_ns:
            bounds = f"from {units.seconds(self._start_ns):g} s to {units.seconds(end_ns):g} s"
            raise ParameterError("at", at, f"a time that is recorded, {bounds}")
        return time_ns

    def _step(self, at: Any, index: int) -> int:
        """The position of a branch's course that a number, or the words of a part of its script, stand for."""
        branch = self._branches[index]
        if isinstance(at, str):
            known: dict[str, int] = {}
            last, most = index, self._last(index)
            while last >= 0:
                found = self._branches[last]
                ends = ((words, found.at + place) for words, place in found.recording.captions)
                known = {words: place for words, place in ends if place <= most} | known
                last, most = found.parent, min(most, found.at)
            if at not in known:
                raise ParameterError("at", at, f"the words of a part of the script: {', '.join(map(repr, known))}")
            return known[at]
        step = units.count(int(at) if isinstance(at, np.integer) else at, "at", least=0)
        if step > self._last(index):
            raise ParameterError("at", at, f"a step from 0 to {self._last(index)} of {branch.name!r}")
        return step

    def _last(self, index: int) -> int:
        """The last position of a branch's course."""
        return self._branches[index].at + self._branches[index].recording.position

    def _position(self, index: int, time_ns: int) -> int:
        """The last position of a branch's course that was reached by a time."""
        branch = self._branches[index]
        if branch.parent >= 0 and time_ns < branch.recording.start_ns:
            return self._position(branch.parent, time_ns)
        return branch.at + branch.recording.at(time_ns)

    def _moment(self, index: int, position: int, time_ns: int) -> tuple[Cluster, dict[int, int]]:
        branch = self._branches[self._owner(index, position, time_ns)]
        return branch.recording.moment(position - branch.at, time_ns)

    def _owner(self, index: int, position: int, time_ns: int) -> int:
        """The branch that holds a moment of a branch's course: itself, or the one it has it from."""
        branch = self._branches[index]
        own = position - branch.at
        if branch.parent >= 0 and (time_ns < branch.recording.start_ns or own < branch.recording.checkpoints[0][0]):
            return self._owner(branch.parent, min(position, branch.at), time_ns)
        return index

    def _fork(self, name: str, act: Script, index: int, position: int, time_ns: int) -> None:
        cluster, sent_ns = self._moment(index, position, time_ns)
        root = self._branches[0]
        if self._by_hand:
            steps = ManualRecording(cluster, self._tables, position, root.most)
            steps.begin(False)
            steps.perform(act)
            self._branches.append(Branch(name, self._owner(index, position, time_ns), position, steps, root.most, None))
            return
        recording = Recording(cluster, self._tables, sent_ns)
        assert callable(act)
        with cluster._explained():
            act(cluster)
        recording.begin(True)
        span = root.recording.end_ns - self._start_ns
        until_ns = max(root.recording.end_ns, recording.start_ns + span // 4)
        recording.run(until_ns, root.most)
        parent = self._owner(index, position, time_ns)
        self._branches.append(Branch(name, parent, position, recording, root.most, until_ns))

    @staticmethod
    def _run_on(branch: Branch, duration_ns: int, most: int) -> None:
        recording = branch.recording
        if recording.stopped:
            raise ParameterError("branch", branch.name, "a branch that can go on", recording.stopped)
        if recording.position >= EVENT_LIMIT:
            raise ParameterError(
                "branch", branch.name, f"a branch with fewer than {EVENT_LIMIT:,} events", branch.notice
            )
        until_ns = recording.end_ns + duration_ns
        limited = recording.run(until_ns, min(most, EVENT_LIMIT))
        branch.wanted_ns = until_ns if limited and most == EVENT_LIMIT else None

    # -- for the browser ------------------------------------------------------------------------------

    @property
    def payload(self) -> dict[str, Any]:  # type: ignore[override]
        verbs = type(self._branches[0].recording.cluster)._verbs
        return {
            "version": 1,
            "title": self._title,
            "byHand": self._by_hand,
            "kinds": [*self._branches[0].recording.cluster._world.trace()["kinds"], *KINDS],
            "messageVerbs": list(MESSAGE_VERBS),
            "verbs": [{"name": name, "when": it.when, "own": name not in FAULT_VERBS} for name, it in verbs.items()],
            "colours": self._colours(),
            "branches": [it.encode() for it in self._branches],
            "tables": self._tables.encode(),
        }

    def _colours(self) -> list[str]:
        """The colour of each label, as the space-time diagram has them."""
        labels = np.asarray(list(self._tables.labels), np.str_)
        sent = [it.label for branch in self._branches for it in branch.recording._messages]
        named = colours_of(labels[np.asarray(sent, np.int64)])
        return [named.get(str(it), "#8C8C8C") for it in labels]

    def widget(self) -> Any:
        new = self._widget is None
        found = super().widget()
        if new:
            found.live = True
            found.observe(self._asked, names="asked")
        return found

    def _publish(self) -> None:
        if self._widget is not None:
            self._widget.payload = self.payload

    def _asked(self, change: Any) -> None:
        """The widget wants a branch to go on, or something to happen to a node."""
        asked = change["new"]
        index, problem = int(asked.get("branch", 0)), ""
        try:
            if asked.get("do") == "extend":
                branch = self._branches[index]
                span = branch.recording.end_ns - self._start_ns
                self._run_on(branch, max(span // 2, 1_000_000), branch.recording.position + CHUNK)
            else:
                index = self._act(asked, index)
        except Exception as error:  # whatever it is, the picture waits for an answer
            problem = str(error) or type(error).__name__
        self._publish()
        self._widget.answer = {"id": asked.get("id"), "branch": index, "problem": problem}

    def _act(self, asked: Mapping[str, Any], index: int) -> int:
        """Do what is asked: by hand where a branch ends, and otherwise on a branch of its own."""
        recordings = [it.recording for it in self._branches]
        name, act = asked_action(asked, recordings)
        position, recording = int(asked["position"]), recordings[index]
        if isinstance(recording, ManualRecording) and position == self._last(index):
            recording.perform(act)
            return index
        time_ns = position * BEAT if self._by_hand else round(float(asked["time"]) * units.SECOND)
        number = 1 + sum(it == name or it.startswith(f"{name} (") for it in self.branches)
        self._fork(name if number == 1 else f"{name} ({number})", act, index, position, time_ns)
        return len(self._branches) - 1

    # -- as a still picture ---------------------------------------------------------------------------

    def plot(self, at: units.Duration | None = None, branch: str | None = None, ax: Any = None, **options: Any) -> Any:
        """A moment as a still picture: :func:`distlab.plot.cluster_ring`.

        Parameters
        ----------
        at : duration, optional
            A time that is recorded; the last of the branch otherwise.
        branch : str, optional
            On which branch; the first otherwise.
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure otherwise.
        **options
            As for :func:`distlab.plot.cluster_ring`.

        Examples
        --------
        >>> import distlab as dl
        >>> ax = dl.player(dl.Raft(3, seed=7), until="0.5s").plot("0.4s")
        """
        from ..plot import cluster_ring

        index = self._index(branch)
        time_ns = self._branches[index].recording.end_ns if at is None else self._within(at, index)
        cluster, sent_ns = self._moment(index, self._position(index, time_ns), time_ns)
        return cluster_ring(cluster, ax, sent={id: units.seconds(it) for id, it in sent_ns.items()}, **options)

    def _still(self) -> dict[str, Any]:
        """The last moment as PNG, if matplotlib is there: for where no widget is shown, such as on a forge."""
        try:
            figure = self.plot().get_figure()
        except MissingExtra:
            return {}
        from matplotlib.pyplot import close

        data = io.BytesIO()
        figure.savefig(data, format="png", dpi=100)
        close(figure)
        return {"image/png": base64.b64encode(data.getvalue()).decode("ascii")}

    def __repr__(self) -> str:
        events, messages = self._branches[0].recording.counts()
        count = len(self._branches)
        notice = f", {self._branches[0].notice}" if self._branches[0].notice else ""
        branches = f"{count} branch{'es' if count != 1 else ''}"
        return f"<Player of {events:,} events and {messages:,} messages, {branches}{notice}>"


def _sent_ns(cluster: Cluster) -> dict[int, int]:
    """When messages that are under way were sent, as far as the cluster's own trace tells."""
    columns = cluster._world.trace()
    waiting = [row["id"] for row in cluster._world.pending(False) if row["src"] is not None]
    codes = [columns["kinds"].index(it) for it in ("send", "duplicate")]
    chosen = np.isin(columns["kind"], codes) & np.isin(columns["id"], np.asarray(waiting, np.uint64))
    return dict(zip(columns["id"][chosen].tolist(), columns["time_ns"][chosen].tolist(), strict=True))


__all__ = ["Player", "player"]
