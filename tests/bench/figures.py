"""The figures of a run: one line each, and all of them in `build/bench.json`."""

import json
import operator
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

BOUNDS = {
    "ready_vs_client_go": "≤ 1.5",
    "rss_vs_client_go": "≤ 0.5",
    "cpu_ms_noise_event": "≤ 0.06",
    "cpu_ms_real_event": "≤ 0.35",
    "visible_p99_ms": "≤ 150",
    "visible_p50_more_ms": "≤ 60",
    "status_hit_vs_bare": "≥ 0.5",
    "status_fresh_vs_bare": "≥ 0.3",
    "status_cost_10000_vs_100_nodes": "≤ 1.2",
    "tasks_page_p99_ms": "≤ 5",
    "tasks_all_ms": "≤ 120",
    "tasks_all_others_ms": "≤ 50",
    "stream_p99_ms": "≤ 250",
    "stream_2000_lag_max_ms": "≤ 1000",
    "stream_kb_each": "≤ 40",
    "stream_2000_status_p99_ms": "≤ 50",
    "start_s": "≤ 0.7",
    "scrape_5000_cores": "≤ 0.35",
    "scrape_5000_faulty_cores": "≤ 0.35",
    "scrape_5000_max_age_s": "≤ 20",
    "scrape_5000_faulty_max_age_s": "≤ 20",
    "rss_mb_dra": "≤ 80",
    "ready_s_dra": "≤ 1",
    "cpu_slice_churn": "≤ 5",
    "rss_mb_150k_pods": "≤ 350",
    "fit_one_ms": "≤ 10",
    "fit_64_ms": "≤ 100",
    "fit_claim_ms": "≤ 10",
    "fit_status_p99_ms": "≤ 50",
    "fit_claim_status_p99_ms": "≤ 50",
    "agent_rss_mb": "≤ 70",
    "agent_cpu_percent": "≤ 0.5",
    "agent_sample_ms": "≤ 2",
    "page_first_ms": "≤ 1000",
    "page_change_ms": "≤ 500",
    "page_pending_ms": "≤ 500",
    "page_growth_mb": "≤ 10",
    "page_heap_growth_mb": "≤ 10",
    "page_memory_mb": "≤ 200",
    "page_long_tasks": "≤ 1",
    "cli_first_ms": "≤ 500",
    "cli_imports_ms": "≤ 150",
    "cli_watch_ms": "≤ 500",
    "cli_top_cpu_percent": "≤ 5",
    "cli_top_rss_mb": "≤ 80",
    "size_ready_vs_client_go": "≤ 1.2",
    "size_rss_vs_client_go": "≤ 0.35",
    "rss_mb_1m_pods": "≤ 2000",
}
# Of what is measured beside a peer that the same machine slows down as much.
RATIOS = {
    "cpu_ms_noise_event": "≤ 0.35",
    "cpu_ms_real_event": "≤ 1",
    "visible_p99_ms": "≤ 1.3",
}
RESULTS = Path("build/bench.json")
HOLDS = {"≤": operator.le, "≥": operator.ge}
LINE = "{:<34} {:>10} {:<8} {:>10} {:>7}  {}"


class Figure(NamedTuple):
    """A measured value; `peer` is the peer's, in the same measure, and `ratio` the value against it."""

    value: float
    unit: str
    peer: float | None
    ratio: float | None


class Figures:
    """Collects figures, each printed as it comes."""

    def __init__(self) -> None:
        self._figures: dict[str, Figure] = {}
        print(LINE.format("name", "value", "unit", "peer", "ratio", "bound").rstrip())

    def add(self, name: str, value: float, unit: str, peer: float | None = None) -> None:
        """Take a figure and its peer's; the value of one named `_vs_` is the ratio of the two."""
        ratio = value / peer if peer else None
        figure = Figure(value, unit, peer, ratio)
        remark = ""
        if "_vs_" in name:
            if ratio is None or peer is None:
                raise ValueError(f"figure {name}: a comparison needs a peer's figure")
            remark = f"{_digits(value)} against {_digits(peer)} {unit}"
            figure = Figure(ratio, "x", peer, ratio)
        self._figures[name] = figure
        print(_line(name, figure, remark), flush=True)

    def write(self, path: Path) -> None:
        """Write all figures as a JSON object, by name."""
        self._write(path, {})

    def update(self, path: Path) -> None:
        """Add all figures to those that a file has."""
        self._write(path, json.loads(path.read_text()) if path.exists() else {})

    def _write(self, path: Path, before: Mapping[str, object]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        document = {**before, **{name: figure._asdict() for name, figure in self._figures.items()}}
        path.write_text(json.dumps(document, indent=2) + "\n")


def _line(name: str, figure: Figure, remark: str) -> str:
    judged = (("", BOUNDS.get(name), figure.value), ("ratio ", RATIOS.get(name), figure.ratio))
    tail = [what + _judged(bound, value) for what, bound, value in judged if bound and value is not None]
    if remark:
        tail.append(remark)
    peer, ratio = (_digits(number) for number in (figure.peer, figure.ratio))
    return LINE.format(name, _digits(figure.value), figure.unit, peer, ratio, "; ".join(tail)).rstrip()


def _judged(bound: str, value: float) -> str:
    sign, limit = bound.split()
    return f"{bound} {'holds' if HOLDS[sign](value, float(limit)) else 'MISSED'}"


def _digits(value: float | None) -> str:
    """Three significant digits at least, whole numbers from 100 on; a dash for none."""
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
