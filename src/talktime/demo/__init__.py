"""A made-up tenant and its calls: to try Talktime with, to test it, to measure it.

Who calls is a tenant file (`contoso.toml`), how they call is a table (`traffic.toml`); the generator knows
neither plan nor country. The same seed gives the same bytes. `retell` puts charged calls into a ledger, each
on its day.
"""
