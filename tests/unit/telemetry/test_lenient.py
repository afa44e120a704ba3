"""What no encoder takes is refused where it enters."""

import pytest

from lens.model.gpu.node_report import Report
from lens.telemetry.lenient import LenientDecoder


@pytest.mark.parametrize("text", [r"\\ud800", r"XID \\udfff", r"\\ud800 \\udc00"])
def test_lone_surrogates_are_no_text(text: str) -> None:
    body = f'{{"interval_seconds": "odd", "node": "{text}"}}'.replace("\\\\", "\\").encode()
    with pytest.raises(ValueError, match="surrogates"):
        LenientDecoder({}, {}).decode(body, Report)
