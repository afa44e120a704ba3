"""Run Lens as a soak needs it: `python -m tests.soak.living LEAKED_MB_A_SECOND TRIMMED serve`.

What Lens does each minute of its own clock is done each second here, as time passes faster: malloc's free
memory goes back to the kernel. The file TRIMMED is touched each time. A leak, which a soak has to find, is of
small blocks that nothing frees, as what a program forgets mostly is.
"""

import runpy
import sys
import threading
import time
from pathlib import Path

from lens.cli import process
from lens.heap import trimmer

BLOCK = 400
STEP_S = 0.2
TRIM_S = 1.0


def _trim(trimmed: Path) -> None:
    trim = trimmer()
    while True:
        time.sleep(TRIM_S)
        # Where the C library or the environment decides about it, there is nothing to wait for.
        if trim is not None:
            trim()
        trimmed.touch()


def _leak(bytes_a_second: float) -> None:
    kept: list[bytes] = []
    began = time.monotonic()
    while True:
        owed = (time.monotonic() - began) * bytes_a_second - len(kept) * BLOCK
        kept += [bytes(BLOCK) for _ in range(int(owed // BLOCK))]
        time.sleep(STEP_S)


if __name__ == "__main__":
    rate, path = float(sys.argv.pop(1)), Path(sys.argv.pop(1))
    path.touch()
    # glibc gives threads that are started before it another heap each, and Lens' own threads use these too.
    process.configure_operator()
    threading.Thread(target=_trim, args=(path,), daemon=True).start()
    threading.Thread(target=_leak, args=(rate * 1e6,), daemon=True).start()
    runpy.run_module("lens", run_name="__main__", alter_sys=True)
