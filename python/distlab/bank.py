"""Accounts that send each other money: an application to take snapshots of (notes 2.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import units
from ._core import nanoseconds
from .cluster import Cluster, Op, TraceLevel
from .errors import ParameterError, ParameterTypeError
from .network import Disk, Network
from .snapshot import Snapshot
from .units import Duration

__all__ = ["Bank"]

_MOST = 2**62


class Bank(Cluster):
    """Accounts that send each other money; what is under way is in nobody's account.

    Parameters
    ----------
    accounts : int or list of str
        How many (``n0, n1, ...``), or their names.
    balance : int or mapping of str to int
        What each has at first.
    every : duration
        How long an account waits on average from one transfer of its own, of a random part of what it has to a random
        other account, to the next; 0: it makes none.
    seed, network, disk, service, trace, manual, limits, check_invariants
        As for :class:`distlab.Cluster`; without a ``network``, one that keeps the order of messages.

    Examples
    --------
    >>> import distlab as dl
    >>> bank = dl.Bank(3, balance=100, seed=1).run_for("50ms")
    >>> sum(bank.balances.values()) < bank.total, bank.money(bank.snapshot("n1").wait())
    (True, 300)
    """

    _protocol = "bank"

    def __init__(
        self,
        accounts: int | Sequence[str] = 3,
        *,
        balance: int | Mapping[str, int] = 100,
        every: Duration = "1ms",
        seed: int = 0,
        network: Network | None = None,
        disk: Disk | None = None,
        service: Any = None,
        trace: TraceLevel = "summary",
        check_invariants: bool | Iterable[str] = False,
        manual: bool = False,
        limits: Mapping[str, int] | None = None,
    ) -> None:
        names = units.names(accounts, "accounts")
        if isinstance(balance, Mapping):
            if set(balance) != set(names):
                raise ParameterError("balance", dict(balance), f"an amount for each of {names}")
            balances = {name: units.count(balance[name], f"balance[{name!r}]", least=0) for name in names}
        else:
            balances = dict.fromkeys(names, units.count(balance, "balance", least=0))
        if sum(balances.values()) >= _MOST:
            raise ParameterError("balance", balance, "less than 2**62 in all")
        wait = nanoseconds(every, "every")
        super().__init__(
            {name: {"bank": {"balance": balances[name], "peers": names, "every": wait}} for name in names},
            seed=seed,
            network=Network(fifo=True) if network is None else network,
            disk=disk,
            service=service,
            trace=trace,
            check_invariants=check_invariants,
            manual=manual,
            limits=limits,
        )

    @property
    def total(self) -> int:
        """All the money that there is, in accounts and under way: what no account can see, and a snapshot must find."""
        waiting = (it["message"] for it in self.pending(kind={"message", "service"}))
        under_way = sum(int(it["bank"]["money"]) for it in waiting if "bank" in it)
        return under_way + sum(balance for name, balance in self.balances.items() if self.up(name))

    @property
    def balances(self) -> dict[str, int]:
        """What each account has, by name; what is under way is in none."""
        return {name: int(self.status(name)["balance"]) for name in self.nodes}

    def transfer(self, src: str, dst: str, amount: int) -> Op:
        """Have an account send money; refused (status ``"fail"``) if it has not so much.

        Examples
        --------
        >>> import distlab as dl
        >>> bank = dl.Bank(["ann", "bob"], every=0)
        >>> done = bank.transfer("ann", "bob", 30)
        >>> bank.run_until(done), bank.run_for("1s").balances
        (True, {'ann': 70, 'bob': 130})
        """
        amount = units.count(amount, "amount", least=0)
        if amount >= _MOST:
            raise ParameterError("amount", amount, "less than 2**62")
        call = {"bank": {"transfer": {"to": self._known(dst), "amount": amount}}}
        return self.call(self._known(src), call)

    @staticmethod
    def money(snapshot: Snapshot) -> int:
        """All the money of a snapshot: in accounts and under way."""
        if not isinstance(snapshot, Snapshot) or not isinstance(snapshot.cluster, Bank):
            raise ParameterTypeError("snapshot", snapshot, "a Snapshot of a Bank")
        return int(snapshot.total(lambda it: it["balance"] if "balance" in it else it["money"]))
