"""From an exchange to a case."""
