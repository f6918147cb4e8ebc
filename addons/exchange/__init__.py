"""One client request, from its arrival to its end."""
