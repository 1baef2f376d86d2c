"""Who asks the admin API, and what their role lets them do."""

from dataclasses import dataclass
from typing import Literal

from storage.audit import SYSTEM

Role = Literal["owner", "operator", "auditor", "metrics"]
Roles = frozenset[str]

#: Deny by default: an operation names one of these.
SCRAPES: Roles = frozenset({"owner", "operator", "auditor", "metrics"})
READS: Roles = frozenset({"owner", "operator", "auditor"})
CHANGES: Roles = frozenset({"owner", "operator"})
#: What cannot be taken back, and who may do anything at all.
OWNS: Roles = frozenset({"owner"})


@dataclass(frozen=True, slots=True)
class Principal:
    """`id` is what the audit trail names; `root` is the key that the gateway is started with."""

    id: str
    role: Role
    kind: Literal["human", "service"] = "human"


ROOT = Principal("root", "owner")
#: Who presents no key that is known.
NOBODY = Principal("unknown", "metrics")
#: What the audit trail calls those that have no admin key of the database, and whom: no such key is called that.
TAKEN = {
    ROOT.id: "the key that the gateway is started with",
    NOBODY.id: "what the audit trail calls whoever has no admin key",
    SYSTEM: "what the audit trail calls the gateway itself",
}
