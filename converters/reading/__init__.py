"""Requests and answers as text for a person; `converters.readable` is the door."""
