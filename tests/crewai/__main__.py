"""Run a demo and `lens mcp`, and use its tools from crewai's adapter in an environment of its own.

The environment is made in the folder that is named, or used again if it is there. crewai is far larger than
all that Lens needs, and pins a version of the SDK that Lens doesn't; so it is no part of the other tests.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.integration.mcp.conftest import TOKEN, address
from tests.integration.operator import LENS, Command, environment

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements" / "crewai.txt"
PROGRAM = Path(__file__).with_name("program.py")


def provide(folder: Path) -> Path:
    """Return the Python of an environment that has the adapter, exactly as it is locked."""
    python, installed, lock = folder / "bin" / "python", folder / ".installed", LOCK.read_text()
    if not installed.exists() or installed.read_text() != lock:
        subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", folder], check=True)
        pip = [sys.executable, "-m", "pip", "--python", str(python)]
        locked = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement", str(LOCK)]
        subprocess.run([*pip, "install", "--quiet", *locked], check=True)
        subprocess.run([*pip, "check"], check=True)
        installed.write_text(lock)
    return python


def check(python: Path, folder: Path) -> int:
    """Return the exit status of the program that uses the tools."""
    with Command(["demo", "--port", "0", "--agents", "0"], folder / "demo", environment()) as demo:
        found = demo.wait_for_match(LENS)
        args = ["mcp", "--url", found[1], "--mcp-listen", "127.0.0.1:0"]
        with Command(args, folder / "mcp", environment()) as server:
            done = subprocess.run([python, PROGRAM, address(server), TOKEN], check=False, timeout=300)
            server.end()
        demo.end()
    return done.returncode


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("environment", type=Path, help="the folder of the environment")
    with tempfile.TemporaryDirectory() as scratch:
        sys.exit(check(provide(parser.parse_args().environment.absolute()), Path(scratch)))
