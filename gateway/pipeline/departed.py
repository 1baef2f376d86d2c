"""Accounts that no configuration names any more. Their windows are remembered for a day, as long as any ceiling
counts: who is taken out and put back finds them as full as they are. Then the ledger is told to forget them.
"""

from gateway.admission.grantor import Grantor

_DAY_MS = 86_400_000


class Departed:
    """By account, when it went. Times are `LedgerTime`'s."""

    __slots__ = ("_gone", "_grantor")

    def __init__(self, grantor: Grantor) -> None:
        self._grantor = grantor
        self._gone: dict[str, int] = {}

    def went(self, account: str, now: int) -> None:
        """Nothing is begun there any more."""
        self._gone.pop(account, None)
        self._gone[account] = now

    def came_back(self, account: str) -> None:
        self._gone.pop(account, None)

    def remembers(self, account: str) -> bool:
        return account in self._gone

    def sweep(self, now: int) -> None:
        """Forget those whose time has come; the first that went stand first."""
        for account, went in list(self._gone.items()):
            if now - went < _DAY_MS:
                return
            del self._gone[account]
            self._grantor.close_account(account)
