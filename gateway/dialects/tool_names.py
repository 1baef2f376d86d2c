"""Tools' names where a provider allows fewer: shortened and cleaned on the way there, restored on the way back."""

import re
from collections.abc import Iterable
from hashlib import sha256

from gateway.chat import Tool
from gateway.dialects.json_fields import wrong_value
from gateway.record import Record

_HASH_LETTERS = 8


class NameRule(Record, frozen=True):
    """`forbidden` finds each character that may not be in it, `first` whether it may begin so."""

    longest: int
    forbidden: re.Pattern[str]
    first: re.Pattern[str]


#: OpenAI and compatible providers.
OPENAI_NAMES = NameRule(64, re.compile(r"[^a-zA-Z0-9_-]"), re.compile(r"[a-zA-Z0-9_-]"))
ANTHROPIC_NAMES = NameRule(128, re.compile(r"[^a-zA-Z0-9_-]"), re.compile(r"[a-zA-Z0-9_-]"))
GEMINI_NAMES = NameRule(128, re.compile(r"[^a-zA-Z0-9_.:-]"), re.compile(r"[a-zA-Z_]"))


def check_names(tools: Iterable[Tool]) -> None:
    """Raises GatewayError for the second tool of a name, where a provider refuses such without saying which."""
    seen: set[str] = set()
    for tool in tools:
        if tool.name in seen:
            raise wrong_value(tool.at, "has the name of a tool before it")
        seen.add(tool.name)


class ToolNames:
    """The names of one request, in a provider's rule. Names that fit stay what they are."""

    __slots__ = ("_rule", "_sent", "_taken", "restored")

    def __init__(self, rule: NameRule, names: Iterable[str]) -> None:
        self._rule = rule
        self._sent: dict[str, str] = {}
        self.restored: dict[str, str] = {}  # by the name that was sent, where it is another one
        named = dict.fromkeys(names)
        self._taken = {name for name in named if self._fits(name)}
        for name in named:
            if name not in self._taken:
                sent = self._made(name)
                self._sent[name] = sent
                self.restored[sent] = name

    def sent(self, name: str) -> str:
        """What the provider is told."""
        known = self._sent.get(name)
        if known is None:
            known = name if self._fits(name) else self._made(name)
            self._sent[name] = known
        return known

    def _fits(self, name: str) -> bool:
        rule = self._rule
        return (
            0 < len(name) <= rule.longest
            and rule.forbidden.search(name) is None
            and rule.first.match(name) is not None
        )

    def _made(self, name: str) -> str:
        """Clean, and with a hash of the whole so that no two become one."""
        rule = self._rule
        clean = rule.forbidden.sub("_", name)
        if rule.first.match(clean) is None:
            clean = "_" + clean
        clean = clean[: rule.longest - _HASH_LETTERS - 1]
        hashed = name.encode()
        while True:
            hashed = sha256(hashed).hexdigest().encode()
            made = f"{clean}_{hashed[:_HASH_LETTERS].decode()}"
            if made not in self._taken and made not in self.restored:
                return made
