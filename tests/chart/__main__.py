"""Renew what is made from the chart and from the settings: ``python -m tests.chart``."""

from tests.chart import readme, settings
from tests.programs.chart import helm, manifests

settings.SCHEMA.write_text(settings.schema())
readme.README.write_text(readme.readme())
for path, text in manifests.files(helm.build()).items():
    path.write_text(text)
