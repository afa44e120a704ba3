import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_demo_says_in_one_line_that_the_simulated_cluster_is_not_installed(tmp_path: Path) -> None:
    missing = "raise ModuleNotFoundError(\"No module named 'lens_sim'\", name='lens_sim')\n"
    (tmp_path / "lens_sim.py").write_text(missing)
    env = os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT / 'operator'}"}
    ended = subprocess.run(
        [sys.executable, "-m", "lens", "demo"],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.splitlines() == [
        "lens: the simulated cluster is not installed (images don't have it): run `make demo` in a clone"
    ]
