"""What kubectl lens prints, without a Lens."""
