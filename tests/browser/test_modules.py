"""The page's modules without a view: what they say of rows of the API, asked in the browser itself."""

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.scene.lens import Lens
from tests.browser.scene.tab import Tab

GPU = "nvidia.com/gpu"
WAITING: dict[str, Any] = {
    "namespace": "ml",
    "pod_name": "train-0",
    "requested_gpus": 8,
    "resources": {GPU: 8},
    "state": "unschedulable",
    "scheduling_gates": [],
    "terminating": False,
    "fit": None,
    "fit_reason": "OUT_OF_TIME",
}


@pytest.fixture(scope="module")
def tab(lens: Lens, browser: Browser) -> Iterator[Tab]:
    """Return a tab of the page, without a token: these modules ask for nothing."""
    context = browser.new_context()
    tab = Tab(context, lens.url)
    tab.forgive("401")
    tab.open("/")
    yield tab
    tab.check()
    context.close()


def call(tab: Tab, module: str, script: str, *arguments: object) -> Any:
    """Return what ``script``, a function of a module and of arguments, returns in the page."""
    return tab.evaluate(
        f"""async ([module, args]) => {{
          const main = document.querySelector("script[type=module]").src;
          return ({script})(await import(new URL(module, main).href), ...args);
        }}""",
        [module, list(arguments)],
    )


def reason(code: str, nodes: int, **short: object) -> dict[str, object]:
    return {"code": code, "message": f"said of {code}", "nodes": nodes, "resource": None, "asked": None} | {
        "most_free": None,
        "short_by": None,
        **short,
    }


def fit(*reasons: dict[str, object], fits: str = "no", unchecked: tuple[str, ...] = ()) -> dict[str, object]:
    return {
        "fits": fits,
        "reason": "in words",
        "reasons": list(reasons),
        "complete": True,
        "not_checked": list(unchecked),
    }


SHORT = reason("insufficient", 12, resource=GPU, asked=8, most_free=3, short_by=5, node_names=["n6"])
UNALLOCATED = {"name": "gpu", "reason": "NOT_ALLOCATED", "waits_for": ["h200"], "gpus": 8}
NO_CLAIM = {"name": "gpu", "reason": "NO_DEVICE_CLASS", "waits_for": ["h300"], "gpus": 1}


@pytest.mark.parametrize(
    ("row", "because", "move"),
    [
        ({"fit": fit(SHORT)}, f"asks for 8 {GPU} on one node; the most that is free is 3, on n6", "nobody"),
        ({"fit": fit(reason("taint", 2), SHORT)}, "the most that is free is 3", "nobody"),
        (
            {"fit": fit({**SHORT, "most_free": 0, "short_by": 8})},
            "on one node; none is free on any",
            "nobody",
        ),
        (
            {"fit": fit(reason("node_selector", 1))},
            "its node selector or affinity leaves out 1 node",
            "owner",
        ),
        ({"fit": fit(reason("unschedulable", 3))}, "a cordon keeps it off 3 nodes", "admin"),
        (
            {"fit": fit(reason("unschedulable", 1), reason("taint", 23))},
            "23 nodes with a taint that it doesn't tolerate (and one more reason on other nodes)",
            "owner",
        ),
        (
            {"fit": fit(reason("claim_elsewhere", 3))},
            "its claim has its devices elsewhere than on 3 nodes",
            "owner",
        ),
        ({"fit": fit(reason("invalid_pools", 3))}, "3 nodes with an invalid pool of devices", "admin"),
        ({"fit": fit(reason("new_rule", 3))}, "3 nodes: said of new_rule", "owner"),
        ({"fit": fit(reason("constructor", 3))}, "3 nodes: said of constructor", "owner"),
        (
            {
                "fit": fit(
                    reason("insufficient", 4, resource="memory", asked=2**41, most_free=2**40, short_by=2**40)
                )
            },
            "asks for 2048 GiB memory on one node; the most that is free is 1024 GiB",
            "owner",
        ),
        ({"scheduling_gates": ["kueue.x-k8s.io/admission"]}, "Kueue holds it back", "queue"),
        ({"scheduling_gates": ["example.com/mine"]}, "the scheduling gate example.com/mine", "gate"),
        ({"claims": [NO_CLAIM]}, "a DeviceClass that doesn't exist: h300", "owner"),
        (
            {"claims": [UNALLOCATED], "fit": fit(reason("claims", 10))},
            "No node has the devices that its claim asks for: 8 of h200 on one node",
            "nobody",
        ),
        ({"fit": fit(fits="yes")}, "There is room for it now", "scheduler"),
        (
            {"fit": fit(fits="unknown", unchecked=("volumes",))},
            "volumes that bind it to a place",
            "scheduler",
        ),
        ({}, "Lens is still working it out", "scheduler"),
        ({"terminating": True}, "It is being deleted", "nobody"),
    ],
)
def test_a_pod_that_waits_has_one_reason_and_somebody_to_act(
    tab: Tab, row: dict[str, Any], because: str, move: str
) -> None:
    read = call(tab, "./words/pending.js", "(words, task) => words.readPending(task)", WAITING | row)
    assert because.lower() in read["because"].lower()
    assert read["move"] == move


