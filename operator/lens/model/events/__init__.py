"""Events: what changed between two moments, merged with the Events of the apiserver."""
