"""Who serves a model: the routes file, the providers, their endpoints and keys."""
