"""Who holds slices: one start of one worker, by the name of its spool's directory and the number of the start."""

from typing import NamedTuple, Self


class Holder(NamedTuple):
    worker: str
    epoch: int

    def __str__(self) -> str:
        return f"{self.worker}/{self.epoch}"

    @classmethod
    def of(cls, text: str) -> Self:
        worker, _, epoch = text.rpartition("/")
        return cls(worker, int(epoch))
