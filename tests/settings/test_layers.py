"""Later wins: defaults, file, environment, command line; for every setting that all of them give."""

from pathlib import Path

import pytest

from gateway.settings.layers import VARIABLES
from gateway.settings.load import load
from gateway.settings.problem import ConfigError
from tests.settings.loading import ENVIRON, load_text, problems

#: Setting → default, and what file, environment and command line say; `got` reads it back.
TABLE = {
    "host": ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"),
    "port": (8080, 1001, 1002, 1003),
    "admin_port": (8081, 2001, 2002, 2003),
    "workers": (1, 2, 3, 4),
    "log_level": ("info", "debug", "warning", "error"),
    "data_dir": ("data", "/tmp/kaze-a", "/tmp/kaze-b", "/tmp/kaze-c"),
    "database": ("embedded", "postgresql://a/x", "postgresql://b/x", "postgresql://c/x"),
    "ledger": ("memory", "redis://a", "redis://b", "redis://c"),
}


def test_the_table_is_complete() -> None:
    assert set(TABLE) == set(VARIABLES.values())


@pytest.mark.parametrize("setting", TABLE)
def test_later_wins(setting: str, tmp_path: Path) -> None:
    default, in_file, in_environ, in_options = TABLE[setting]
    variable = next(name for name, field in VARIABLES.items() if field == setting)
    config = tmp_path / "kaze.yaml"
    config.write_text(f"{setting}: {in_file}\n")
    environ = {**ENVIRON, variable: str(in_environ)}

    def got(file: Path | None, env: dict[str, str], options: dict[str, object]) -> object:
        settings = load(file, env, options, persist=False)
        value = getattr(settings, setting)
        if setting in ("database", "ledger"):
            return value.kind if value.url is None else value.url.reveal()
        return str(value) if setting == "data_dir" else value

    assert got(None, ENVIRON, {}) == default
    assert got(config, ENVIRON, {}) == in_file
    assert got(None, {**ENVIRON, "KAZE_CONFIG": str(config)}, {}) == in_file
    assert got(config, environ, {}) == in_environ
    assert got(config, environ, {setting: None}) == in_environ
    assert got(config, environ, {setting: in_options}) == in_options
    assert got(config, {**ENVIRON, variable: ""}, {}) == in_file  # empty is not set


def test_problems_name_the_layer(tmp_path: Path) -> None:
    environ = {**ENVIRON, "KAZE_PORT": "many", "KAZE_LOG_LEVEL": "loud"}
    assert sorted(problems("workers: 0\n", tmp_path, environ, {"admin_port": -1})) == [
        "command line: --admin-port: must be at least 0",
        "environment: KAZE_LOG_LEVEL: must be 'debug', 'info', 'warning' or 'error'",
        "environment: KAZE_PORT: must be a whole number",
        "kaze.yaml:1: workers: must be at least 1",
    ]


def test_a_service_link_of_kubernetes_is_no_port(tmp_path: Path) -> None:
    environ = {**ENVIRON, "KAZE_PORT": "tcp://10.0.0.1:8080"}
    assert load_text("", tmp_path, environ).port == 8080


def test_a_relative_directory_in_the_file_starts_from_the_file(tmp_path: Path) -> None:
    config = tmp_path / "kaze.yaml"
    config.write_text("data_dir: state\n")
    assert load(config, ENVIRON, {}, persist=False).data_dir == tmp_path / "state"


@pytest.mark.parametrize("content", [b"a: \xff", b"- 1", b"[" * 100_000, b"a: 1\n" * 1_000_000])
def test_files_that_are_no_configuration(content: bytes, tmp_path: Path) -> None:
    config = tmp_path / "kaze.yaml"
    config.write_bytes(content)
    with pytest.raises(ConfigError):
        load(config, ENVIRON, {}, persist=False)


def test_a_missing_file_and_a_directory(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path, Path("nul\0byte")):
        with pytest.raises(ConfigError, match="cannot be read"):
            load(path, ENVIRON, {}, persist=False)


def test_aliases_cannot_multiply_without_bound(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (refusal,) = problems("\n".join(lines), tmp_path)
    assert "values, aliases included" in refusal


def test_merges_cannot_chain_without_bound(tmp_path: Path) -> None:
    lines = ["a0: &a0 {x: 1}"] + [f"a{n}: &a{n} {{<<: *a{n - 1}}}" for n in range(1, 5000)]
    (refusal,) = problems("\n".join(lines), tmp_path)
    assert "merged deeper" in refusal