@pytest.mark.parametrize(
    ("claim", "asks"),
    [
        ({"reason": "NOT_ALLOCATED", "gpus": 8, "waits_for": ["h200"]}, "8 of h200"),
        ({"reason": "NOT_ALLOCATED", "gpus": None, "waits_for": ["h200"]}, "all of h200"),
        # What these hold or ask for isn't known.
        ({"reason": "NOT_RESERVED", "gpus": None, "waits_for": []}, "GPUs by a claim"),
        ({"reason": "NOT_FOUND", "gpus": None, "waits_for": []}, "GPUs by a claim"),
    ],
)
def test_a_pod_asks_for_all_gpus_only_if_its_claim_does(tab: Tab, claim: dict[str, Any], asks: str) -> None:
    row = WAITING | {"requested_gpus": claim["gpus"] or 0, "resources": {}, "claims": [claim]}
    assert call(tab, "./words/asks.js", "(words, task) => words.asks(task)", row) == asks


def test_a_malformed_fraction_is_a_part_of_a_gpu(tab: Tab) -> None:
    fraction = {"portion": None, "memory_mib": None, "devices": 1, "reason": "MALFORMED"}
    row = WAITING | {"requested_gpus": 0, "resources": {}, "fraction": fraction}
    assert call(tab, "./words/asks.js", "(words, task) => words.asks(task)", row) == "a part of a GPU"


@pytest.mark.parametrize(
    "name",
    [
        "train-0",
        "a b",
        "it's",
        '"$(id)" `id` \\',
        "two\nlines",
        "\N{RIGHT-TO-LEFT OVERRIDE}gpj",
        "ü\t\N{SNOWMAN}",
    ],
)
def test_a_copied_command_gives_the_shell_the_name_and_nothing_else(tab: Tab, name: str) -> None:
    command = call(tab, "./words/commands.js", "(words, name) => `printf %s ${words.quoted(name)}`", name)
    assert command.isprintable()
    environment = {"LC_ALL": "C.UTF-8"}
    printed = subprocess.run(["bash", "-c", command], capture_output=True, check=True, env=environment)
    assert printed.stdout.decode() == name


def test_a_name_that_begins_like_an_option_is_no_option(tab: Tab) -> None:
    command = call(tab, "./words/commands.js", "(words) => words.kubectl('Pod', 'ml', '--all')")
    assert command == "kubectl get pod -n ml -o wide -- --all"


