"""Whether one provider key may be used for one model: a state table, decided in this worker alone.

    healthy ─ 5 failures in a row                   → cooling(until)
    cooling ─ its time is over and a request starts → probing: that one request and no other
    probing ─ the probe is answered                 → healthy, on a ramp if it had cooled
    probing ─ the probe fails                       → cooling, for longer
    any     ─ quota used up                         → quota(until), then probing
    any     ─ the key may not use the model         → barred(until), then probing
    any     ─ the credential is refused twice       → invalid, until a person or a new secret
    any     ─ the secret cannot be had              → invalid, until it can

What a key that cools may be used for all the same is not its own to say: see `eligibility`. An answer to anything
that starts there is as good as a probe's. Whatever the state, nothing starts before the time that a provider in
trouble named, for a minute at most.

A refusal for rates or for want of capacity is no failure. What an attempt says counts only if it started in the
present state: the many that were under way when a key was left out say nothing new.
"""

from collections import deque
from collections.abc import Iterator

from gateway.admission.credential import Answer, Credential
from gateway.admission.ejection import CONSECUTIVE_FAILURES, Ejections
from gateway.admission.health_change import Change, Kind, State
from gateway.admission.ramp import Ramp, StartRate, recovery, slowdown

#: Classes from this rank on are probed with; the more urgent only if none of them comes within the patience.
PROBE_RANK = 2
PROBE_PATIENCE_S = 3.0
#: For so long a failure says that the next attempt may fail too.
SUSPECT_S = 30.0
#: Where a provider does not say when its quota comes back, it is asked again this often.
QUOTA_S = 600.0
#: What a person grants at the provider is found out this long after, at the latest.
BARRED_S = 300.0
#: The longest that a key which fails is left alone because its provider asks for it.
REST_MAX_S = 60.0
_HISTORY = 32


