"""What was learned of a model's fields holds for a day, for that model, and there is a bound to it."""

import json

from gateway.pipeline.unwanted import Unwanted
from gateway.pipeline.work import Work
from gateway.settings.snapshot import Target
from tests.settings.test_model_facts import provider

_DAY_S = 86_400.0
_WHY = json.dumps({"error": {"message": "Unsupported parameter: 'seed'", "param": "seed"}}).encode()
BY = provider("openai")


def work(raw: bytes = b'{"model":"m","seed":1,"top_p":1}') -> Work:
    return Work("POST", "chat", "/chat/completions", lambda _: raw)


def test_for_a_day_and_of_that_model() -> None:
    unwanted, target = Unwanted(), Target(BY, "m")
    assert not unwanted
    assert unwanted.learn(work(), target, 400, _WHY, 0.0)
    spared = unwanted.spared(work(), target, _DAY_S - 1)
    assert spared.body(target) == b'{"model":"m","top_p":1}'
    assert spared.losses is not None and spared.losses.line() == b"dropped=seed"
    for other in (work(b'{"model":"m"}'), work(b'{"messages":[{"seed":1}]}')):
        assert unwanted.spared(other, target, 1.0) is other
    whole = work()
    assert unwanted.spared(whole, Target(BY, "n"), 1.0) is whole
    assert unwanted.spared(whole, target, _DAY_S) is whole


def test_the_oldest_are_forgotten_first() -> None:
    unwanted = Unwanted()
    for number in range(1025):
        assert unwanted.learn(work(), Target(BY, f"m{number}"), 400, _WHY, 0.0)
    whole = work()
    assert unwanted.spared(whole, Target(BY, "m0"), 1.0) is whole
    assert unwanted.spared(whole, Target(BY, "m1"), 1.0) is not whole
