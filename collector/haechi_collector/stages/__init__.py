"""The stages of the way on: batch → batch, one file each."""