class Health:
    """One provider key × model. `open` is true while there is nothing to look at: the usual case."""

    __slots__ = (
        "_ejections", "_failed_at", "_hold_s", "_probe", "_since", "_turns", "credential", "ejected", "history",
        "key_id", "model", "open", "ramp", "rates", "rests_until", "state", "streak", "until",
    )  # fmt: skip

    def __init__(
        self,
        key_id: str,
        model: str,
        credential: Credential,
        turns: Iterator[int],
        hold_s: float,
    ) -> None:
        self.key_id, self.model = key_id, model
        self.credential = credential
        self.state: State = "healthy"
        self.open = True
        self.until = 0.0
        self.rests_until = 0.0
        self.ejected = False  # out of service for its health, not for a quota or its credential
        self.ramp: Ramp | None = None
        self.rates = StartRate()
        self.history: deque[Change] = deque(maxlen=_HISTORY)
        self._turns, self._since = turns, 0  # turn of the last change
        self._probe = 0  # turn of the probe in flight; 0: none
        self.streak, self._failed_at = 0, 0.0  # failures in a row, and when the last of them was
        self._ejections = Ejections()
        self._hold_s = hold_s
        if credential.invalid:
            self._become("invalid", credential.since, credential.why)

    # What may be asked of it. None of these changes anything.

    def allows(self, rank: int, now: float) -> bool:
        """Whether a request of that class may go to this key now."""
        return self.open or now >= self.opens_at(rank)

    def opens_at(self, rank: int) -> float:
        """When it will allow that class, as far as is known; infinite where that hangs on an event."""
        if self.state == "healthy":
            return self.rests_until if self.ramp is None else max(self.rests_until, self.ramp.opens_at())
        if self.state == "invalid" or self._probe:
            return float("inf")
        patience_s = 0.0 if rank >= PROBE_RANK else PROBE_PATIENCE_S
        return max(self.until + patience_s, self.rests_until)

    def failures(self, now: float) -> int:
        """Failures in a row that are recent enough to make another key the better choice."""
        return self.streak if self.streak and now - self._failed_at < SUSPECT_S else 0

    @property
    def doubted(self) -> bool:
        """The last that is known of it is no answer."""
        return self.streak > 0 or self.credential.doubted or self.state != "healthy"

    @property
    def recovering(self) -> bool:
        """In service again, and given more little by little."""
        return self.ramp is not None and not self.ramp.asked

    @property
    def is_probed(self) -> bool:
        """A probe is under way."""
        return self._probe > 0

    def share(self, now: float) -> float:
        """Of the traffic it was used to, what it is allowed: 1.0 where nothing holds it back."""
        if self.state != "healthy":
            return 0.0
        return 1.0 if self.ramp is None else self.ramp.share(now)

    # What happens to attempts. Each `started` is followed by one of finished, failed, abandoned.

    def started(self, now: float) -> int:
        """An attempt begins, whether or not it was allowed; its number, for what is said of it later."""
        self.rates.add(now)
        if self.open:
            return next(self._turns)
        is_probe = self._starts_closed(now)
        turn = next(self._turns)
        if is_probe:
            self._probe = turn
        return turn

    def answered(self, turn: int, now: float) -> None:
        """The first content has come: a probe need not end to be good."""
        if self.credential.doubted:
            self.credential.accepted(turn)
        if not self.open and self.state in ("cooling", "probing") and turn > self._since:
            self._recover(now)

    def finished(self, turn: int, now: float) -> None:
        """The whole reply has come."""
        if not self.open or self.credential.doubted:
            self.answered(turn, now)
        if turn > self._since:
            self.streak = 0

    def abandoned(self, turn: int) -> None:
        """It ended without saying anything of the key: the caller left."""
        if turn == self._probe:
            self._probe = 0

    def failed(
        self, turn: int, kind: Kind, now: float, reason: str = "", until: float = 0.0
    ) -> Answer | None:
        """It failed. `until`: when the provider says it will do again. On `refresh`, get the secret and retry."""
        was_probe = turn == self._probe
        if was_probe:
            self._probe = 0
        if kind == "credential":
            return self.credential.refused(turn, now, reason or "credential refused")
        if turn > self._since and not self._is_out_for_good(now):
            if kind == "quota":
                self._become("quota", now, reason or "quota used up", until or now + QUOTA_S)
            elif kind == "model":
                self._become("barred", now, reason or "the key may not use this model", now + BARRED_S)
            elif kind == "ramp":
                self._slow_down(now, reason, until)
            elif kind == "health":
                self._fail(was_probe, now, reason, until)
        return None

    # What people and secrets do.

    def quarantine(self, now: float, reason: str) -> None:
        """The credential is no good."""
        self._become("invalid", now, reason, 0.0)

    def give_chance(self, now: float, reason: str) -> None:
        """Another secret, or a person: out of quarantine, by way of a probe."""
        if self.state == "invalid":
            self._become("probing", now, reason, now)

    def reinstate(self, now: float, reason: str) -> bool:
        """A person puts it back into service; whether it was out. Quarantine is for `Credential.changed` to end."""
        if self.state not in ("healthy", "invalid"):
            self._become("healthy", now, reason)
            return True
        return self.state == "invalid"

    # How states follow each other.

    def _starts_closed(self, now: float) -> bool:
        """Something starts although not everything may: whether it is the probe."""
        if self.state == "healthy":
            ramp = self.ramp
            if ramp is not None and ramp.over(now):
                ramp = self.ramp = None
                self._note(now, "healthy", "the ramp is over")
            if ramp is not None:
                ramp.started(now)
            self.open = ramp is None and now >= self.rests_until
            return False
        if self.state == "invalid" or self._probe or now < self.until:
            return False
        if self.state != "probing":
            self._become("probing", now, "its time is over: one request is tried", self.until)
        return True

    def _recover(self, now: float) -> None:
        ejected = self.ejected
        self._become("healthy", now, "answered")
        if ejected:
            self._ejections.back(now)
            self.ramp, self.open = recovery(self.rates, now), False

    def _fail(self, was_probe: bool, now: float, reason: str, until: float) -> None:
        self.streak, self._failed_at = self.streak + 1, now
        until = min(until, now + REST_MAX_S)
        if was_probe:
            self._cool(self._ejections.once_more(now), now, f"the probe failed: {reason}", until)
        elif self.state == "healthy" and self.streak >= CONSECUTIVE_FAILURES:
            why = f"{self.streak} failures in a row: {reason}"
            self._cool(self._ejections.again(now), now, why, until)
        elif until > now >= self.rests_until:
            self._note(now, self.state, f"its provider asks to be left alone: {reason}", until)
        if until > now:
            self.rests_until, self.open = max(self.rests_until, until), False

    def _cool(self, seconds: float, now: float, reason: str, until: float) -> None:
        self._become("cooling", now, reason, max(now + seconds, until))
        self.ejected = True

    def _is_out_for_good(self, now: float) -> bool:
        """Of what is out for its credential or its quota, what still ran there says nothing new."""
        return self.state == "invalid" or (self.state == "quota" and now < self.until)

    def _slow_down(self, now: float, reason: str, until: float) -> None:
        if self.state != "healthy":
            return
        hold = max(self._hold_s, until - now)
        self.ramp, self.open = slowdown(self.rates, self.ramp, hold, now), False
        self._note(now, "healthy", f"held at {self.ramp.start:.1f}/s: {reason}", self.ramp.held_until)
        self._since = next(self._turns)

    def _become(self, state: State, now: float, reason: str, until: float = 0.0) -> None:
        self._note(now, state, reason, until)
        self.ejected = self.ejected and state == "probing"
        self.state, self.until = state, until
        self.ramp, self.open = None, state == "healthy" and now >= self.rests_until
        self._probe, self.streak = 0, 0
        self._since = next(self._turns)

    def _note(self, now: float, after: State, reason: str, until: float = 0.0) -> None:
        self.history.append(Change(now, self.state, after, reason, until))
