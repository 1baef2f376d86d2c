"""Load by `wrk`: written in C, so that the generator takes little of the core it shares with the upstream.

A script in wrk's own Lua judges every answer: status and marker, and for streams the number of frames,
`[DONE]` and that no usage frame shows. (wrk itself refuses an answer that is cut short.)
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from loadtests.canned import DONE, MARKER
from loadtests.generator import PATH

_SCRIPT = """
local function read(path) local f = io.open(path, "rb"); local s = f:read("*a"); f:close(); return s end
wrk.method = "POST"
wrk.body = read("BODY_FILE")
wrk.headers["content-type"] = "application/json"
wrk.headers["authorization"] = "Bearer " .. os.getenv("BENCH_TENANT_KEY")
local frames = FRAMES
wrong, example = 0, ""
local threads = {}
function setup(thread) table.insert(threads, thread) end
local function fault(status, body)
  if status ~= 200 then return "status " .. status .. ": " .. body:sub(1, 200) end
  if not body:find("MARKER", 1, true) then return "the marker is missing" end
  if frames == 0 then return nil end
  if body:sub(-#"DONE_TEXT") ~= "DONE_TEXT" then return "the stream does not end in [DONE]" end
  if body:find('"usage":{', 1, true) then return "a usage frame nobody asked for" end
  local seen, at = -1, 1
  while at do
    at = body:find("data: ", at, true)
    if at then seen, at = seen + 1, at + 6 end
  end
  if seen ~= frames then return seen .. " frames instead of " .. frames end
end
function response(status, headers, body)
  local why = fault(status, body)
  if why then wrong, example = wrong + 1, why end
end
local function quoted(text) return '"' .. text:gsub('[%c"\\\\]', " ") .. '"' end
function done(summary, latency)
  local wrong = threads[1]:get("wrong")
  local e = summary.errors
  local broken = e.connect + e.read + e.write + e.timeout
  io.stderr:write(string.format(
    '{"answers":%d,"wrong":%d,"broken":%d,"example":%s,"seconds":%f,"p50_us":%f,"p99_us":%f,"worst_us":%f}',
    summary.requests - wrong, wrong, broken, quoted(threads[1]:get("example")), summary.duration / 1e6,
    latency:percentile(50), latency:percentile(99), latency.max))
end
"""


def installed() -> bool:
    """Whether wrk can be run."""
    return shutil.which("wrk") is not None


def lua_script(body_file: Path, frames: int) -> str:
    """The script for one load; `frames` is 0 for JSON answers."""
    values = {
        "BODY_FILE": str(body_file),
        "FRAMES": str(frames),
        "MARKER": MARKER.decode(),
        "DONE_TEXT": DONE.decode().replace("\n", "\\n"),
    }
    script = _SCRIPT
    for name, value in values.items():
        script = script.replace(name, value)
    return script


def run(port: int, body: bytes, *, concurrency: int, seconds: float, frames: int, key: str) -> dict[str, Any]:
    """Apply the load from the core this process is on; the same report as our own generator's."""
    with tempfile.TemporaryDirectory(prefix="kaze-wrk-") as folder:
        body_file = Path(folder, "body.json")
        body_file.write_bytes(body)
        script = Path(folder, "load.lua")
        script.write_text(lua_script(body_file, frames))
        done = subprocess.run(
            ["wrk", "-t1", f"-c{concurrency}", f"-d{max(1, round(seconds))}s", "--timeout", "10s", "-s", script,
             f"http://127.0.0.1:{port}{PATH}"],
            env={**os.environ, "BENCH_TENANT_KEY": key},
            capture_output=True, text=True, timeout=seconds + 30, check=False,
        )  # fmt: skip
    start = done.stderr.find('{"answers"')
    if done.returncode or start < 0:
        raise RuntimeError(f"wrk failed: {done.stderr.strip() or done.stdout.strip()}")
    report: dict[str, Any] = json.loads(done.stderr[start:])
    faults = {report["example"]: report.pop("wrong")} if report["wrong"] else {}
    if report["broken"]:
        faults["connections broken or timed out"] = report["broken"]
    del report["example"], report["broken"]
    return {**report, "errors": sum(faults.values()), "faults": faults, "first_byte_us": []}
