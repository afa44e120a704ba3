"""``python -m lens_client``."""

from lens_client.main import main

main()
