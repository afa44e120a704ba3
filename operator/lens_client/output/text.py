"""Texts of others, made safe for a terminal."""


def one_line(text: str) -> str:
    """Return a text without control characters and other unprintable ones, which a terminal might obey."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else " " if each.isspace() else each.encode("unicode_escape").decode()
        for each in text
    )
