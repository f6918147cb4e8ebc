"""How a provider departs from the Responses API; each flag names what breaks without it."""

from typing import ClassVar

from converters.dialect import Dialect, Effort


class ResponsesDialect(Dialect):
    """The Responses API itself, elsewhere: what is passed on but for model, address and key."""

    KEPT: ClassVar[frozenset[str]] = Dialect.KEPT | {"previous_response_id", "conversation", "prompt"}

    efforts: tuple[Effort, ...] = ()
    """The depths that its models know, for the list of models; a client's effort passes as it is."""

    downgrade_custom: bool = False
    """Custom tools are refused: the list of models then does not make Codex offer any."""

    seals: bool = False
    """The upstream is this proxy too: our seals go on, it reads them. OpenAI answers `invalid_encrypted_content`."""

    def choices(self) -> tuple[Effort, ...]:
        return self.efforts or ("low", "medium", "high")
