"""The doors on HTTP: live calls, and the management of tenants, money, calls, decks and keys."""
