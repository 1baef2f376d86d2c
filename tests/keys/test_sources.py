"""What every place that secrets come from promises: one suite over environment, files and a real OpenBao."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from keys.secrets.source import Fault, FetchError
from tests.keys.openbao import OpenBao
from tests.keys.places import InEnvironment, InFile, InVault, Place


@pytest.fixture(params=["env", "file", "vault-1", "vault-2"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    found: Place
    if request.param == "env":
        found = InEnvironment()
    elif request.param == "file":
        found = InFile(tmp_path)
    else:
        bao: OpenBao = request.getfixturevalue("shared_bao")
        found = InVault(bao, int(request.param[-1]))
    yield found
    await found.close()


async def fault_of(place: Place) -> Fault:
    with pytest.raises(FetchError) as caught:
        await place.source.fetch(place.reference)
    assert caught.value.__context__ is None  # nothing that a library had in its hands
    return caught.value.fault


async def test_what_was_put_is_fetched_and_never_shown(place: Place) -> None:
    place.put("sk-canary with a space")
    fetched = await place.source.fetch(place.reference)
    assert fetched.secret.reveal() == "sk-canary with a space"
    assert "canary" not in f"{fetched} {fetched!r} {fetched.version}"
    assert not fetched.exposed


async def test_a_version_is_as_long_as_its_value(place: Place) -> None:
    place.put("sk-one")
    versions = [(await place.source.fetch(place.reference)).version for _ in range(3)]
    place.put("sk-two")
    second = await place.source.fetch(place.reference)
    assert len(set(versions)) == 1
    assert second.version != versions[0] and second.secret.reveal() == "sk-two"


async def test_nothing_there_is_missing_and_comes_back(place: Place) -> None:
    assert await fault_of(place) is Fault.MISSING
    place.put("sk-one")
    assert (await place.source.fetch(place.reference)).secret.reveal() == "sk-one"
    place.remove()
    assert await fault_of(place) is Fault.MISSING
    place.put("sk-two")
    assert (await place.source.fetch(place.reference)).secret.reveal() == "sk-two"


@pytest.mark.parametrize("value", ["sk-canary\x01", "sk-canary\nsecond line", " sk-canary", "sk-canaré"])
async def test_what_cannot_stand_in_a_header_is_refused(place: Place, value: str) -> None:
    place.put(value)
    assert await fault_of(place) is Fault.MALFORMED


async def test_an_empty_one_is_none(place: Place) -> None:
    place.put("")
    assert await fault_of(place) in (Fault.MISSING, Fault.MALFORMED)


async def test_many_at_once_get_the_same(place: Place) -> None:
    place.put("sk-one")
    fetched = await asyncio.gather(*(place.source.fetch(place.reference) for _ in range(50)))
    assert {one.secret.reveal() for one in fetched} == {"sk-one"}
    assert len({one.version for one in fetched}) == 1
