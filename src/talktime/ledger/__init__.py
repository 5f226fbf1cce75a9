"""The ledger: wallets, journal, charges and open calls of every tenant, and the stores that keep them."""
