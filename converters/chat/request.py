"""A Responses request -> a Chat Completions request, always streamed.

| Responses                        | Chat Completions                                             |
|----------------------------------|--------------------------------------------------------------|
| instructions, input              | messages (`chat.messages`, `chat.content`, `chat.reasoning`) |
| tools, tool_choice, parallel_... | the same (`chat.tools`, `chat.tool_schema`)                  |
| reasoning.effort                 | by `ChatDialect.effort` (`chat.effort`)                      |
| text.format                      | response_format, or words in the instructions                |
| text.verbosity                   | verbosity, where known                                       |
| max_output_tokens                | max_tokens or max_completion_tokens                          |
| temperature, top_p               | the same                                                     |
| prompt_cache_key                 | the same, where known                                        |
| store, include, metadata, ...    | left out: they change no response                            |
| service_tier, truncation, ...    | left out, listed as losses (`responses.parameters`)          |
| previous_response_id, ...        | refused: nothing is stored (`responses.history`)             |

https://platform.openai.com/docs/api-reference/chat/create
"""

from converters import jsontext
from converters.chat import effort, tools
from converters.chat.dialect import ChatDialect
from converters.chat.messages import messages
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses import history, parameters, wire
from converters.tools import Toolbox


def convert(request: wire.Request, toolbox: Toolbox, dialect: ChatDialect, model: str, losses: Losses) -> Json:
    """The body for `POST /chat/completions`.

    Raises:
        RequestError: the request builds on what is stored elsewhere.
    """
    parameters.note_lost(request.raw, losses)
    requested_effort = request.reasoning.effort if request.reasoning else None
    shape, notes = _response_format(request, dialect, losses)
    conversation = history.conversation(request, losses)
    return {
        "model": model,
        "messages": messages(
            conversation, dialect, losses, thinks=not effort.is_off(requested_effort, dialect), notes="\n\n".join(notes)
        ),
        "stream": True,
        **({"stream_options": {"include_usage": True}} if dialect.stream_usage else {}),
        **tools.fields(request, toolbox, dialect, losses),
        **effort.fields(requested_effort, dialect, losses),
        **shape,
        **_settings(request, dialect, losses),
    }


def _settings(request: wire.Request, dialect: ChatDialect, losses: Losses) -> Json:
    verbosity = request.text.verbosity if request.text else None
    if verbosity and not dialect.verbosity:
        losses.note("text.verbosity", verbosity, "this upstream does not know it")
    limit = request.max_output_tokens or dialect.max_tokens
    found = {
        "verbosity": verbosity if dialect.verbosity else None,
        dialect.max_tokens_field: limit,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "prompt_cache_key": request.prompt_cache_key if dialect.prompt_cache_key else None,
        "store": False if dialect.store else None,
    }
    return {name: value for name, value in found.items() if value is not None}


# --- structured output ---


def _response_format(request: wire.Request, dialect: ChatDialect, losses: Losses) -> tuple[Json, list[str]]:
    """The field, and the words for the instructions beside it or instead of it."""
    form = request.text.format if request.text else None
    if form is None or form.type == "text":
        return {}, []
    if dialect.response_format == "none":
        losses.note("text.format", form.type, "this upstream does not promise a form")
        return {}, []
    if form.type != "json_schema":
        return _json_object(dialect, "Answer with one JSON object and nothing else, without a code fence.")
    if dialect.response_format == "json_schema":
        return {"response_format": {"type": "json_schema", "json_schema": _schema(form)}}, []
    losses.note("text.format", form.type, "this upstream does not promise the form; the instructions ask for it")
    text = jsontext.dumps(form.schema_ or {}).decode()
    words = "Answer with one JSON value and nothing else, without a code fence. It must match this JSON schema:\n"
    return _json_object(dialect, words + text)


def _json_object(dialect: ChatDialect, words: str) -> tuple[Json, list[str]]:
    if dialect.response_format == "prompt":
        return {}, [words]
    # Hosts want the word JSON in the messages where JSON is wanted.
    return {"response_format": {"type": "json_object"}}, [words]


def _schema(form: wire.TextFormat) -> Json:
    found = {"name": form.name or "answer", "schema": form.schema_ or {}, "strict": form.strict}
    if form.description:
        found["description"] = form.description
    return {name: value for name, value in found.items() if value is not None}
