"""What the page's tests play on: a simulated cluster, Lens before it, and the tab of a reader."""
