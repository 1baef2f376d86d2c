"""A script of steps beside the SDKs, run once by node: what each of them saw."""

import asyncio
import json
from typing import Any

from tests.javascript.installed import HERE

Steps = dict[str, dict[str, Any]]


async def run_steps(node: str, script: str, *arguments: str) -> Steps:
    """By the name of each: `got`, or what `failed`."""
    process = await asyncio.create_subprocess_exec(
        node, script, *arguments, cwd=HERE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(40):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, err.decode()
    return {line["step"]: line for line in map(json.loads, out.decode().splitlines())}


def got(steps: Steps, name: str) -> dict[str, Any]:
    """What the step of a test of that name saw."""
    line = steps[name.removeprefix("test_")]
    assert "failed" not in line, line["failed"]
    result: dict[str, Any] = line["got"]
    return result
