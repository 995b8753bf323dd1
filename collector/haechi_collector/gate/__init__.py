"""The gate: who may come in through any door, to do what, for which project, how often."""
