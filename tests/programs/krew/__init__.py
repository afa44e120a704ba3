"""krew takes the plugin: its manifest, its archive, and the command under its name."""
