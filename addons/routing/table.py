"""What all tables of our own TOML files have in common."""

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A table of our own TOML files, where an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
