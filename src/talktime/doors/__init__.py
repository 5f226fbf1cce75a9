"""The doors: each parses, calls one use case and answers. No rule lives here."""
