"""Fuzz targets: one for each decoder of what others say."""
