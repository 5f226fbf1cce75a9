"""Accounts: tenants, their billing accounts, users and licences, and the file that describes them."""
