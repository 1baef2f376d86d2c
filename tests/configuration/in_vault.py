"""A gateway whose secrets are in a test's OpenBao."""

import asyncio
from typing import Any

from tests.configuration.test_following import admin
from tests.keys.openbao import ROOT_TOKEN, OpenBao
from tests.running import RunningGateway


def kept_in(bao: OpenBao, made: dict[str, Any], token: str = ROOT_TOKEN, **vault: Any) -> RunningGateway:
    """By the configuration `made`, in which `vault:` leads to `bao`."""
    section = {"address": bao.address, "auth": {"token": "env:BAO_TOKEN"}, **vault}
    return RunningGateway({**made, "vault": section}, {"BAO_TOKEN": token})


async def measured(gateway: RunningGateway, line: str) -> None:
    """Until the metrics say so."""
    while line not in (await admin(gateway, "/metrics")).body.decode():
        await asyncio.sleep(0.05)
