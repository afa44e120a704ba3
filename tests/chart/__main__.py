"""Renew what is made from the chart and from the settings: ``python -m tests.chart``."""

from tests.chart import helm, manifests, readme, settings

settings.SCHEMA.write_text(settings.schema())
readme.README.write_text(readme.readme())
for path, text in manifests.files(helm.build()["helm"]).items():
    path.write_text(text)
