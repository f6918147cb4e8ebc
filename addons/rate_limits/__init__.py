"""The limits that a user sets for keys, providers and routes, and the line of those who wait for them."""
