"""The alert rules: promtool's verdict."""

from tests.monitoring.files import CASES, RULES, rules
from tests.programs.monitoring.prometheus import promtool


def test_prometheus_own_check_finds_nothing_wrong() -> None:
    assert f"{len(rules())} rules found" in promtool("check", "rules", RULES)


def test_each_case_comes_out_as_it_is_written() -> None:
    assert "SUCCESS" in promtool("test", "rules", CASES)
