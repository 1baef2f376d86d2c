"""Whatever the text is, the loader answers with settings or ConfigError; and no secret is ever repeated."""

import traceback
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.settings.load import load
from gateway.settings.problem import ConfigError
from tests.settings.loading import ENVIRON, KEY_A, KEY_B, PEPPER, VALID, load_text

CANARY = "sk-canary-7Q2w9E4r1T6y3U8i"
SECRETS = (CANARY, KEY_A, KEY_B, PEPPER, ENVIRON["KAZE_ADMIN_KEY"], "upstream-secret")

LINES = VALID.splitlines(keepends=True)
YAML_PIECES = st.sampled_from(
    [
        *(
            "- ",
            ": ",
            "{",
            "}",
            "[",
            "]",
            "\n",
            "  ",
            "&a ",
            "*a",
            "<<",
            "!!int ",
            "|",
            ">",
            "#",
            "'",
            '"',
            "%",
        ),
        *("---", "\t", "providers", "pools", "tenants", "models", "id", "secret", "env:KEY_A", "null", "1"),
        *("1e999", "true", "\\ud800"),
    ]
)


def attempt(text: str) -> None:
    """Load `text`; anything but settings or ConfigError with a well-formed message fails the test."""
    with TemporaryDirectory() as directory:
        try:
            result = repr(load_text(text, Path(directory)))
        except ConfigError as error:
            assert error.problems
            result = "".join(traceback.format_exception(error)) + repr(error)
            for problem in error.problems:
                assert "\n" not in str(problem) and str(problem).isprintable()
        assert not any(secret in result for secret in SECRETS)


@given(st.text(max_size=400))
@example("? [a]\n: b")
@example("{a: &x [*x]}")
@example("a: !!python/object:os.system x")
@example("<<: {port: 1}")
@example("<<: 1")
@example("port: 99999999999999999999999999")
@example("port: 1e5")
@example("models: [{id: a, targets: {a: b}}]")
@example('host: "a\\0b"')
@example('data_dir: "a\\0b"')
@example("tenants: {0: 1}")
@settings(max_examples=300)
def test_arbitrary_text(text: str) -> None:
    attempt(text.encode("utf-8", "replace").decode())


@given(st.lists(YAML_PIECES, max_size=40))
@settings(max_examples=300)
def test_pieces_of_yaml(pieces: list[str]) -> None:
    attempt("".join(pieces))


@given(st.data())
@settings(max_examples=400)
def test_mutated_valid_files(data: st.DataObject) -> None:
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.integers(0, len(lines) - 1))
        line = lines[index]
        match data.draw(st.sampled_from(["drop", "double", "swap", "cut", "insert", "replace"])):
            case "drop":
                lines[index] = ""
            case "double":
                lines[index] = line * 2
            case "swap":
                other = data.draw(st.integers(0, len(lines) - 1))
                lines[index], lines[other] = lines[other], line
            case "cut":
                lines[index] = line[: data.draw(st.integers(0, len(line)))] + "\n"
            case "insert":
                at = data.draw(st.integers(0, len(line)))
                lines[index] = line[:at] + data.draw(YAML_PIECES) + line[at:]
            case _:
                words = line.split()
                if words:
                    word = data.draw(st.sampled_from(words))
                    value = data.draw(
                        st.sampled_from(["0", "-1", "null", "[]", "{}", '""', "x", "1e400", "*", "a/b"])
                    )
                    lines[index] = line.replace(word, value, 1)
    attempt("".join(lines))


def places() -> list[tuple[str, str]]:
    """The valid file with the canary in place of each word of it, and where that was."""
    result = []
    for number, line in enumerate(LINES):
        for word in set(line.replace("{", " ").replace("}", " ").replace(",", " ").split()):
            for new in (CANARY, f"{CANARY}:", f"env:{CANARY}", f"file:{CANARY}", f"https://{CANARY}@h/v1"):
                changed = [*LINES[:number], line.replace(word, new, 1), *LINES[number + 1 :]]
                result.append((f"{number + 1}: {word} -> {new}", "".join(changed)))
    return result


@pytest.mark.parametrize(
    "kind", [CANARY, f"{CANARY}:", f"env:{CANARY}", f"file:{CANARY}", f"https://{CANARY}@h/v1"]
)
def test_a_secret_given_anywhere_by_mistake_is_not_repeated(kind: str, tmp_path: Path) -> None:
    for where, text in places():
        if not where.endswith(f"-> {kind}"):
            continue
        try:
            load_text(text, tmp_path)
        except ConfigError as error:
            shown = "".join(traceback.format_exception(error)) + repr(error.problems)
            # A list's or mapping's own names are what a path is made of.
            if any(name in where for name in ("gpt-6-astra", "llama*", "smart:")):
                continue
            assert CANARY not in shown, where


def test_urls_with_passwords_are_not_repeated(tmp_path: Path) -> None:
    text = f"database: postgresql://u:{CANARY}@db/x\nledger: redis://:{CANARY}@r\n"
    loaded = load_text(text, tmp_path)
    assert CANARY not in repr(loaded)
    assert loaded.database.url is not None and CANARY in loaded.database.url.reveal()


@given(st.dictionaries(st.sampled_from(["OPENAI_API_KEY", "OPENAI_BASE_URL", "OLLAMA_HOST"]), st.text()))
@settings(max_examples=200)
def test_arbitrary_variables(environ: dict[str, str]) -> None:
    try:
        load(None, {**ENVIRON, **environ}, {}, persist=False)
    except ConfigError as error:
        assert all(problem.source in ("environment", "defaults") for problem in error.problems)


@given(
    st.dictionaries(
        st.sampled_from(
            ["KAZE_HOST", "KAZE_PORT", "KAZE_WORKERS", "KAZE_KEY_PEPPER", "KAZE_ADMIN_KEY", "KAZE_CONFIG"]
        ),
        st.text(st.characters(codec="utf-8"), max_size=60),
    )
)
@settings(max_examples=200)
def test_arbitrary_settings_variables(environ: dict[str, str]) -> None:
    if "KAZE_CONFIG" in environ:  # a file of that name there may be here, but not just anywhere
        environ["KAZE_CONFIG"] = environ["KAZE_CONFIG"].lstrip("/")
    try:
        load(None, {**ENVIRON, **environ}, {}, persist=False)
    except ConfigError as error:
        assert error.problems
