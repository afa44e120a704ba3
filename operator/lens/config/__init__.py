"""Settings: from flags or ``LENS_*`` variables, checked at start, with errors that name the setting."""
