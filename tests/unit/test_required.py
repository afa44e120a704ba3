"""Who has not all programs is told how to have them, and CI never takes a skipped test for a passed one."""

import pytest

from tests import required


@pytest.fixture(autouse=True)
def nothing_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")


def test_without_a_program_its_tests_are_skipped_and_say_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"promtool is not on PATH \(Debian's prometheus\)"):
        required.program("promtool")


def test_in_ci_they_fail_and_say_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"promtool is not on PATH \(Debian's prometheus\)"):
        required.program("promtool")
