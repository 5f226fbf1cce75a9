"""Charging on Spark: usage that does not fit one machine, by the very functions of the local engine."""
