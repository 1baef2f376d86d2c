"""What the line must be told of accounts: by the ledger, which alone knows how full they are."""

from collections.abc import Sequence
from typing import Protocol

from gateway.admission.item import Item
from gateway.admission.ledger import Queued


class Outlook(Protocol):
    """Answers come from memory; nothing here waits."""

    def free_in(self, account: str, item: Item) -> float:
        """Seconds until the item would fit there if nothing else were sent; infinity for never, as far as is known.

        What fits nowhere ever is not let wait.
        """
        ...

    def sure_in(self, account: str, item: Item) -> float:
        """The same if room for output were no matter: answers may turn out as short as they like."""
        ...

    def opens_in(self, account: str, item: Item) -> float:
        """Seconds until the item may go there at all, whatever room there is: until its key serves it again."""
        ...

    def share(self, account: str, item: Item) -> float:
        """The part of its narrowest ceiling that the item is thought to use there, by what is known now.

        What requests last is learned while they wait: whoever came, and whenever, is reckoned alike.
        """
        ...

    def rates(self, account: str) -> Sequence[float]:
        """Units a second by axis of `Charge` that it lets through; infinity where nothing limits it.

        A ceiling on concurrency limits requests: so many at once ÷ the seconds that one takes.
        """
        ...

    def served(self, account: str) -> Sequence[float]:
        """By rank, the part of its rate that the class took during the last window."""
        ...

    def elsewhere(self, account: str) -> Sequence[Queued]:
        """What waits for it at other workers, as they told lately."""
        ...
