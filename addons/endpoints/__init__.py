"""What the proxy answers itself, and who may use it."""
