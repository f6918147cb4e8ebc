"""What the README tells a new user to write, written by a test: Codex with that profile, through the proxy."""

import re

from tests.e2e import proxy as mitmdump
from tests.e2e.codex import Codex
from tests.e2e.conftest import Endpoint
from tests.e2e.proxy import Proxy
from tests.e2e.scripted_response import ModelResponse, Text

README = (mitmdump.REPOSITORY / "README.md").read_text()


def profile(port: int, model: str) -> str:
    """README's block for the user's profile, for this port and model."""
    (block,) = re.findall(r"^```toml\n(model = .*?)^```", README, re.MULTILINE | re.DOTALL)
    block, ports = re.subn(r"127\.0\.0\.1:\d+", f"127.0.0.1:{port}", block)
    block, models = re.subn(r'^model = ".*"', f'model = "{model}"', block)
    assert (ports, models) == (2, 1)
    return str(block)


def test_codex_with_the_readme_s_profile_knows_the_model_and_says_nothing_of_it(
    chat: Endpoint, codex: Codex, proxy: Proxy
) -> None:
    (codex.home / "transcodex.config.toml").write_text(profile(proxy.port, "chat-listed"))
    chat.upstream.script(ModelResponse(Text("connected")))
    run = codex.bare("exec", "-p", "transcodex", "--skip-git-repo-check", "-C", str(codex.work), "hello")
    assert run.stdout.strip() == "connected"
    warnings = [line for line in run.stderr.splitlines() if line.startswith("warning")]
    assert [line for line in warnings if "bubblewrap" not in line] == []  # which this machine may lack
    (received,) = chat.upstream.received
    assert "apply_patch" in [tool["function"]["name"] for tool in received.body["tools"]]
    assert not (codex.home / "config.toml").exists()
