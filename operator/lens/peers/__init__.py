"""Other clusters' Lenses, asked over HTTP: only at the addresses that the settings name, within bounds."""
