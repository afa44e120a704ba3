"""Run Lens with a leak, which a soak has to find: `python -m tests.soak.leaking MB_A_SECOND serve`.

It is of small blocks that nothing frees, as what a program forgets mostly is.
"""

import runpy
import sys
import threading
import time

BLOCK = 400
STEP_S = 0.2


def _leak(bytes_a_second: float) -> None:
    kept: list[bytes] = []
    began = time.monotonic()
    while True:
        owed = (time.monotonic() - began) * bytes_a_second - len(kept) * BLOCK
        kept += [bytes(BLOCK) for _ in range(int(owed // BLOCK))]
        time.sleep(STEP_S)


if __name__ == "__main__":
    rate = float(sys.argv.pop(1))
    threading.Thread(target=_leak, args=(rate * 1e6,), daemon=True).start()
    runpy.run_module("lens", run_name="__main__", alter_sys=True)
