"""Requests and responses as text for a person; `rendering.readable` is the door."""
