"""A session of a client by hand: commands under serial numbers, each carried out once however often it is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from . import units
from .cluster import Op
from .errors import ParameterError
from .raft_client import operation
from .units import Duration

if TYPE_CHECKING:
    from .raft import Raft

__all__ = ["Session", "retried"]

SERIAL_BITS = 32
"""A serial number is the lower part of the number by which servers know a command; the upper names the session."""

MARK = "#"
"""Between the name of a client and the number of its session: that is the name of the session's node."""


class Session:
    """A session (Ongaro's thesis, section 6.3): one command after the other, each under its serial number.

    It is a node of its own, and otherwise a client like any other: it finds the leader, and asks again until it is
    answered. In manual mode nothing waits: a command is under way once it is called, and messages are delivered by
    hand.

    Attributes
    ----------
    name : str
        The name of its node: ``"ann#1"`` is the first session of the client ``ann``.
    last : Op or None
        The last command that was called.

    Examples
    --------
    >>> import distlab as dl
    >>> raft = dl.Raft(3, seed=1, machine="counter")
    >>> session = raft.client("ann").session()
    >>> session.call(("add", 5)).result, session.serial
    (5, 1)
    >>> session.retry().result  # carried out once, and answered from memory
    5
    >>> raft.run_until(op := raft.client("bob").read()), op.result
    (True, 5)
    """

    def __init__(self, cluster: Raft, name: str) -> None:
        self._cluster = cluster
        self._command: Any = None
        self.name = name
        self.last: Op | None = None

    @property
    def serial(self) -> int:
        """The serial number of the last command; 0 before the first, and while the session is being registered."""
        lanes = self._client()["lanes"]
        return 0 if not lanes or lanes[0]["seq"] >> 63 else int(lanes[0]["seq"]) % 2**SERIAL_BITS

    @property
    def expired(self) -> bool:
        """Whether the cluster said last that it has forgotten the session (see ``Raft(session_limit=...)``).

        Whether the last command was carried out before, nobody knows; what is called next opens another session.
        """
        reply = None if self.last is None else self.last.reply
        return reply == {"raft": {"executed": {"answer": {"refused": "session_expired"}}}}

    def register(self) -> Self:
        """Begin another session: the next command has the serial number 1 in it.

        Where sessions are limited (``Raft(session_limit=...)``) that command registers it first, in the log; elsewhere
        the first command of a session opens it.

        Raises
        ------
        ParameterError
            If a command is under way.
        """
        client = self._ready("register")
        for lane in client["lanes"]:
            lane["registered"] = False
            lane["seq"] = (lane["seq"] >> SERIAL_BITS) + 1 << SERIAL_BITS
        self._edit(client)
        return self

    def call(
        self, command: Any, serial: int | None = None, *, server: str | None = None, timeout: Duration = "60s"
    ) -> Op:
        """Have a command carried out, and wait until it is answered.

        Parameters
        ----------
        command : dict or tuple
            The operation, as for :meth:`Client.execute`.
        serial : int, optional
            Its serial number; by default the one after the last. Under that of the last command it is a retry of that,
            whatever it says; an earlier one is answered by nothing, since servers remember the last answer only.
        server : str, optional
            Whom to ask first; by default whoever answered last.
        timeout : duration
            How long to wait in simulated time; afterwards it is still under way.

        Returns
        -------
        Op
            ``status, result, latency``, as of every operation. Status "fail" with ``result`` None: the command is older
            than the last one. "info": see :attr:`expired`.

        Raises
        ------
        ParameterError
            If the command before is still under way, which only :meth:`retry` sends again, or the session is to be
            registered and the serial number is not 1.

        Examples
        --------
        >>> import distlab as dl
        >>> raft = dl.Raft(3, seed=1, machine="counter", session_limit=1)
        >>> ann, bob = (raft.client(name).session() for name in ("ann", "bob"))
        >>> [session.call(("add", 1)).status for session in (ann, bob, ann)], ann.expired
        (['ok', 'ok', 'info'], True)
        """
        op = operation(command)
        if serial is not None or server is not None:
            client = self._ready("command")
            self._aim(client, server)
            if serial is not None:
                self._number(client, units.count(serial, "serial"))
            self._edit(client)
        else:
            self._ready("command")
        self._command = op
        self.last = self._cluster.call(self.name, {"raft": {"execute": {"op": op}}})
        return self._waited(self.last, timeout)

    def retry(self, server: str | None = None, *, timeout: Duration = "60s") -> Op:
        """Send the last command again under the same serial number, and wait until it is answered.

        Servers that remember the session answer from memory, and nothing is carried out twice. So the history has the
        command once: until its first answer.

        Parameters
        ----------
        server : str, optional
            Whom to send it to; by default whoever answered last. A command that is not answered yet gets there at once.
        timeout : duration
            As for :meth:`call`.

        Returns
        -------
        Op
            With the answer to this attempt; the operation itself, if it was not answered before.

        Raises
        ------
        ParameterError
            If nothing was called yet.
        """
        if self.last is None:
            raise ParameterError("retry", None, "a session in which something was called")
        client = self._client()
        lane = client["lanes"][0]
        if lane["asking"] is not None:
            target = self._cluster._asked(server)
            self._cluster.inject(self.name, target, {"raft": lane["asking"]["msg"]})
            return self._waited(self.last, timeout)
        self._aim(client, server)
        lane["seq"] -= 1
        lane["registered"] = True  # even if it is forgotten, it is that session's command
        self._edit(client)
        again = self._cluster.call(self.name, {"raft": {"propose": {"op": self._command}}})
        return self._waited(again, timeout)

    def _client(self) -> Any:
        """The state of its node."""
        live, _ = self._cluster._world.state(self.name)
        if live is None:
            raise ParameterError("session", self.name, "a session whose node is up")
        return live["raft"]["client"]

    def _ready(self, parameter: str) -> Any:
        """The state of its node, with nothing under way."""
        client = self._client()
        if any(lane["asking"] is not None for lane in client["lanes"]):
            allowed = "something once the command before it is answered: retry() sends that again"
            raise ParameterError(parameter, self.name, allowed)
        return client

    def _aim(self, client: Any, server: str | None) -> None:
        if server is not None:
            client["leader"] = self._cluster._server(server)

    def _number(self, client: Any, serial: int) -> None:
        """Makes the next command have this serial number."""
        config, lanes = client["config"], client["lanes"]
        if config["register"] and not (lanes and lanes[0]["registered"]):
            if serial != 1:
                raise ParameterError("serial", serial, "1 for the first command of a session that is to be registered")
            return
        if not lanes:
            incarnation = self._cluster._world.state(self.name)[1]["raft"]["incarnation"]
            lanes.append({"seq": incarnation << SERIAL_BITS, "registered": False, "registrations": 0, "asking": None})
            client["idle"] = [0]
        lanes[0]["seq"] = (lanes[0]["seq"] >> SERIAL_BITS << SERIAL_BITS) + serial - 1

    def _edit(self, client: Any) -> None:
        self._cluster._world.edit(self.name, {"raft": {"client": client}})

    def _waited(self, op: Op, timeout: Duration) -> Op:
        if not self._cluster.manual:
            self._cluster.run_until(op, timeout)
        return op

    def __repr__(self) -> str:
        return f"<Session {self.name} of {self._cluster!r}: serial {self.serial}>"


def retried(call: Any) -> bool:
    """Whether what a session's node was asked is a retry of what was answered before."""
    return "propose" in call["raft"]
