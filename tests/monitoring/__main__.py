"""Renew what is made from the declarations of the alerts: ``python -m tests.monitoring``."""

from tests.monitoring import made

for file, text in made.files():
    file.write_text(text)
