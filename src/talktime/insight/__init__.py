"""What people and programs want to know of a run: summary, what to look at, explanations, reports."""
