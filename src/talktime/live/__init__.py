"""Calls in progress: start, extend, end, cancel, and the sweep of those that fell silent."""
