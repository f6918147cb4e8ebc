"""What an upstream's refusals taught about its dialect."""
