"""Any order of starts, ends, verdicts and times: what must hold of the keys of a target at every step."""

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from gateway.admission.health import PROBE_PATIENCE_S, PROBE_RANK, REST_MAX_S, Health
from gateway.admission.health_change import Kind
from gateway.admission.health_table import HealthTable
from tests.admission.keys import provider, provider_key

KINDS: list[Kind] = ["rate", "capacity", "quota", "model", "credential", "ramp", "health"]
RANKS = st.integers(0, 4)
PICK = st.integers(0, 1000)


@dataclass(eq=False)
class Attempt:
    health: Health
    turn: int
    is_probe: bool
    since: int  # the health's last change


class Target(RuleBasedStateMachine):
    """Keys of one provider, and one or two of its models. Callers start what is allowed, or insist."""

    attempts = Bundle("attempts")

    @initialize(keys=st.sampled_from([2, 2, 3, 4, 1]), models=st.sampled_from(["m", "m", "mn"]))
    def begin(self, keys: int, models: str) -> None:
        self.now = 500.0
        self.keys = [provider_key(f"key-{number}", provider()) for number in range(keys)]
        self.table = HealthTable(self.keys)
        self.targets = [self.table.target("p", model) for model in models]
        self.live: list[Attempt] = []
        self.quota: dict[Health, float] = {}
        self.rates: dict[object, tuple[float, float]] = {}

    def everyone(self) -> list[Health]:
        return [one for target in self.targets for one in target.members]

    @rule(seconds=st.one_of(st.floats(0, 5), st.floats(0, 400), st.sampled_from([30.0, 60.0, 300.0, 900.0])))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(pick=PICK, rank=RANKS, insist=st.sampled_from([False, False, False, True]))
    def start(self, pick: int, rank: int, insist: bool) -> None:
        every = self.everyone()
        health = every[pick % len(every)]
        before = health.state
        allowed = health.allows(rank, self.now)
        assert allowed == (self.now >= health.opens_at(rank)) or health.open
        if not allowed and not insist:
            return
        if before == "invalid":
            assert not allowed
        if before in ("cooling", "probing", "quota", "barred") and allowed:
            assert rank >= PROBE_RANK or self.now >= health.until + PROBE_PATIENCE_S
        turn = health.started(self.now)
        is_probe = health.state == "probing" and health._probe == turn
        attempt = Attempt(health, turn, is_probe, health._since)
        if is_probe:
            assert not any(
                one.is_probe for one in self.live if one.health is health and one.since == health._since
            ), "there was one already"
        if allowed and before in ("cooling", "probing", "quota", "barred"):
            assert attempt.is_probe, "what is allowed of a key that is out of service is its probe"
        self.live.append(attempt)

    @rule(pick=PICK, rank=RANKS, early=st.sampled_from([0.0, 0.0, 0.1]), insist=st.booleans())
    def come_due(self, pick: int, rank: int, early: float, insist: bool) -> None:
        """Time passes to where a key that is out of service may be tried again."""
        out = [
            number
            for number, one in enumerate(self.everyone())
            if one.state in ("cooling", "quota", "barred")
        ]
        if out:
            number = out[pick % len(out)]
            self.now = max(self.now, self.everyone()[number].until - early)
            self.start(number, rank, insist)

    @rule(pick=PICK, how=st.sampled_from(["answered", "finished", "abandoned"]))
    def end(self, pick: int, how: str) -> None:
        if not self.live:
            return
        attempt = self.live[pick % len(self.live)]
        if how == "answered":
            attempt.health.answered(attempt.turn, self.now)
            attempt.is_probe = False  # it goes on, but has told what it was for
            return
        self.live.remove(attempt)
        if how == "finished":
            attempt.health.finished(attempt.turn, self.now)
        else:
            attempt.health.abandoned(attempt.turn)

    @rule(pick=PICK, kind=st.sampled_from(KINDS), wait_s=st.one_of(st.just(0.0), st.floats(0.1, 5000)))
    def fail(self, pick: int, kind: Kind, wait_s: float) -> None:
        if not self.live:
            return
        attempt = self.live.pop(pick % len(self.live))
        self._verdict(attempt.health, attempt.turn, kind, wait_s)

    @rule(pick=PICK, kind=st.sampled_from(["health", "health", "quota"]), times=st.integers(4, 8))
    def fail_in_a_row(self, pick: int, kind: Kind, times: int) -> None:
        every = self.everyone()
        health = every[pick % len(every)]
        for _ in range(times):
            if not health.allows(4, self.now):
                return
            self._verdict(health, health.started(self.now), kind, 0.0)

    def _verdict(self, health: Health, turn: int, kind: Kind, wait_s: float) -> None:
        before, until = health.state, self.now + wait_s if wait_s else 0.0
        todo = health.failed(turn, kind, self.now, kind, until)
        assert (todo is not None) == (kind == "credential")
        if kind in ("rate", "capacity"):
            assert health.state == before
        if health.state == "quota" and kind == "quota":
            self.quota[health] = health.until

    @rule(pick=PICK)
    def refresh(self, pick: int) -> None:
        self.table.refreshed(self.keys[pick % len(self.keys)].id)

    @rule(pick=PICK)
    def change_secret(self, pick: int) -> None:
        self.table.changed(self.keys[pick % len(self.keys)].id, self.now, "changed")

    @rule(pick=PICK)
    def reinstate(self, pick: int) -> None:
        every = self.everyone()
        health = every[pick % len(every)]
        health.reinstate(self.now, "a person")
        self.quota.pop(health, None)

    @rule(count=st.integers(1, 6))
    def reconfigure(self, count: int) -> None:
        known = {key.id: key for key in self.keys}
        names = [f"key-{number}" for number in range(count)]
        self.keys = [known.get(name) or provider_key(name, provider()) for name in names]
        self.table.configure(self.keys, self.now)
        self.live = [one for one in self.live if one.health in self.everyone()]

    @invariant()
    def at_most_one_probe(self) -> None:
        if not hasattr(self, "live"):
            return
        for health in self.everyone():
            probes = [
                one
                for one in self.live
                if one.health is health and one.is_probe and health._probe == one.turn
            ]
            assert len(probes) <= 1
            assert (len(probes) == 1) == bool(health._probe)
            if health._probe:
                assert health.state == "probing"
                assert not any(health.allows(rank, self.now + 1e6) for rank in range(5))

    @invariant()
    def quota_lasts_until_its_time(self) -> None:
        for health, until in list(getattr(self, "quota", {}).items()):
            if health.state == "invalid":
                del self.quota[health]  # a person will decide
            elif self.now < until:
                assert health.state == "quota" and health.until == until
                assert not health.allows(4, self.now)

    @invariant()
    def a_ramp_only_rises(self) -> None:
        for health in self.everyone() if hasattr(self, "targets") else []:
            ramp = health.ramp
            if ramp is None:
                continue
            at, rate = self.rates.get(ramp, (self.now, 0.0))
            assert at <= self.now and ramp.rate(self.now) >= rate
            self.rates[ramp] = (self.now, ramp.rate(self.now))

    @invariant()
    def states_are_consistent(self) -> None:
        for health in self.everyone() if hasattr(self, "targets") else []:
            serves = health.state == "healthy" and health.ramp is None
            assert serves or not health.open
            assert not serves or health.allows(0, self.now) == (self.now >= health.rests_until)
            assert health.rests_until <= self.now + REST_MAX_S
            assert not (health.ejected and health.recovering)
            assert not health.ejected or health.state in ("cooling", "probing")
            assert health.state != "cooling" or health.ejected
            assert (health.state == "invalid") == health.credential.invalid
            assert len(health.history) <= 32
            assert all(change.reason for change in health.history)
            if health.state == "invalid":
                assert not any(health.allows(rank, self.now + 1e9) for rank in range(5))


TestTarget = Target.TestCase
TestTarget.settings = settings(stateful_step_count=80)
