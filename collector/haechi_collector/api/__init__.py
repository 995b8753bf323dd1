"""The read side's HTTP routes. Nothing here imports the way in."""
