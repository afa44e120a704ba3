"""Where a request's head ends, so that none is parsed, and kept as text, before it is whole."""

import re

from lens.bounds import MAX_LINE_BYTES

_END = re.compile(rb"\n\r?\n")
_LINE = re.compile(rb"[!-~]+ [^\x00-\x20\x7f]+ HTTP/1\.[01]\r?\n")
# The longest method, two spaces and the version are no part of what MAX_LINE_BYTES bounds.
LONGEST_LINE = MAX_LINE_BYTES + 64


def end(received: bytearray, looked_at: int) -> int | None:
    """Return the length of the head that ``received`` begins with; None while it isn't whole.

    ``looked_at`` bytes of it are known to have no end.
    """
    found = _END.search(received, max(0, looked_at - 2))
    return None if found is None else found.end()


def is_hopeless(received: bytearray, looked_at: int) -> bool:
    """Tell whether it can't become a request, whatever follows, of which the parser says what is wrong."""
    line_end = received.find(b"\n", 0, LONGEST_LINE)
    if line_end < 0:
        return len(received) > LONGEST_LINE or received[0] < 0x21
    # The line was judged when it came.
    return looked_at <= line_end and _LINE.match(received) is None
