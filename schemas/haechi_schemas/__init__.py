"""Data and names that every other room shares: no behaviour, and no imports of ours."""
