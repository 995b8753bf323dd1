"""The read side: what may be asked, and the way to the store."""
