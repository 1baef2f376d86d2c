"""Tables of the command, and what it says when there is nobody to ask."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.cli.queue import cancel_waiting, list_queue, show_waiting
from gateway.cli.table import listed, table


def test_columns_are_as_wide_as_they_must_be_and_numbers_stand_to_the_right() -> None:
    shown = table(["name", "count"], [["a", 1], ["longer", 1000], ["b", None]])
    assert shown.splitlines() == ["name    count", "a           1", "longer   1000", "b           -"]


def test_what_a_caller_named_cannot_steer_the_terminal() -> None:
    assert table(["model"], [["\x1b[2Jgone"]]) == "model\n\\x1b[2Jgone"
    assert listed({"model": "a\nb"}) == "model  a\\nb"


def test_without_a_key_it_says_where_one_is(capsys: pytest.CaptureFixture[str]) -> None:
    for status in (
        list_queue(50, "", False, {}),
        show_waiting("r", False, {}),
        cancel_waiting("r", False, {"KAZE_ADMIN_KEY": ""}),
    ):
        assert status == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("KAZE_ADMIN_KEY is not set") == 3


def test_a_gateway_that_is_away_is_one_line_without_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    environ = {"KAZE_ADMIN_URL": "http://127.0.0.1:1", "KAZE_ADMIN_KEY": "secret-canary"}
    assert list_queue(50, "", True, environ) == 1
    out, err = capsys.readouterr()
    assert (out, err) == ("", "the gateway at http://127.0.0.1:1: cannot be reached (ConnectError)\n")


class Admin(BaseHTTPRequestHandler):
    """An admin listener; three wait, of whom the one that came last stands first."""

    def do_GET(self) -> None:
        row = dict.fromkeys(
            ("request_id", "tenant", "key", "priority", "model", "position", "expected_wait_ms", "waited_ms",
             "expires_in_ms", "worker"), 1,
        ) | {"accounts": ["k"]}  # fmt: skip
        rows = [row | {"request_id": f"req-{place}", "position": 2 - place} for place in range(3)]
        page = {"depth": 3, "bytes": 9, "classes": [], "tenants": [], "lines": [], "data": rows, "next": None}
        self._answer(200, json.dumps(page if "limit=" in self.path else row).encode())

    def do_DELETE(self) -> None:
        self._answer(204, b"")

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def environ() -> Iterator[dict[str, str]]:
    with HTTPServer(("127.0.0.1", 0), Admin) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield {"KAZE_ADMIN_URL": f"http://127.0.0.1:{server.server_port}", "KAZE_ADMIN_KEY": "kz"}
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("command", ["show", "cancel"])
def test_json_is_for_programs_wherever_it_stands(command: str, environ: dict[str, str]) -> None:
    for words in (["queue", "--json", command, "r1"], ["queue", command, "r1", "--json"]):
        shown = CliRunner().invoke(app, words, env=environ)
        assert shown.exit_code == 0, shown.output
        assert isinstance(json.loads(shown.stdout), dict)
    for_people = CliRunner().invoke(app, ["queue", command, "r1"], env=environ)
    assert for_people.exit_code == 0 and not for_people.stdout.startswith("{")


def test_who_goes_first_stands_first(environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert list_queue(50, "", False, environ) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in shown if line.startswith("req-")] == ["req-2", "req-1", "req-0"]


@pytest.mark.parametrize("option", [("--limit", "5"), ("--after", "r")])
@pytest.mark.parametrize("command", ["show", "cancel"])
def test_what_lists_the_line_is_refused_where_nothing_is_listed(
    option: tuple[str, str], command: str
) -> None:
    result = CliRunner().invoke(app, ["queue", *option, command, "r1"])
    assert (result.exit_code, f"`{command}` takes neither" in result.output) == (2, True)
