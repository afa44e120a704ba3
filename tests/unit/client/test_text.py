"""Texts of others: harmless, and as wide as a terminal shows them."""

import json
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lens_client.output import text
from lens_client.output.style import Part, bar_cells, cells
from lens_client.output.table import Cell, Column, layout
from lens_client.output.terminal import Terminal, has_unicode

ANYTHING = st.text(st.characters(), max_size=60)


@given(ANYTHING)
def test_one_line_is_one_printable_line(found: str) -> None:
    """No character in it moves the cursor, changes the direction or hides."""
    line = text.one_line(found)
    assert line.isprintable()
    line.encode()  # no surrogate is left
    assert not [each for each in line if unicodedata.category(each)[0] == "C"]
    assert text.one_line(found, ascii_only=True).isascii()


@given(ANYTHING)
def test_json_on_a_terminal_is_the_same_json(found: str) -> None:
    """Escapes change how it is written, not what it is."""
    written = text.escape_json(json.dumps({"a": found}, ensure_ascii=False, indent=4))
    assert json.loads(written) == {"a": found}
    assert not [each for each in written if each != "\n" and unicodedata.category(each)[0] == "C"]


@given(ANYTHING, st.integers(0, 40), st.booleans())
def test_a_shortened_text_keeps_to_its_columns(found: str, columns: int, middle: bool) -> None:
    """And a text that fits stays as it is."""
    line = text.one_line(found)
    short = text.shorten(line, columns, middle=middle)
    assert text.width(short) <= columns
    if text.width(line) <= columns:
        assert short == line
    assert text.width(text.pad(short, columns)) == columns


@pytest.mark.parametrize(
    ("shown", "columns"),
    [
        ("abc", 3),
        ("训练任务", 8),
        ("한국어", 6),
        ("e\u0301", 1),
        ("🔥", 2),
        ("ｶﾅ", 2),
        ("\uff21", 2),
        ("", 0),
        ("é", 1),
    ],
)
def test_width_is_that_of_a_terminal(shown: str, columns: int) -> None:
    """Wide characters take two columns, combining marks none."""
    assert text.width(text.one_line(shown)) == columns


@given(
    st.lists(
        st.tuples(ANYTHING, ANYTHING, st.integers(0, 10**6), st.integers(0, 99)), min_size=1, max_size=8
    ),
    st.integers(30, 160),
)
def test_a_table_fits_any_terminal(rows: list[tuple[str, str, int, int]], columns: int) -> None:
    """Whatever the names are."""
    table = (
        Column("NAME", lambda row: row["a"], shrink="middle", least=8),
        Column("GPUS", lambda row: Cell(str(row["n"]), bar=(Part("allocated", row["g"]),)), right=True),
        Column("REASON", lambda row: row["b"], rank=1, shrink="end", least=8),
    )
    found = [{"a": a, "b": b, "n": n, "g": g} for a, b, n, g in rows]
    made = layout(table, found, Terminal(is_terminal=True, columns=columns))
    for line in (made.heading(), *made.lines(found)):
        assert text.width(line) <= columns


@given(st.lists(st.integers(0, 10_000), max_size=6), st.integers(0, 40))
@example([4, 4], 1)
def test_a_bar_shows_every_state(numbers: list[int], most: int) -> None:
    """In proportion, with a cell at least for each state that has GPUs, however small the bar should be."""
    shown = cells(numbers, most)
    states = sum(number > 0 for number in numbers)
    assert sum(shown) == min(sum(numbers), max(most, states))
    assert all((cell > 0) == (number > 0) for cell, number in zip(shown, numbers, strict=True))
    assert bar_cells(tuple(Part("allocated", number) for number in numbers), most) == sum(shown)


@pytest.mark.parametrize(
    ("environ", "utf8_mode", "expected"),
    [
        ({"LANG": "en_US.UTF-8"}, False, True),
        ({"LANG": "C"}, True, False),
        ({}, True, False),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True, False),  # what Python itself sets
        ({"LC_CTYPE": "UTF-8", "LANG": "de_DE.ISO-8859-1"}, False, True),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "C"}, True, False),
        ({"LANG": "de_DE.ISO-8859-1"}, False, False),
        ({"LC_ALL": "zh_CN.utf8", "LANG": "C"}, False, True),
    ],
)
def test_unicode_takes_a_locale_of_utf_8(environ: dict[str, str], utf8_mode: bool, expected: bool) -> None:
    """LC_ALL goes before LC_CTYPE, and that before LANG."""
    assert has_unicode(environ, utf8_mode) is expected
