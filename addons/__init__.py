"""The only code that knows mitmproxy: one addon a file."""
