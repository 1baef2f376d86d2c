"""Where the pepper comes from: given, or made once for good; weak ones stop the start and are not shown."""

import stat
from pathlib import Path

import pytest

from keys.pepper import PepperError, find_peppers

GIVEN = "a-pepper-that-somebody-chose-with-care"
BEFORE = "the-one-that-somebody-chose-last-year!"


def test_one_is_made_once_and_kept_for_the_owner_alone(tmp_path: Path) -> None:
    first = find_peppers(tmp_path / "data", {})
    second = find_peppers(tmp_path / "data", {})
    assert first.peppers.current.value == second.peppers.current.value
    assert first.peppers.previous is None and first.exposed == ()
    assert stat.S_IMODE((tmp_path / "data" / "pepper").stat().st_mode) == 0o600
    assert len(first.peppers.current.value) >= 32


def test_without_persist_nothing_is_written(tmp_path: Path) -> None:
    assert find_peppers(tmp_path / "data", {}, persist=False).peppers.current.value
    assert not (tmp_path / "data").exists()


def test_the_variable_goes_before_the_file_and_writes_none(tmp_path: Path) -> None:
    found = find_peppers(tmp_path / "data", {"KAZE_KEY_PEPPER": GIVEN})
    assert found.peppers.current.value == GIVEN.encode()
    assert not (tmp_path / "data").exists()


def test_the_one_before_is_given_or_lies_beside(tmp_path: Path) -> None:
    environ = {"KAZE_KEY_PEPPER": GIVEN, "KAZE_KEY_PEPPER_PREVIOUS": BEFORE}
    previous = find_peppers(tmp_path, environ).peppers.previous
    assert previous is not None and previous.value == BEFORE.encode()
    (tmp_path / "pepper-previous").write_text(BEFORE + "\n")
    (tmp_path / "pepper-previous").chmod(0o644)
    found = find_peppers(tmp_path, {"KAZE_KEY_PEPPER": GIVEN})
    assert found.peppers.previous is not None and found.peppers.previous.value == BEFORE.encode()
    assert found.exposed == ("pepper-previous",)


def test_the_one_that_was_made_is_the_one_before_one_that_is_given(tmp_path: Path) -> None:
    made = find_peppers(tmp_path, {}).peppers.current
    previous = find_peppers(tmp_path, {"KAZE_KEY_PEPPER": GIVEN}).peppers.previous
    assert previous is not None and previous.value == made.value


def test_the_same_one_twice_is_one(tmp_path: Path) -> None:
    environ = {"KAZE_KEY_PEPPER": GIVEN, "KAZE_KEY_PEPPER_PREVIOUS": GIVEN}
    assert find_peppers(tmp_path, environ).peppers.previous is None


@pytest.mark.parametrize("variable", ["KAZE_KEY_PEPPER", "KAZE_KEY_PEPPER_PREVIOUS"])
@pytest.mark.parametrize("weak", ["", " ", "changeme", "sk-1234", "q" * 40, "x7y" * 20, GIVEN[:31]])
def test_a_weak_one_is_refused_by_its_setting_and_without_its_value(
    variable: str, weak: str, tmp_path: Path
) -> None:
    with pytest.raises(PepperError) as caught:
        find_peppers(tmp_path / "data", {"KAZE_KEY_PEPPER": GIVEN, variable: weak})
    assert caught.value.variable == variable
    assert not weak.strip() or weak not in str(caught.value)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("content", ["", "short\n", "z" * 64, "\x00\x01", "é" * 40])
def test_a_damaged_or_weak_file_is_refused_and_kept(content: str, tmp_path: Path) -> None:
    (tmp_path / "pepper").write_text(content)
    with pytest.raises(PepperError) as caught:
        find_peppers(tmp_path, {})
    assert caught.value.variable is None
    assert (tmp_path / "pepper").read_text() == content


def test_a_directory_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the directory should be")
    with pytest.raises(PepperError, match="pepper in the data directory cannot be read"):
        find_peppers(tmp_path / "data", {})
