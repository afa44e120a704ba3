"""Files that settings name: read with errors that name the field, and read again when they change."""
