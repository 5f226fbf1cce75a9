"""The management API from outside: a tenant's credits, people, papers and settings; decks, keys, tenants.

`Management` answers, `AsyncManagement` has to be awaited; both are made of the same parts.
"""
