"""The only code that knows mitmproxy: one addon a file."""

__version__ = "0.1.0"
