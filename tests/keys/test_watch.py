"""Versions watched between TTLs: by metadata where these may be read, by reading where not; quiet while away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from keys.secrets.cache import Outcome, SecretCache
from keys.secrets.file import FileSource
from keys.secrets.freshness import CachePolicy
from keys.secrets.reference import Reference, parse
from keys.secrets.vault import VaultSource
from keys.secrets.watch import VersionWatch
from tests.keys.openbao import OpenBao

KEY, OTHER, ELSEWHERE = (
    parse(f"vault:secret/{name}") for name in ("watched#key", "watched#other", "still#key")
)
LOOKS = ("secret/metadata/watched", "secret/metadata/still")
READS = ("secret/data/watched", "secret/data/still")


class Watched:
    """A cache whose TTL is out of reach, so that only the watch has it look; every fetch is written down."""

    def __init__(self, source: VaultSource) -> None:
        self.fetches: list[tuple[Reference, Outcome]] = []
        self.cache = SecretCache(
            {"vault": source, "file": FileSource()}, CachePolicy(ttl_s=3600, refetch_s=0, fetch_s=60),
            asyncio.get_running_loop().time, on_fetch=lambda *fetch: self.fetches.append(fetch),
        )  # fmt: skip
        self.watch = VersionWatch(self.cache, {"vault": source}, 2.0)

    async def shown(self, reference: Reference) -> str:
        return (await self.cache.get(reference)).reveal()


@asynccontextmanager
async def watched(bao: OpenBao, *paths: str) -> AsyncIterator[Watched]:
    bao.put("watched", key="sk-one", other="sk-other")
    bao.put("still", key="sk-still")
    source = VaultSource(bao.server(), bao.approle(*paths), asyncio.get_running_loop().time, fetch_s=60)
    made = Watched(source)
    await made.cache.warm([KEY, OTHER, ELSEWHERE], 60)
    made.fetches.clear()
    try:
        yield made
    finally:
        await made.cache.close()
        await source.close()


async def test_a_version_is_compared_and_only_another_one_is_read(shared_bao: OpenBao) -> None:
    async with watched(shared_bao, *READS, *LOOKS) as one:
        await one.watch.look()
        assert one.fetches == []
        shared_bao.put("watched", key="sk-two", other="sk-other")
        await one.watch.look()
        assert one.fetches == [(KEY, Outcome.CHANGED), (OTHER, Outcome.UNCHANGED)]
        assert [await one.shown(KEY), await one.shown(OTHER)] == ["sk-two", "sk-other"]
        await one.watch.look()
        assert len(one.fetches) == 2


async def test_without_a_right_to_metadata_it_is_read(shared_bao: OpenBao) -> None:
    async with watched(shared_bao, *READS) as one:
        for _ in range(2):  # asked once only
            shared_bao.put("watched", key="sk-two", other="sk-other")
            await one.watch.look()
        assert await one.shown(KEY) == "sk-two"
        outcomes = [outcome for reference, outcome in one.fetches if reference == KEY]
        assert outcomes == [Outcome.CHANGED, Outcome.UNCHANGED]


async def test_while_it_is_away_nothing_is_asked_and_then_it_goes_on(own_bao: OpenBao) -> None:
    async with watched(own_bao, *READS, *LOOKS) as one:
        own_bao.seal()
        await one.watch.look()
        assert one.fetches == []
        assert one.watch.away == {"vault": "Vault is sealed or down"}
        assert await one.shown(KEY) == "sk-one"
        own_bao.unseal()
        own_bao.put("watched", key="sk-two", other="sk-other")
        await one.watch.look()
        assert one.watch.away == {}
        assert await one.shown(KEY) == "sk-two"


async def test_a_file_is_read(shared_bao: OpenBao, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-one")
    reference = parse(f"file:{tmp_path / 'key'}")
    async with watched(shared_bao, *READS, *LOOKS) as one:
        assert await one.shown(reference) == "sk-one"
        (tmp_path / "key").write_text("sk-two")
        await one.watch.look()
        assert await one.shown(reference) == "sk-two"


async def test_it_looks_by_itself_until_it_is_closed(shared_bao: OpenBao) -> None:
    async with watched(shared_bao, *READS, *LOOKS) as one:
        watch = VersionWatch(one.cache, {}, 0.05)
        watch.start()
        async with asyncio.timeout(50):
            while not one.fetches:
                await asyncio.sleep(0.01)
        await watch.close()
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "secret versions"]
