"""A Responses request as an Anthropic Messages request.

| Responses                           | Anthropic                                                                  |
|-------------------------------------|----------------------------------------------------------------------------|
| instructions, first developer items | system, one text block each                                                |
| input                               | messages, see messages.py and content.py                                   |
| tools, lowered to functions         | tools; web_search as the provider spells it, other hosted tools are a loss |
| tool_choice, parallel_tool_calls    | tool_choice                                                                |
| reasoning                           | thinking, output_config.effort, see effort.py                              |
| max_output_tokens                   | max_tokens                                                                 |
| temperature, top_p                  | the same, one of them, not while thinking                                  |
| text.format                         | output_config.format, or words at the end of system                        |
| prompt_cache_key                    | nothing: the marks of cache_control.py take its place                      |
| service_tier, truncation, ...       | left out, listed as losses (responses/parameters.py)                       |
| previous_response_id, ...           | refused: nothing is stored (responses/history.py)                          |

Two turns of one conversation give requests of which the earlier is a prefix of the later (but for cache marks): that is
what an upstream caches. https://docs.anthropic.com/en/api/messages
"""

from collections.abc import Iterator

from converters import jsontext
from converters.anthropic import cache_control, content, effort, tool_schema, tools
from converters.anthropic.dialect import AnthropicDialect
from converters.anthropic.messages import MessagesWriter, unthought_loop
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses import parameters, wire
from converters.responses.history import Step, conversation
from converters.tools import Toolbox, lower_call

_VERSION = "2023-06-01"
_INTERLEAVED = "interleaved-thinking-2025-05-14"
_MAX_TOKENS = 32000


def headers(dialect: AnthropicDialect) -> dict[str, str]:
    """The headers that every request carries, but for the key."""
    beta = {"anthropic-beta": _INTERLEAVED} if dialect.interleaved_beta else {}
    return {"anthropic-version": _VERSION, **beta}


def convert(request: wire.Request, toolbox: Toolbox, dialect: AnthropicDialect, model: str, losses: Losses) -> Json:
    """The body of a streamed request.

    Raises:
        RequestError: the request builds on what is stored elsewhere, or forces a tool that it does not offer.
    """
    parameters.note_lost(request.raw, losses)
    return _RequestConversion(request, toolbox, dialect, losses).body(model)


class _RequestConversion:
    def __init__(self, request: wire.Request, toolbox: Toolbox, dialect: AnthropicDialect, losses: Losses) -> None:
        self._request = request
        self._toolbox = toolbox
        self._dialect = dialect
        self._losses = losses
        self._conversation = conversation(request, losses)
        self._max_tokens = request.max_output_tokens or dialect.max_tokens or _MAX_TOKENS
        self._plan = effort.plan(request.reasoning, dialect, self._max_tokens, losses)

    def body(self, model: str) -> Json:
        offered, choice = self._tools()
        messages = self._messages()
        body: Json = {
            "model": model,
            "max_tokens": self._max_tokens,
            "stream": True,
            "system": list(self._system()),
            "messages": messages,
            "tools": offered,
            "tool_choice": choice,
            "thinking": self._plan.field,
            "output_config": self._output_config(),
            **self._sampling(),
        }
        sent = {name: value for name, value in body.items() if value not in (None, [], {})}
        return cache_control.mark(sent) if self._dialect.cache else sent

    # --- words ---

    def _system(self) -> Iterator[Json]:
        for text in self._conversation.instructions:
            if text.strip():
                yield content.text(text)
        if note := self._format_note():
            yield content.text(note)

    def _messages(self) -> list[Json]:
        messages = self._write()
        if self._dialect.thinking == "budget" and self._plan.on and unthought_loop(messages):
            self._losses.note(
                "reasoning", "thinking", "the turn under way began without thinking that this model takes"
            )
            self._plan = effort.without_thinking(self._plan)
            messages = self._write()
        return messages

    def _write(self) -> list[Json]:
        thinks = effort.takes_thinking_back(self._plan, self._dialect)
        return MessagesWriter(self._dialect, self._losses, thinks).write(self._conversation.turns)

    # --- tools ---

    def _tools(self) -> tuple[list[Json], Json | None]:
        """The tools and the choice among them."""
        offered = tools.offered(self._toolbox, self._dialect, self._losses)
        if offered:
            return offered, self._tool_choice()
        bare = [tools.bare(name) for name in self._names_in_history()]
        return bare, {"type": "none"} if bare else None

    def _names_in_history(self) -> list[str]:
        """Whose calls the history holds: Anthropic wants tools declared where there are tool blocks."""
        steps = [turn for turn in self._conversation.turns if isinstance(turn, Step)]
        return list(dict.fromkeys(lower_call(call.item)[0] for step in steps for call in step.calls))

    def _tool_choice(self) -> Json | None:
        choice = tools.ToolChoice(self._request, self._toolbox, self._losses)
        if choice.forces and self._dialect.forced_tool_choice != "full":
            self._make_way_for(choice)
        return choice.field()

    def _make_way_for(self, choice: tools.ToolChoice) -> None:
        """A forced choice and thinking exclude each other, and some models take no forced choice at all."""
        if self._dialect.forced_tool_choice == "never":
            choice.relax("this model takes no forced choice")
        elif not self._dialect.thinking_off:
            choice.relax("thinking excludes it and cannot be switched off")
        elif self._plan.on:
            self._losses.note("reasoning", "thinking", "a forced tool_choice excludes it")
            self._plan = effort.without_thinking(self._plan)

    # --- settings ---

    def _sampling(self) -> Json:
        given = {"temperature": self._request.temperature, "top_p": self._request.top_p}
        asked = {name: value for name, value in given.items() if value is not None}
        why = "this model takes none" if not self._dialect.sampling else "thinking excludes it" if self._plan.on else ""
        for name in asked if why else list(asked)[1:]:
            self._losses.note(name, str(asked[name]), why or "only one of temperature and top_p is taken")
        return {} if why else dict([(name, min(value, 1.0)) for name, value in asked.items()][:1])

    def _output_config(self) -> Json:
        config: Json = {"effort": self._plan.effort} if self._plan.effort else {}
        wanted = self._schema()
        if wanted is not None and self._dialect.output_format:
            config["format"] = {"type": "json_schema", "schema": tool_schema.closed(wanted)}
        return config

    def _schema(self) -> Json | None:
        wanted = self._request.text.format if self._request.text else None
        return wanted.schema_ if wanted and wanted.type == "json_schema" else None

    def _format_note(self) -> str:
        """What the upstream has no field for, as instructions for the model."""
        wanted = self._request.text.format if self._request.text else None
        if wanted is None or wanted.type not in ("json_schema", "json_object"):
            return ""
        if wanted.schema_ is None:
            return "Your final answer must be one JSON object and nothing else: no words around it, no code fence."
        if self._dialect.output_format:
            return ""
        self._losses.note(
            "text.format", wanted.type, "this upstream does not promise the form; the instructions ask for it"
        )
        text = jsontext.dumps(wanted.schema_).decode()
        return (
            "Your final answer must be JSON that matches this JSON schema and nothing else: "
            f"no words around it, no code fence.\n{text}"
        )
