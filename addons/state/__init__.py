"""What the proxy remembers beyond its own life, or shares with others of its kind."""
