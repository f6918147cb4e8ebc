"""What rendering has to know of a protocol: little, where the protocol is like the others."""

from converters.protocols import PROTOCOLS
from converters.rendering.protocol_rendering import Rendering
from converters.rendering.readable import readable


def test_what_a_protocol_does_not_say_is_left_out() -> None:
    bare = Rendering(lambda body: "said" in body, lambda value, event: False, conversation="said")
    assert bare.seal_note("sealed") == ""
    assert [entry.title for entry in bare.entries({"role": "user", "content": "hi"})] == ["user"]


def test_no_other_protocol_takes_what_one_knows_by_itself_alone() -> None:
    request = b'{"model": "m", "messages": [{"role": "user", "content": "hi"}]}'
    assert [name for name in PROTOCOLS if name in (readable(request) or "").split("\n")[0]] == ["chat"]
