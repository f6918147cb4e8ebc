"""Requests and responses as text for a person."""

from converters.rendering.body import looks_readable, readable

__all__ = ["looks_readable", "readable"]