def test_the_history_holds_what_was_last_known_and_says_where_nothing_was(tab: Tab) -> None:
    script = """({ Ring }) => {
      const ring = new Ring(["free"], [{ step: 1, length: 5 }, { step: 10, length: 4 }]);
      ring.add(100, { free: 1 });
      ring.add(103, { free: 2 });
      const held = ring.read(5);
      ring.add(150, { free: 3 });
      ring.add(149, { free: 9 });
      return [held, ring.read(5), ring.read(40)];
    }"""
    held, gap, coarse = call(tab, "./history/ring.js", script)
    assert (held["times"], held["series"]["free"]) == ([100, 101, 102, 103], [1, 1, 1, 2])
    assert gap["series"]["free"] == [None, None, None, None, 3]
    assert (coarse["step"], coarse["times"], coarse["series"]["free"]) == (
        10,
        [120, 130, 140, 150],
        [None] * 3 + [3],
    )


def test_a_day_of_history_takes_no_more_room_than_an_hour(tab: Tab) -> None:
    script = """({ Ring, TIERS }) => {
      const ring = new Ring(["a", "b"]);
      for (let time = 0; time < 3 * 86400; time += 7) ring.add(time, { a: 1, b: null });
      const read = TIERS.map(({ step, length }) => ring.read(step * length));
      return read.map(({ times, series }) => [times.length, series.a.length]);
    }"""
    assert call(tab, "./history/ring.js", script) == [[900, 900], [1080, 1080], [1440, 1440]]


def test_the_search_finds_whole_names_before_their_parts(tab: Tab) -> None:
    entries = [
        {"kind": "task", "name": "train-gpu-1-0", "text": "ml gpu-1"},
        {"kind": "node", "name": "gpu-10", "text": ""},
        {"kind": "node", "name": "gpu-1", "text": ""},
        {"kind": "task", "name": "chat-0", "text": "ml gpu-1"},
    ]
    script = "({ rank }, query, entries) => rank(query, entries, 3)"
    found = call(tab, "./search/ranking.js", script, "gpu-1", entries)
    assert [each["name"] for each in found["found"]] == ["gpu-1", "gpu-10", "train-gpu-1-0"]
    assert found["total"] == 4
    assert [
        each["name"] for each in call(tab, "./search/ranking.js", script, "ml/chat", entries)["found"]
    ] == ["chat-0"]


def test_lists_order_names_by_their_numbers_and_unknown_values_last(tab: Tab) -> None:
    rows = [{"name": "n10", "used": None}, {"name": "n9", "used": 2}, {"name": "n1", "used": 30}]
    script = """({ sorted }, rows, sort) =>
      sorted(rows, sort, { name: (row) => row.name, used: (row) => row.used }).map((row) => row.name)"""

    def order(sort: str) -> list[str]:
        return list(call(tab, "./lists/query.js", script, rows, sort))

    assert order("name") == ["n1", "n9", "n10"]
    assert order("-used") == ["n1", "n9", "n10"]
    assert order("used") == ["n9", "n1", "n10"]
    assert order("toString") == ["n10", "n9", "n1"]


def test_an_event_of_one_node_is_not_one_of_another_whose_name_begins_alike(tab: Tab) -> None:
    script = """({ isOnNode }, name) =>
      ["ml/a started on gpu-1", "ml/a started on gpu-10", "moved off gpu-1.", "of gpu-1.eu"].map((message) =>
        isOnNode({ object: "Pod/ml/a", message }, name))"""
    assert call(tab, "./words/objects.js", script, "gpu-1") == [True, False, True, False]


def test_times_are_by_the_clock_of_lens_and_small_differences_are_none(tab: Tab) -> None:
    script = """({ present, setClock }, seconds) => {
      const own = performance.timeOrigin + performance.now();
      setClock(own + 1000 * seconds);
      return Math.round((present() - own) / 1000);
    }"""
    assert [call(tab, "./core/clock.js", script, ahead) for ahead in (2, 3600, 3601, -3600, 0)] == [
        0,
        3600,
        3600,
        -3600,
        0,
    ]
