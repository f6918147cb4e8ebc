"""What holds of every stream that a client reads, whatever the upstream said."""

from converters.jsontext import Json
from tests import referee

ENDS = {"response.completed", "response.incomplete", "response.failed"}


def check(told: list[Json]) -> None:
    """Raises AssertionError where a law is broken."""
    _one_end(told)
    _items_as_the_end_says(told)
    _deltas_make_the_texts(told)


def _one_end(told: list[Json]) -> None:
    kinds = [event["type"] for event in told]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert [kind in ENDS for kind in kinds] == [False] * (len(kinds) - 1) + [True]
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    assert all(event["delta"] for event in told if "delta" in event), "an empty delta"


def _items_as_the_end_says(told: list[Json]) -> None:
    response = told[-1]["response"]
    output = response["output"]
    added = [event for event in told if event["type"] == "response.output_item.added"]
    assert [event["output_index"] for event in added] == list(range(len(output)))
    assert [event["item"]["id"] for event in added] == [item["id"] for item in output]
    done = [event for event in told if event["type"] == "response.output_item.done"]
    finals = {event["output_index"]: event["item"] for event in done}
    assert len(finals) == len(done), "an item that is done twice"
    for index, item in enumerate(output):
        assert finals.get(index, item) == item
        assert index in finals or item["status"] == "incomplete"
    if told[-1]["type"] == "response.completed":
        assert len(finals) == len(output), "completed with an item that is open"
    else:
        released = {item["type"] for item in finals.values()}
        assert released <= {"message", "reasoning", "compaction"}, "a call of a broken answer"


_DELTAS = {
    "response.output_text.delta": "content",
    "response.reasoning_summary_text.delta": "summary",
    "response.function_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "input",
}


def _deltas_make_the_texts(told: list[Json]) -> None:
    heard: dict[tuple[int, str], str] = {}
    for event in told:
        if field := _DELTAS.get(event["type"]):
            place = (event["output_index"], field)
            heard[place] = heard.get(place, "") + event["delta"]
    for index, item in enumerate(told[-1]["response"]["output"]):
        for field in _DELTAS.values():
            said = item.get(field) or ""
            text = said if isinstance(said, str) else said[0]["text"] if isinstance(said, list) else ""
            streamed = heard.get((index, field), "")
            assert streamed == text or ".0" in streamed, "a text that is not its deltas"


def check_with_openai(told: list[Json]) -> None:
    """OpenAI's own types know each event, and its client builds the same items from the deltas."""
    for event in told:
        referee.check_event(event)
    for built, item in zip(referee.accumulate(told), told[-1]["response"]["output"], strict=True):
        if item["type"] == "message":
            said = item["content"][0]["text"] if item["content"] else ""
            assert "".join(part["text"] for part in built["content"]) == said
        elif item["type"] == "function_call" and ".0" not in built["arguments"]:
            assert built["arguments"] == item["arguments"]
