"""Anthropic Messages and the endpoints compatible with it."""
