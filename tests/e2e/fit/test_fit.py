"""What Lens says of a pod before it exists is what the cluster's scheduler does with it."""

import os

from tests.e2e.cluster.api import Api
from tests.e2e.fit import figures, scenario
from tests.e2e.lens import Lens

CASES = 300
SEED = int(os.environ.get("FIT_SEED", "1"))


async def test_the_scheduler_does_with_300_pods_what_fit_said_before(api: Api, lens: Lens) -> None:
    before = await scenario.decisions(lens)
    report = await scenario.run(api, lens, SEED, CASES)
    record = await scenario.fit_record(lens, before + report.complete)
    found = report.figures()
    figures.add({**found, "fit_record": record})
    print(f"\n  {report}, {found['fit_seconds']} s", end="")
    assert report.disagreements == []
    assert report.complete >= CASES
    assert found["fit_complete_share"] >= 0.95
    # As many of either answer as to matter.
    assert 0.2 < found["fit_yes_share"] < 0.8
    assert report.histograms >= 50
    assert report.readings >= 50
    # Lens itself has compared the same, and hardly ever had to leave it open.
    print(f"\n  record {record}", end="")
    assert record["wrong"] == 0
    assert record["right"] >= 0.9 * CASES
