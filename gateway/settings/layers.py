"""The layers that settings come from, later wins: defaults, file, `KAZE_…` variables, command line."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.settings.document import SIZE_MAX, Document, parse
from gateway.settings.places import Findings
from gateway.settings.problem import ConfigError, Problem
from gateway.settings.schema import ConfigFile
from gateway.settings.validate import validate

#: Which setting a variable gives. KAZE_ADMIN_KEY and KAZE_KEY_PEPPER have no setting in the file.
VARIABLES = {
    "KAZE_HOST": "host",
    "KAZE_PORT": "port",
    "KAZE_ADMIN_PORT": "admin_port",
    "KAZE_WORKERS": "workers",
    "KAZE_DATA_DIR": "data_dir",
    "KAZE_LOG_LEVEL": "log_level",
    "KAZE_DATABASE_URL": "database",
    "KAZE_LEDGER_URL": "ledger",
}
_NUMBERS = frozenset({"port", "admin_port", "workers"})
_WHOLE = re.compile(r"-?[0-9]{1,18}\Z")


def read_document(path: Path) -> Document:
    """The file as data with lines; raises ConfigError when it is missing, too large or no YAML."""
    try:
        with path.open("rb") as stream:
            content = stream.read(SIZE_MAX + 1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "not a path"
        raise ConfigError([Problem(str(path), None, "", f"cannot be read: {reason}")]) from None
    if len(content) > SIZE_MAX:
        raise ConfigError([Problem(str(path), None, "", f"larger than {SIZE_MAX // 1024 // 1024} MiB")])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem(str(path), line, "", "is not UTF-8")]) from None
    return parse(text, str(path))


def combine(
    document: Document | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, object],
    findings: Findings,
) -> ConfigFile:
    """The settings of all layers; raises ConfigError with what is wrong in any of them.

    `overrides` are options by setting; None is an option that was not given.
    """
    written = _rooted(document)
    said: list[tuple[dict[str, Any], str, dict[str, str]]] = [
        (_from_environment(environ), "environment", {field: name for name, field in VARIABLES.items()}),
        (_from_options(overrides), "command line", {}),
    ]
    top: dict[str, Any] = {}
    validate(written, findings)
    for values, source, names in said:
        for setting in values:
            option = "--" + setting.replace("_", "-")
            findings.came_from((setting,), source, names.get(setting, option))
        validate(values, findings)
        top.update(values)
    findings.raise_if_any()
    combined = validate({**written, **top}, findings)
    findings.raise_if_any()
    assert combined is not None
    return combined


def _rooted(document: Document | None) -> dict[str, Any]:
    """The file's data; its `data_dir`, when relative, starts from the file and not from where one stands."""
    if document is None:
        return {}
    data = dict(document.data)
    directory = data.get("data_dir")
    if isinstance(directory, str) and directory:
        data["data_dir"] = str(Path(document.source).parent / directory)
    return data


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, setting in VARIABLES.items():
        text = environ.get(name, "")
        # Kubernetes sets KAZE_PORT=tcp://… in every pod beside a service named `kaze`.
        if not text or (setting == "port" and text.startswith("tcp://")):
            continue
        values[setting] = int(text) if setting in _NUMBERS and _WHOLE.match(text) else text
    return values


def _from_options(overrides: Mapping[str, object]) -> dict[str, Any]:
    return {
        setting: str(value) if isinstance(value, Path) else value
        for setting, value in overrides.items()
        if value is not None
    }
