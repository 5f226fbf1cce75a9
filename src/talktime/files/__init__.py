"""Formats that users bring and take: usage exports, rate decks, reports."""
