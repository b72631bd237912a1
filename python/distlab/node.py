"""Protocols of one's own, written in Python."""

from __future__ import annotations

from typing import Any

from ._core import Context

__all__ = ["Context", "Node"]


class Node:
    """The base class of nodes written in Python.

    Override the handlers for what the node reacts to. A handler runs at one instant of simulated time and
    does everything through its context: it sends, sets timers, writes to disk, answers. It should read no
    clock, draw no random number and keep nothing outside ``self``; then the same seed gives the same run.

    What may be sent, written, answered, and kept in ``self`` (when a cluster is saved or explored) is
    data: None, bool, int, float, str, bytes, list, tuple, dict, set, frozenset, and dataclasses, named
    tuples and Enum members of such values. A message is copied when it is sent.

    A crash loses ``self``: a node recovers as the object it was when it joined the cluster, and reads what
    it must remember from ``cx.disk``. An exception in a handler stops the node and surfaces, as itself,
    from the call that ran the cluster.

    Deriving from this class is a convenience: any object with at least one of the handlers can be a node.

    Examples
    --------
    >>> import distlab as dl
    >>> class Counter(dl.Node):
    ...     '''Counts what it hears, and remembers it.'''
    ...     def on_message(self, cx, sender, msg):
    ...         cx.write((cx.disk or 0) + 1)
    ...         cx.send(sender, {"heard": cx.disk})
    """

    def on_start(self, cx: Context) -> None:
        """The node comes up, for the first time or after a crash.

        Parameters
        ----------
        cx : Context
            What the node may read and do.
        """

    def on_message(self, cx: Context, sender: str, msg: Any) -> None:
        """A message arrives.

        Parameters
        ----------
        cx : Context
            What the node may read and do.
        sender : str
            The name of the node that sent it.
        msg : object
            A copy of what was sent.
        """

    def on_timer(self, cx: Context, name: str) -> None:
        """A timer goes off.

        Parameters
        ----------
        cx : Context
            What the node may read and do.
        name : str
            Its name, as given to ``cx.arm``.
        """

    def on_call(self, cx: Context, op: int, call: Any) -> None:
        """Somebody outside the cluster asks something.

        Parameters
        ----------
        cx : Context
            What the node may read and do.
        op : int
            Which operation it is, for ``cx.reply``, now or later.
        call : object
            What is asked. A workload asks ``("read", key)``, ``("write", key, value)``,
            ``("scan", key, count)``, ``("read_modify_write", key, value)`` and ``("transfer", keys)``; where it asks
            for several keys, the key is their list. Calls of this form, ``(kind, key, *arguments)``, are the ones
            that a history shows with kind, key and argument.
        """
