"""HTTP as all of Lens' servers serve it: connections within bounds. Knows nothing of what is served."""
