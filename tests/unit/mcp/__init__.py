"""What language models are shown."""
