"""The real kubectl runs `kubectl lens` against the real apiserver, with each kind of credential."""
