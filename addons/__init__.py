"""The only code that knows mitmproxy: the two scripts for its `-s`, and a package for each concern."""

__version__ = "0.1.0"
