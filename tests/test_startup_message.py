"""What scripts/run prints first."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCAL = """
[[routes]]
models = ["mine-*"]
providers = ["workshop"]

[providers.workshop]
protocol = "chat"
base_url = "http://127.0.0.1:9"
auth = "none"
"""


def printed(*options: str, **keys: str) -> str:
    command = [
        sys.executable,
        str(ROOT / "scripts" / "startup_message.py"),
        "mitmweb",
        "--listen-port",
        "8390",
        *options,
    ]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **keys}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def profile(text: str) -> dict[str, object]:
    """The profile that it tells to save."""
    lines = re.search(
        r"^    model = .*?^    \w*token = [^\n]*$|^    model = .*?^    env_key = [^\n]*$", text, re.S | re.M
    )
    assert lines
    return tomllib.loads(re.sub(r"^ {4}", "", lines[0], flags=re.MULTILINE))


def test_the_profile_is_the_one_in_the_readme() -> None:
    (block,) = re.findall(r"^```toml\n(model = .*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    text = printed(DEEPSEEK_API_KEY="k")
    assert profile(text) == tomllib.loads(block)
    assert "saved as ~/.codex/transcodex.config.toml" in text
    assert re.search(r"^Then, in another terminal:  codex -p transcodex$", text, re.MULTILINE)


def test_the_keys_are_named_and_never_shown() -> None:
    text = printed(DEEPSEEK_API_KEY="hidden")
    assert "Keys found: DEEPSEEK_API_KEY\nModels:     deepseek-v4-pro, " in text
    assert "hidden" not in text


def test_without_a_key_the_providers_are_listed_with_their_variables() -> None:
    text = printed()
    assert re.search(r"^    gemini +GEMINI_API_KEY or GOOGLE_API_KEY or ", text, re.MULTILINE)
    assert "ask for ollama/MODEL; llama.cpp, " in text


def test_where_no_key_is_needed_none_is_missed(tmp_path: Path) -> None:
    (tmp_path / "routes.toml").write_text(LOCAL)
    text = printed("--set", f"routes={tmp_path / 'routes.toml'}")
    assert "No key" not in text


@pytest.mark.parametrize(
    ("options", "keys", "variable"),
    [
        (("--set", "client_token_env=PROXY_TOKEN"), {"PROXY_TOKEN": "t", "OPENAI_API_KEY": "k"}, "PROXY_TOKEN"),
        ((), {"OPENAI_API_KEY": "k"}, "OPENAI_API_KEY"),
    ],
)
def test_codex_sends_the_token_that_the_proxy_wants(
    options: tuple[str, ...], keys: dict[str, str], variable: str
) -> None:
    providers = profile(printed(*options, **keys))["model_providers"]
    assert isinstance(providers, dict)
    assert providers["transcodex"]["env_key"] == variable
    assert "experimental_bearer_token" not in providers["transcodex"]
