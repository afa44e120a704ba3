"""``python -m lens`` is ``lens``."""

from lens.cli.main import app

app(prog_name="lens")
