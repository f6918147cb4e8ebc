"""Real Codex -> real mitmdump with addons/route.py -> strict scripted upstreams, all on 127.0.0.1."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from converters.protocols import converted
from tests.e2e import proxy as mitmdump
from tests.e2e.codex import Codex, find_binary, scratch_folder
from tests.e2e.proxy import Proxy
from tests.e2e.scripted_upstream import ScriptedUpstream, UpstreamKind

KEYS: dict[UpstreamKind, str] = {
    "chat": "secret-chat-key-5551",
    "openai": "secret-openai-key-5552",
    "anthropic": "secret-anthropic-key-5553",
    "responses": "never-read",
}
ROUTES = """\
[[routes]]
models = ["chat*", "codex-auto-review"]
providers = ["strict-chat"]

[[routes]]
models = ["openai*"]
providers = ["strict-openai"]

[[routes]]
models = ["anthropic*"]
providers = ["strict-anthropic"]

[[routes]]
models = ["dead*"]
providers = ["dead"]

[providers.strict-chat]
protocol = "chat"
base_url = "{chat}"
key_env = ["CHAT_KEY"]
dialect = {{ reasoning_back = "exact", effort = "thinking", tool_choice = "auto", response_format = "json_object" }}
models = {{ "chat-listed" = {{ context = 200_000, images = true }} }}

[providers.strict-openai]
protocol = "chat"
base_url = "{openai}"
key_env = ["OPENAI_KEY"]
dialect = {{ effort = "reasoning_effort", efforts = ["low", "medium", "high"], parallel_tool_calls = true }}

[providers.strict-anthropic]
protocol = "anthropic"
base_url = "{anthropic}"
key_env = ["ANTHROPIC_KEY"]
dialect = {{ thinking = "budget", output_format = true }}
models = {{ "anthropic-listed" = {{ context = 200_000, images = true }} }}

[[routes]]
models = ["keyless*"]
providers = ["keyless"]

[[routes]]
models = ["impatient-chat"]
providers = ["impatient-chat"]

[[routes]]
models = ["impatient-anthropic"]
providers = ["impatient-anthropic"]

[providers.impatient-chat]
protocol = "chat"
base_url = "{chat}"
key_env = ["CHAT_KEY"]
first_byte = 3
idle = 1

[providers.impatient-anthropic]
protocol = "anthropic"
base_url = "{anthropic}"
key_env = ["ANTHROPIC_KEY"]
first_byte = 3
idle = 1

[providers.keyless]
protocol = "chat"
base_url = "{chat}"
key_env = ["NO_SUCH_KEY"]

[providers.dead]
protocol = "chat"
base_url = "http://127.0.0.1:{dead}/v1"
key_env = ["CHAT_KEY"]
"""


@dataclass(frozen=True)
class Endpoint:
    """An upstream behind the proxy, and the model that is routed to it."""

    name: UpstreamKind
    upstream: ScriptedUpstream

    @property
    def model(self) -> str:
        return f"{self.name}-tiny"

    def like(self, slug: str) -> str:
        """A model that is routed here and that Codex takes for `slug`: it ignores one prefix."""
        return f"{self.name}/{slug}"


@pytest.fixture(scope="session")
def upstreams() -> Iterator[dict[UpstreamKind, ScriptedUpstream]]:
    made = {kind: ScriptedUpstream(kind, key) for kind, key in KEYS.items()}
    with made["chat"].serving(), made["openai"].serving(), made["anthropic"].serving(), made["responses"].serving():
        yield made


@pytest.fixture(scope="session")
def proxy(upstreams: dict[UpstreamKind, ScriptedUpstream], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    addresses = {kind: upstream.base_url for kind, upstream in upstreams.items()}
    routes = ROUTES.format(**addresses, dead=mitmdump.free_port())
    keys = {f"{kind.upper()}_KEY": key for kind, key in KEYS.items()}
    target = f"http://127.0.0.1:{upstreams['responses'].port}"
    with mitmdump.running(tmp_path_factory.mktemp("proxy"), routes, target, keys) as running:
        yield running


@pytest.fixture(autouse=True)
def clean(upstreams: dict[UpstreamKind, ScriptedUpstream]) -> Iterator[None]:
    """Every test starts with silent upstreams, and fails if one refused a request or has responses left."""
    for upstream in upstreams.values():
        upstream.reset()
    yield
    for upstream in upstreams.values():
        assert not upstream.refusals, f"{upstream.kind} refused: {upstream.refusals}"
        assert not upstream.unused, f"{upstream.kind} was never sent a request for {upstream.unused}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails shows what Codex printed, and the end of the proxy's log."""
    report = yield
    if report.failed:
        codex, proxy = item.funcargs.get("codex"), item.funcargs.get("proxy")
        for run in codex.runs if isinstance(codex, Codex) else []:
            report.sections.append(("Codex", f"{run.code}\n{run.stdout}\n{run.stderr}"))
        if isinstance(proxy, Proxy):
            report.sections.append(("mitmdump", proxy.log.read_text(errors="replace")[-6000:]))
    return report


@pytest.fixture(params=converted())
def endpoint(request: pytest.FixtureRequest, upstreams: dict[UpstreamKind, ScriptedUpstream]) -> Endpoint:
    kind: UpstreamKind = request.param
    return Endpoint(kind, upstreams[kind])


@pytest.fixture
def chat(upstreams: dict[UpstreamKind, ScriptedUpstream]) -> Endpoint:
    return Endpoint("chat", upstreams["chat"])


@pytest.fixture
def openai_chat(upstreams: dict[UpstreamKind, ScriptedUpstream]) -> Endpoint:
    return Endpoint("openai", upstreams["openai"])


@pytest.fixture
def anthropic(upstreams: dict[UpstreamKind, ScriptedUpstream]) -> Endpoint:
    return Endpoint("anthropic", upstreams["anthropic"])


@pytest.fixture(scope="session")
def codex_binary() -> Path:
    return find_binary()


@pytest.fixture
def scratch() -> Iterator[Path]:
    with scratch_folder() as folder:
        yield folder


@pytest.fixture
def codex(codex_binary: Path, scratch: Path, proxy: Proxy) -> Codex:
    return Codex.of_new_user(codex_binary, scratch, proxy.base_url)
