"""From real usage: what to buy, which plan for whom, when the money runs out (domain.md 13)."""
