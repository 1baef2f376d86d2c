"""`kaze check`, the example file and the reference: what they say is what is so."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from gateway.cli.check import check
from gateway.settings.apis import APIS
from gateway.settings.layers import VARIABLES
from gateway.settings.reference import rewritten
from tests.settings.loading import ENVIRON, VALID

ROOT = Path(__file__).parents[2]
GOOD, BAD = "good-key-5H8j2K1l", "bad-key-9Z3x7C4v"


class Models(BaseHTTPRequestHandler):
    """A provider that has a list of models for the good key, and redirects /moved."""

    def do_GET(self) -> None:
        names = ("authorization", "x-api-key", "x-goog-api-key", "api-key")
        given = [self.headers[name] for name in names if self.headers[name]]
        moved = self.path.startswith("/moved")
        status = 302 if moved else 200 if any(GOOD in value for value in given) else 401
        error = {"error": {"message": f"Incorrect API key provided: {given}", "code": "invalid_api_key"}}
        models = {"object": "list", "data": [{"id": "m", "object": "model", "created": 1, "owned_by": "x"}]}
        body = json.dumps(models if status == 200 else error).encode()
        self.send_response(status)
        if moved:
            self.send_header("location", "/v1/models")
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Tests are quiet."""


@pytest.fixture
def provider() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Models)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def run(text: str, directory: Path, live: bool = False, **more: str) -> int:
    file = directory / "kaze.yaml"
    file.write_text(text)
    return check(file, live, {**ENVIRON, **more})


def test_a_right_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(VALID, tmp_path) == 0
    assert capsys.readouterr().out == (
        f"ok: {tmp_path}/kaze.yaml: 2 providers, 2 pools, 2 models, 1 tenant, 2 tenant keys; "
        "database embedded, ledger memory\n"
    )


def test_budgets_and_prices_without_a_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"database: none\n{VALID}", tmp_path) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "warning: without a database budgets are not enforced: acme",
        "warning: without a database nothing is charged: agreed, acme-later",
    ]


def test_a_price_for_whom_the_file_does_not_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a database they may be there."""
    text = VALID.replace("    tenant: acme\n", "    tenant: elsewhere\n")
    assert run(text, tmp_path) == 0
    assert "prices[1].tenant: not in this file" in capsys.readouterr().out
    assert run(f"database: none\n{text}", tmp_path) == 1
    assert "prices[1].tenant: no such tenant" in capsys.readouterr().out


def test_a_wrong_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("prot: 1\nworkers: 0\n", tmp_path) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path}/kaze.yaml:1: prot: unknown field; did you mean `port`?",
        f"{tmp_path}/kaze.yaml:2: workers: must be at least 1",
    ]


def test_a_provider_without_a_key_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("providers: [{id: a, dialect: anthropic, base_url: https://a.example}]", tmp_path) == 0
    assert "warning: " in capsys.readouterr().out


def test_live_tries_every_key(provider: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        (dialect, "/v1" if dialect == "openai" else "", "") for dialect in ("openai", "anthropic", "gemini")
    ]
    rows += [("azure", "", ""), ("azure", "", ", api_version: v1"), ("ollama", "", "")]
    text = "providers:\n" + "".join(
        f"  - {{id: p{index}, dialect: {dialect}, base_url: '{provider}{path}'{more}}}\n"
        for index, (dialect, path, more) in enumerate(rows)
    )
    text += "pools:\n" + "".join(
        f"  - {{id: {kind}-{index}, provider: p{index}, secret: env:{kind.upper()}}}\n"
        for index in range(len(rows))
        for kind in ("good", "bad")
    )
    assert run(text, tmp_path, live=True, GOOD=GOOD, BAD=BAD) == 1
    out = capsys.readouterr().out
    assert GOOD not in out and BAD not in out
    for index in range(len(rows)):
        assert f"ok: pool good-{index} ({provider}): accepted" in out
        assert f"FAILED: pool bad-{index} ({provider}): the key is refused (HTTP 401)" in out
    good_only = "\n".join(line for line in text.splitlines() if "{id: bad-" not in line)
    assert run(good_only, tmp_path, live=True, GOOD=GOOD) == 0


def test_live_follows_no_redirect(provider: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = f"providers: [{{id: a, dialect: openai, base_url: '{provider}/moved', local: true}}]"
    assert run(text, tmp_path, live=True) == 1
    assert "HTTP 302" in capsys.readouterr().out


def test_live_with_nobody_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "providers:\n" + "".join(
        f"  - {{id: {dialect}, dialect: {dialect}, base_url: 'http://127.0.0.1:9{path}', local: true}}\n"
        for dialect, path in (("openai", "/v1"), ("gemini", ""))
    )
    assert run(text, tmp_path, live=True) == 1
    assert capsys.readouterr().out.count("cannot be reached (ConnectError)") == 2


def test_live_without_a_provider(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("", tmp_path, live=True) == 0
    assert "not reached: provider sim: kaze serve starts it\n" in capsys.readouterr().out


def test_the_example_is_valid(capsys: pytest.CaptureFixture[str]) -> None:
    names = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GROQ_API_KEY", "CLIENT_A_KEY", "CLIENT_A_NIGHTLY_KEY")
    environ = {**ENVIRON, **{name: f"{name}-value-of-some-length" for name in names}}
    assert check(ROOT / "examples/kaze.yaml", False, environ) == 0
    *warnings, last = capsys.readouterr().out.splitlines()
    assert last.startswith("ok: ")
    assert all("dialect" in warning or "yet" in warning for warning in warnings)


def test_the_reference_is_what_the_schema_says() -> None:
    text = (ROOT / "docs/configuration.md").read_text()
    assert rewritten(text) == text, "run: python -m gateway.settings.reference docs/configuration.md"
    for name in (*VARIABLES, *APIS):
        assert f"`{name}`" in text
