"""A client of a Raft cluster, and what it may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from . import units
from .cluster import Op
from .errors import ParameterError, ParameterTypeError

if TYPE_CHECKING:
    from .raft import Raft
    from .raft_session import Session

__all__ = ["Client", "operation"]


class Client:
    """A client of a cluster: a node of its own that finds the leader, and asks again until it is answered.

    Its commands carry a session and a serial number, so that each is carried out once however often it is sent.
    """

    def __init__(self, cluster: Raft, name: str) -> None:
        self._cluster = cluster
        self.name = name

    def execute(self, op: Any) -> Op:
        """Have any operation carried out: a dict such as ``{"put": {"key": "x", "value": 1}}``."""
        return self._cluster.call(self.name, {"raft": {"execute": {"op": operation(op)}}})

    def session(self) -> Session:
        """Another session of this client, to call and retry commands by hand under serial numbers.

        Examples
        --------
        >>> import distlab as dl
        >>> session = dl.Raft(3, seed=1).client("ann").session()
        >>> session.call(("put", "x", 1)).status, session.retry().status
        ('ok', 'ok')
        """
        from .raft_session import Session

        return Session(self._cluster, self._cluster._open_session(self.name))

    def send(self, server: str, op: Any, *, seq: int, lane: int = 0, retry: bool = False) -> Self:
        """Send one server a command by hand, under a session and a serial number of one's own choosing.

        Sent again under the same name it is a retry, and carried out once. Nobody waits for the answer: it is in the
        trace, and in manual mode among the messages; :meth:`session` is for who waits.

        Parameters
        ----------
        server : str
            Whom to send it to, whoever leads.
        op : dict or tuple
            The operation, as for :meth:`execute`; None to register a session (see ``Raft(session_limit=...)``).
        seq : int
            The serial number: of commands of one lane the greater is the later.
        lane : int
            Which of the client's sessions.
        retry : bool
            Whether to say that it was sent before, as clients do that ask again: a leader that has the command in its
            log, and waits for it to be committed, does not append it twice.

        Examples
        --------
        >>> import distlab as dl
        >>> raft = dl.Raft(["a"], machine="counter", manual=True).campaign("a")
        >>> client = raft.client("ann")
        >>> _ = client.send("a", ("add", 5), seq=1).send("a", ("add", 5), seq=1).send("a", ("add", 5), seq=2)
        >>> raft.state("a")["machine"]
        10
        """
        session = {"client": self.name, "lane": units.count(lane, "lane", least=0), "seq": units.count(seq, "seq")}
        command = (
            {"apply": {"session": session, "op": operation(op)}}
            if op is not None
            else {"register": {"session": session}}
        )
        if not isinstance(retry, bool):
            raise ParameterTypeError("retry", retry, "True or False")
        request = {"command": command, "retry": retry}
        self._cluster.inject(self.name, self._cluster._server(server), {"raft": {"request": request}})
        return self

    def put(self, key: str, value: Any) -> Op:
        """Write a value: None, a bool, an int, a str, or a list of these."""
        return self.execute({"put": {"key": key, "value": value}})

    def get(self, key: str) -> Op:
        """Read a value; None if the key was never written."""
        return self.execute({"get": {"key": key}})

    def cas(self, key: str, expect: Any, value: Any) -> Op:
        """Write a value if the present one is ``expect``; the result says whether."""
        return self.execute({"cas": {"key": key, "expected": expect, "value": value}})

    def append(self, key: str, value: Any) -> Op:
        """Append to a list or a text."""
        return self.execute({"append": {"key": key, "value": value}})

    def delete(self, key: str) -> Op:
        """Remove a key."""
        return self.execute({"delete": {"key": key}})

    def swap(self, key: str, value: Any) -> Op:
        """Write a value; the result is the one before it."""
        return self.execute({"swap": {"key": key, "value": value}})

    def scan(self, key: str, count: int) -> Op:
        """Read up to ``count`` keys in order, from ``key`` on."""
        return self.execute({"scan": {"key": key, "count": count}})

    def add(self, amount: int = 1) -> Op:
        """Add to the counter (``machine="counter"``); the result is its new value."""
        return self.execute({"add": {"by": amount}})

    def read(self) -> Op:
        """Read the counter."""
        return self.execute("read")

    def acquire(self, key: str, owner: Any = None) -> Op:
        """Take a lock (``machine="lock"``) for an owner, by default this client.

        The result is a fencing token, greater than all before it; the status is "fail" while somebody holds it.
        """
        return self.execute({"acquire": {"key": key, "owner": self.name if owner is None else owner}})

    def release(self, key: str, owner: Any = None) -> Op:
        """Give a lock back; "fail" if its owner is another."""
        return self.execute({"release": {"key": key, "owner": self.name if owner is None else owner}})

    def holder(self, key: str) -> Op:
        """Read who holds a lock, and its token; None if nobody does."""
        return self.execute({"holder": {"key": key}})

    def enqueue(self, key: str, value: Any) -> Op:
        """Put a value at the end of a queue (``machine="queue"``)."""
        return self.execute({"enqueue": {"key": key, "value": value}})

    def dequeue(self, key: str) -> Op:
        """Take the first value of a queue; None if it is empty."""
        return self.execute({"dequeue": {"key": key}})

    def peek(self, key: str) -> Op:
        """Read the first value of a queue."""
        return self.execute({"peek": {"key": key}})

    def apply(self, command: Any) -> Op:
        """Have a state machine of one's own carry out a command: None, a bool, an int, a str, or a list of these."""
        return self.execute({"apply": {"command": command}})

    def query(self, question: Any) -> Op:
        """Ask a state machine of one's own something that leaves its state as it is."""
        return self.execute({"query": {"command": question}})

    def __repr__(self) -> str:
        return f"<Client {self.name} of {self._cluster!r}>"


def operation(command: Any) -> Any:
    """An operation as data: ``("put", "x", 5)`` is short for ``{"put": {"key": "x", "value": 5}}``."""
    if not isinstance(command, tuple):
        return command
    one, two = (
        ("get", "delete", "add", "holder", "dequeue", "peek", "apply", "query"),
        ("put", "append", "swap", "scan"),
    )
    fields = {"read": 0, "cas": 3, "acquire": 2, "release": 2, "enqueue": 2}
    fields |= dict.fromkeys(one, 1) | dict.fromkeys(two, 2)
    allowed = "a dict such as {'put': {'key': 'x', 'value': 5}}, or a tuple such as ('put', 'x', 5)"
    if not command or not isinstance(command[0], str) or fields.get(command[0]) != len(command) - 1:
        raise ParameterError("command", command, allowed)
    kind, *values = command
    names = {
        "add": ["by"],
        "cas": ["key", "expected", "value"],
        "scan": ["key", "count"],
        "acquire": ["key", "owner"],
        "release": ["key", "owner"],
        "apply": ["command"],
        "query": ["command"],
    }.get(kind, ["key", "value"])
    return {kind: dict(zip(names, values, strict=False))} if values else kind
