"""Which provider serves a model: the routes file, the providers, their endpoints and API keys."""
