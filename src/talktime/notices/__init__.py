"""Who is told what: recipients, texts, channels, and the way from the outbox to each of them."""
