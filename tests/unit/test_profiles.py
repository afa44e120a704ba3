"""`make thorough` runs what takes a number from `full_or`: it knows a file by the name that it imports."""

from pathlib import Path

from tests import profiles

TESTS = Path(__file__).parents[1]
KNOWING = {Path(profiles.__file__), TESTS / "conftest.py", Path(__file__)}


def test_only_files_of_tests_take_numbers_from_a_profile_and_by_the_name_that_marks_them() -> None:
    users = {
        path: text
        for path in TESTS.rglob("*.py")
        if path not in KNOWING and "full_or" in (text := path.read_text())
    }
    assert users
    for path, text in users.items():
        assert path.name.startswith("test_"), path
        assert "\nfrom tests.profiles import full_or\n" in text, path
