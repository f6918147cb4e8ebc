"""How a provider departs from the toy protocol."""

from converters.dialect import Dialect


class ToyDialect(Dialect):
    polite: bool = False
    """Every request ends with a thank-you."""
