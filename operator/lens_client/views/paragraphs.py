"""Labelled paragraphs, wrapped to the terminal: what ``fit`` and ``why`` print."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lens_client.output import style, text
from lens_client.output.style import Style
from lens_client.output.terminal import Terminal


class Paragraph(NamedTuple):
    """Lines after a label; texts of others are made safe when they are written."""

    label: str
    lines: tuple[str, ...]
    style: Style = ""


def write(paragraphs: Iterable[Paragraph], terminal: Terminal) -> Iterator[str]:
    """Yield the lines; on a terminal, each is wrapped at words."""
    shown = [each for each in paragraphs if each.lines]
    indent = max((len(each.label) for each in shown), default=0) + 2
    for paragraph in shown:
        label = style.paint(paragraph.label, "bold", terminal) + " " * (indent - len(paragraph.label))
        for line in paragraph.lines:
            safe = text.one_line(line, ascii_only=not terminal.unicode)
            room = max(terminal.columns - indent, 16) if terminal.is_terminal else 0
            for part in _wrapped(safe, room):
                yield label + style.paint(part, paragraph.style, terminal)
                label = " " * indent


def _wrapped(line: str, room: int) -> Iterator[str]:
    """Yield a text in parts of at most ``room`` columns, broken at spaces where there are any; 0: whole."""
    if not room or text.width(line) <= room:
        yield line
        return
    part = ""
    for word in line.split(" "):
        if part and text.width(part) + 1 + text.width(word) > room:
            yield part
            part = ""
        part = f"{part} {word}" if part else word
        while text.width(part) > room:
            head = text.shorten(part, room, ellipsis="")
            yield head
            part = part[len(head) :]
    if part:
        yield part
