"""Rate decks as files: recognised by content, checked for the traps of real decks, written, compared.

A bad row is set aside with its line and the reason; a fault that could price calls wrongly refuses the deck
as a whole (formats.md, Rate decks; rulings.md 13 and 14).
"""
