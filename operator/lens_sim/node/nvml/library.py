"""Compile the simulated library, once for each state of its source."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Iterable, Mapping
from importlib.resources import files
from pathlib import Path

SONAME = "libnvidia-ml.so.1"
"""The name under which pynvml, as every other program, has the dynamic linker look for it."""

SCENARIO_VARIABLE = "FAKE_NVML_SCENARIO"

FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-pthread")


class CompilerError(Exception):
    """There is no C compiler, or it refused the source; the message has its words."""


def sources() -> list[Path]:
    """Return the library's C files."""
    return sorted(Path(str(files(__package__))).glob("*.c"))


def build(cache: Path | None = None, without: Collection[str] = ()) -> Path:
    """Return the folder that holds the compiled library, compiled now if its source is new.

    ``cache`` is ``$XDG_CACHE_HOME/lens`` unless given. The library lacks the functions ``without``, as
    those of other drivers do. Raise CompilerError.
    """
    renamed = [f"-D{function}=absent_{function}" for function in sorted(without)]
    folder = (cache or _cache()) / f"nvml-{_digest(renamed)}"
    if not (folder / SONAME).exists():
        _compiler()
        folder.mkdir(parents=True, exist_ok=True)
        # Whoever else builds it now writes the same; a rename lets nobody load half of it.
        with tempfile.TemporaryDirectory(dir=folder) as workshop:
            compiled = Path(workshop) / SONAME
            compile_c(
                [*sources()], compiled, "-shared", "-fvisibility=hidden", f"-Wl,-soname,{SONAME}", *renamed
            )
            compiled.replace(folder / SONAME)
    return folder


def environment(folder: Path, scenario: Path) -> Mapping[str, str]:
    """Return the variables with which a process loads the library from ``folder`` and plays ``scenario``."""
    return {"LD_LIBRARY_PATH": str(folder), SCENARIO_VARIABLE: str(scenario)}


def compile_c(c_files: list[Path], output: Path, *flags: str) -> None:
    """Compile and link. Raise CompilerError."""
    command = [_compiler(), *FLAGS, *flags, "-o", str(output), *map(str, c_files), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise CompilerError(done.stderr.strip() or f"cc exited with {done.returncode}")


def _compiler() -> str:
    compiler = shutil.which("cc")
    if compiler is None:
        raise CompilerError("the simulated GPUs need a C compiler, and there is no cc")
    return compiler


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lens"


def _digest(flags: Iterable[str]) -> str:
    digest = hashlib.sha256(" ".join((*FLAGS, *flags)).encode())
    for source in sorted(Path(str(files(__package__))).glob("*.[ch]")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]
