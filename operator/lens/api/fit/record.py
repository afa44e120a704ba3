"""``/api/v1/realtime/fit/record``: how often Lens was right about pending pods, and where it was wrong."""

from lens.api.parameters.fit import FitRecordParameters
from lens.api.schemas.fit_record import FitCase, FitRecordDetail
from lens.api.schemas.fit_record import FitRecord as FitRecordRow
from lens.model.cluster_state import StateView
from lens.model.fit.record.case import fleet_of
from lens.model.fit.record.record import Disagreement, FitRecord
from lens.model.k8s import timestamps


def fit_record(current: StateView, params: FitRecordParameters) -> FitRecordDetail:
    """Return the record with its case files, some 4 MB at most."""
    record = current.fit_record
    anonymous = params.anonymous == "true"
    return {
        "cluster": params.cluster,
        "timestamp": timestamps.render(int(current.current_at)),
        "fit_record": record_row(record),
        "abstained": {} if record is None else dict(sorted(record.abstained.items())),
        "cases": [] if record is None else [_case(each, anonymous=anonymous) for each in record.cases],
    }


def record_row(record: FitRecord | None) -> FitRecordRow | None:
    """Return the figures of a record."""
    if record is None:
        return None
    return {
        "right": record.right,
        "wrong": record.wrong,
        "abstained": sum(record.abstained.values()),
        "since": timestamps.render(int(record.since)),
    }


def _case(wrong: Disagreement, *, anonymous: bool) -> FitCase:
    did = "bound" if wrong.node is not None else "refused"
    if not anonymous:
        did = f"bound to {wrong.node}" if wrong.node is not None else f"refused: {wrong.message}"
    because = None if anonymous else wrong.because
    return {
        "timestamp": timestamps.render(int(wrong.at)),
        "namespace": None if anonymous else wrong.key.namespace,
        "pod_name": None if anonymous else wrong.key.name,
        "said": wrong.said,
        "because": because,
        "node_name": None if anonymous else wrong.node,
        "message": None if anonymous else wrong.message,
        "omitted_nodes": wrong.case.omitted,
        "file": {
            "differences": [
                f"Lens: {wrong.said}" + (f": {because}" if because else ""),
                f"kube-scheduler: {did}",
            ],
            "fleet": fleet_of(wrong.case, anonymous=anonymous),
        },
    }
