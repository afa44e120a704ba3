"""The dashboard: whether Grafana can place it."""

from tests.monitoring.files import dashboard


def test_panels_lie_side_by_side_on_grafanas_24_columns() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells
    assert taken == {(x, y) for x in range(24) for y in range(max(y for _, y in taken) + 1)}


def test_all_that_asks_asks_the_data_source_that_was_chosen() -> None:
    panels = [panel for panel in dashboard()["panels"] if panel["type"] != "row"]
    source, *variables = dashboard()["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == ("datasource", "datasource", "prometheus")
    for each in [*panels, *variables]:
        assert each["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    ids = [panel["id"] for panel in dashboard()["panels"]]
    assert len(set(ids)) == len(ids)
