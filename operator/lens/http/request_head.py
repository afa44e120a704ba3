"""Where a request's head ends, so that no head is parsed before it is complete."""

import re

from lens.bounds import MAX_LINE_BYTES

_END = re.compile(rb"\n\r?\n")
_LINE = re.compile(rb"[!-~]+ [^\x00-\x20\x7f]+ HTTP/1\.[01]\r?\n")
# MAX_LINE_BYTES does not cover the method, two spaces and the version.
LONGEST_LINE = MAX_LINE_BYTES + 64


def length(received: bytearray, searched: int) -> int | None:
    """Return the length of the head that ``received`` begins with; None while it is incomplete.

    The first ``searched`` bytes are known to have no end of a head.
    """
    found = _END.search(received, max(0, searched - 2))
    return None if found is None else found.end()


def is_malformed(received: bytearray, searched: int) -> bool:
    """Return whether it can't become a request, whatever follows. The parser reports what is wrong."""
    line_end = received.find(b"\n", 0, LONGEST_LINE)
    if line_end < 0:
        return len(received) > LONGEST_LINE or received[0] < 0x21
    # The line was checked when it arrived.
    return searched <= line_end and _LINE.match(received) is None
