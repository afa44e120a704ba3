"""The chart, as Helm 4 and Helm 3 render it."""
