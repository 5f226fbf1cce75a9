"""The catalogue: plans, categories, zones, premium ranges, numbers, roles and limits as data.

It ships as TOML and CSV beside this file and may be extended by a folder of the operator's own; no code of
a plan, no country and no role stands in Python.
"""
