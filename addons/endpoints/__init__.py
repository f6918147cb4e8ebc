"""Requests that the proxy answers itself, and client authentication."""
