"""HTTP: live routes, management, health and metrics."""
