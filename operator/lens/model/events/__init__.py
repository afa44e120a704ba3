"""Events: what changed between two moments, joined with the Events of the apiserver."""
