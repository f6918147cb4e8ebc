"""What is tried, in which order and how often, until a request is answered."""
