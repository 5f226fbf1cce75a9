"""Purchases, recharge, papers for finance and the way to post-usage."""
