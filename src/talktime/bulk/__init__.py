"""Whole files: usage tables in, charged calls out, by the very functions of the core."""
