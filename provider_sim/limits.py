"""Ceilings as configured: which dimensions, how they are measured, whose semantics (`reference/admission.md` §1.2).

```yaml
default: {rpm: 600}                  # every credential not named; absent = unlimited
credentials:
  sim-key-1:
    style: anthropic                 # openai azure anthropic gemini ollama; default: the dialect of the path
    rpm: 4000                        # also rpd, tpm, tpd, itpm, otpm; any omitted = unlimited
    itpm: 400000
    otpm: 80000
    concurrency: 200                 # at once; above it 429, or (ollama, or queue > 0) wait
    queue: 512                       # how many may wait for a place; above it 503
    overload: 300                    # at once; above it 529/503 as an overloaded provider
    shape: bucket                    # bucket (default), window (sliding) or fixed (gemini's default)
    window_s: 60
    burst_s: 60                      # finest slice: azure's default 10 for requests, else the window
    day_s: 86400
    tpm_rule: max                    # max(max_tokens, input) or sum; azure's default sum
    count_cached: false              # anthropic: cache reads count towards itpm
    count_rejected: true             # openai: a request refused for tokens still counts as a request
    quota_requests: 1000             # then quota 429s until reset; also quota_tokens
    ramp: {factor: 2, period_s: 10, floor: 20}
    models: {"opus*": {rpm: 50}}     # classes of models with ceilings of their own, instead of the above
```
"""

from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from typing import Any, Literal

from provider_sim.errors import Dialect

Shape = Literal["bucket", "window", "fixed"]


@dataclass(frozen=True, slots=True)
class Limits:
    """One account's ceilings; None = unlimited, or the style's default."""

    style: Dialect | None = None
    rpm: float | None = None
    rpd: float | None = None
    tpm: float | None = None
    tpd: float | None = None
    itpm: float | None = None
    otpm: float | None = None
    concurrency: int | None = None
    queue: int | None = None
    overload: int | None = None
    shape: Shape | None = None
    window_s: float = 60.0
    burst_s: float | None = None
    day_s: float = 86_400.0
    tpm_rule: Literal["max", "sum"] | None = None
    count_cached: bool = False
    count_rejected: bool | None = None
    quota_requests: int | None = None
    quota_tokens: int | None = None
    ramp: dict[str, float] | None = None
    models: dict[str, "Limits"] = field(default_factory=dict)

    def styled(self, dialect: Dialect) -> "Limits":
        """With the defaults of the style (or of the dialect spoken) filled in."""
        style = self.style or dialect
        return replace(
            self,
            style=style,
            shape=self.shape or ("fixed" if style == "gemini" else "bucket"),
            tpm_rule=self.tpm_rule or ("sum" if style == "azure" else "max"),
            queue=(512 if style == "ollama" else 0) if self.queue is None else self.queue,
            count_rejected=style in {"openai", "gemini"}
            if self.count_rejected is None
            else self.count_rejected,
        )


NAMES = {item.name for item in fields(Limits)}
STYLES = {"openai", "azure", "anthropic", "gemini", "ollama"}


def limits_from(values: dict[str, Any], where: str = "limits") -> Limits:
    """Limits from a file or JSON. Raises ValueError naming the field."""
    made = {**values}
    unknown = set(made) - NAMES
    if unknown:
        raise ValueError(f"{where}: unknown field {sorted(unknown)[0]!r}")
    for name, allowed in (
        ("style", STYLES),
        ("shape", {"bucket", "window", "fixed"}),
        ("tpm_rule", {"max", "sum"}),
    ):
        if made.get(name) not in {None, *allowed}:
            raise ValueError(f"{where}: {name} must be one of {sorted(allowed)}")
    for name in NAMES - {"style", "shape", "tpm_rule", "ramp", "models", "count_cached", "count_rejected"}:
        value = made.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value < 0):
            raise ValueError(f"{where}: {name} must be a number ≥ 0")
    made["models"] = {
        pattern: limits_from(inner, f"{where}.models.{pattern}")
        for pattern, inner in (made.get("models") or {}).items()
    }
    return Limits(**made)


@dataclass(slots=True)
class LimitsTable:
    """Everyone's ceilings."""

    default: Limits = field(default_factory=Limits)
    credentials: dict[str, Limits] = field(default_factory=dict)

    def of(self, credential: str, model: str) -> tuple[str, Limits]:
        """The name of the account a request is charged to, and its ceilings."""
        limits = self.credentials.get(credential, self.default)
        for pattern, inner in limits.models.items():
            if fnmatchcase(model, pattern):
                return f"{credential}\0{pattern}", inner if inner.style else replace(
                    inner, style=limits.style
                )
        return credential, limits


def table_from(values: Any) -> LimitsTable:
    """A table from a limits file: {"default": {…}, "credentials": {name: {…}}}."""
    if values is None:
        return LimitsTable()
    if not isinstance(values, dict) or set(values) - {"default", "credentials"}:
        raise ValueError("limits: an object with 'default' and 'credentials' is expected")
    named = {name: limits_from(inner, name) for name, inner in (values.get("credentials") or {}).items()}
    return LimitsTable(limits_from(values.get("default") or {}, "default"), named)
