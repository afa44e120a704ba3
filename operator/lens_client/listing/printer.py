"""Prints answers: the rows on stdout, and last on stderr the age of the data."""

from collections.abc import Iterable, Sequence
from typing import Any

from lens_client.context import Context
from lens_client.exits import UsageError
from lens_client.output import formats, style, table, text
from lens_client.output.formats import Format
from lens_client.output.quantity import duration
from lens_client.output.style import Style
from lens_client.output.table import Column, Layout, Row
from lens_client.output.terminal import Terminal, describe
from lens_client.output.view import View
from lens_client.views.paragraphs import Paragraph, write

OLD_SECONDS = 30.0
"""From this age on the last line is in yellow: a quiet cluster's figures are some two seconds old."""


class Printer:
    """Prints for one command. Its format and sorting are checked at once. Raise UsageError."""

    def __init__(self, context: Context, view: View, formats_allowed: Sequence[str] | None = None) -> None:
        options = context.options
        self.form: Format = formats.parse(options.output, view)
        if formats_allowed is not None and self.form.name not in ("table", *formats_allowed):
            raise UsageError(
                f"-o {options.output}: no such format here; there are {', '.join(formats_allowed)}"
            )
        self.terminal: Terminal = describe(context.stdout, context.environ)
        self._context, self._view = context, view
        self._headings = not options.no_headers
        self._layout: Layout | None = None
        self._hidden: list[str] = []
        self.has_shown_old = False
        """Whether the last line said that the figures are older than --max-age. A watch resets it."""

    def rows(self, answer: dict[str, Any], found: Sequence[Row]) -> None:
        """Print rows of an answer as --sort-by says; formats for programs may have the whole answer."""
        view = self._view
        found = formats.sort(found, self._context.options.sort_by)
        if self.form.is_table:
            if not found and view.nothing:
                self.note(view.nothing)
            self.table(view.columns, found)
        elif self.form.name in ("json", "yaml", "jsonpath"):
            self._write(
                formats.document(self.form, view, {**answer, view.field: found} if view.field else answer)
            )
        else:
            self._write(formats.rows(self.form, view, found, headings=self._headings))

    def document(self, answer: Any) -> None:
        """Print an answer in a format for programs."""
        self._write(formats.document(self.form, self._view, answer))

    def table(self, columns: Sequence[Column], rows: Sequence[Row]) -> None:
        """Print a table, and keep the headings of the columns that had no room."""
        layout = table.layout(columns, rows, self.terminal, wide=self.form.name == "wide")
        self._layout = layout
        lines = list(layout.lines(rows))
        if rows and self._headings:
            lines.insert(0, layout.heading())
        self._context.stdout.writelines(f"{line}\n" for line in lines)
        if rows:
            self._hidden += [heading for heading in layout.hidden if heading not in self._hidden]

    def first(self, answer: dict[str, Any], found: Sequence[Row]) -> None:
        """Print the rows with which a watch begins; documents of single rows, since more will follow."""
        if self.form.is_table:
            self.rows(answer, found)
        elif self.form.name in ("csv", "custom-columns"):
            self._write(formats.rows(self.form, self._view, found, headings=self._headings))
        else:
            self.more(formats.sort(found, self._context.options.sort_by))
        self._context.stdout.flush()

    def more(self, rows: Iterable[Row]) -> None:
        """Print rows that have changed, below the table or documents that were printed before."""
        if self.form.is_table:
            assert self._layout is not None
            self._context.stdout.writelines(f"{line}\n" for line in self._layout.lines(list(rows)))
        else:
            for row in rows:
                self._write(formats.line(self.form, self._view, row))
        self._context.stdout.flush()

    def paragraphs(self, paragraphs: Iterable[Paragraph]) -> None:
        """Print labelled paragraphs."""
        self._context.stdout.writelines(f"{line}\n" for line in write(paragraphs, self.terminal))

    def blank(self) -> None:
        """Print an empty line."""
        self._context.stdout.write("\n")

    def end_line(self) -> None:
        """End the line on which a terminal has shown ^C."""
        self._context.stdout.flush()
        if self._context.stderr.isatty():
            self._context.stderr.write("\n")

    def note(self, line: str) -> None:
        """Print a note on stderr."""
        self._context.stdout.flush()
        self._context.stderr.write(text.one_line(line, ascii_only=not self.terminal.unicode) + "\n")

    def age(self, timestamp: str, age_seconds: float | None) -> None:
        """Print on stderr which columns had no room, and last how old the figures are."""
        self.has_shown_old = self._context.is_old(age_seconds)
        age = ""
        if age_seconds is not None:
            age = f" {duration(age_seconds) if age_seconds >= 120 else f'{age_seconds:g}s'} old,"
        if self._hidden:
            self._last(f"-o wide has also {', '.join(self._hidden)}", "dim")
            self._hidden.clear()
        old = age_seconds is not None and age_seconds > OLD_SECONDS
        self._last(f"Data{age} of {timestamp}, {self._context.lens.cluster}", "yellow" if old else "dim")

    def too_old(self, timestamp: str, age_seconds: float | None) -> None:
        """Print the age of figures that are too old, unless that was printed before."""
        if not self.has_shown_old:
            self.age(timestamp, age_seconds)

    def _last(self, line: str, color: Style) -> None:
        """Write one line to stderr, no wider than its terminal."""
        self._context.stdout.flush()
        stderr = describe(self._context.stderr, self._context.environ)
        line = text.one_line(line, ascii_only=not stderr.unicode)
        if stderr.is_terminal:
            line = text.shorten(line, stderr.columns, ellipsis=stderr.ellipsis)
        self._context.stderr.write(style.paint(line, color, stderr) + "\n")
        self._context.stderr.flush()

    def _write(self, written: str) -> None:
        stdout = self._context.stdout
        if self.terminal.is_terminal:
            written = text.harmless(written.replace("\r\n", "\n"))
            if not self.terminal.unicode:
                written = written.encode("ascii", "backslashreplace").decode()
            if written and not written.endswith("\n"):
                written += "\n"
        stdout.write(written)
