"""An XID error means what NVIDIA says that it means."""

import pytest

from lens.model.gpu.xids import CATALOGUE, classify

BY_SEVERITY = {
    "critical": {46, 62, 64, 79, 95, 109, 110, 119, 120, 136, 140, 143, 155, 156, 158},
    "workflow": {48, 74, *range(144, 151)},
    "warning": {63, 92, 94},
    "application": {8, 11, 13, 25, 31, 32, 39, 40, 41, 43, 45, 68, 69},
    "recovery": {154},
}


@pytest.mark.parametrize("severity", BY_SEVERITY)
def test_the_catalogue_sorts_errors_as_nvidia_does(severity: str) -> None:
    assert {number for number, (each, _) in CATALOGUE.items() if each == severity} == BY_SEVERITY[severity]


def test_an_error_that_the_catalogue_does_not_have_is_shown_all_the_same() -> None:
    assert classify(999, alone=True) == ("unlisted", "not in the catalogue")
