"""One request to a Chat Completions model and one to an Anthropic model, both through the Responses API.

Started by scripts/demo. Ends with 0 only if both answered.
"""

import argparse
import re
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import codex
import codex_substitute
import demo_providers
import proxy
import real_model

CACHE = proxy.ROOT / ".cache"
MODELS = {f"demo-{protocol}": protocol for protocol in demo_providers.RESPONSES}
"""model -> the protocol of the provider that serves it"""
CONNECTIONS = re.compile(r"(?:client|server) (?:dis)?connect")


def routes(address: str) -> str:
    """The routes file: a provider for each model, all at one address."""
    return "".join(
        f'[[routes]]\nmodels = ["{model}"]\nproviders = ["{model}"]\n\n'
        f'[providers.{model}]\nprotocol = "{protocol}"\nbase_url = "{address}"\nauth = "none"\n\n'
        for model, protocol in MODELS.items()
    )


def ask(port: int, model: str, home: Path, real: bool) -> str:
    """The model's answer, printed as it comes; empty if there was none."""
    if real:
        return codex_substitute.ask(
            port, real_model.small(codex_substitute.request(model, "Tell me one thing about the sea."))
        )
    question = "Say hello from the shell."
    if codex.BINARY.exists():
        return codex.ask(port, model, question, home)
    return codex_substitute.ask(port, codex_substitute.request(model, question))


def demo(real: bool) -> bool:
    with ExitStack() as stack:
        CACHE.mkdir(exist_ok=True)
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="demo-", dir=CACHE)))
        address = stack.enter_context(real_model.serve() if real else demo_providers.serve())
        routes_file = home / "routes.toml"
        routes_file.write_text(routes(address))
        options = ["--mode", f"reverse:{address}", "--set", f"routes={routes_file}"]
        running = stack.enter_context(proxy.mitmdump(proxy.ROUTE, home, *options))
        return all([exchange(running, model, home, real) for model in MODELS])


def exchange(running: proxy.Proxy, model: str, home: Path, real: bool) -> bool:
    print(f"\n== {model}, served as {MODELS[model]}")
    seen = len(running.log.read_text())
    answer = ask(running.port, model, home, real)
    good = demo_providers.EXPECTED_TEXT in answer if not real else bool(answer)
    time.sleep(0.3)  # mitmdump writes its line after the client has its last byte
    print("   mitmdump saw:" if good else "   NO ANSWER. All that mitmdump printed:")
    for line in running.log.read_text()[seen if good else 0 :].splitlines():
        if not (good and CONNECTIONS.search(line)):
            print(f"    {line}")
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--real-model", action="store_true", help="a real, very small model instead of the scripted ones"
    )
    real = parser.parse_args().real_model
    # A terminated demo unwinds as an interrupted one does, so that it leaves no process behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    good = demo(real)
    if good:
        print("\nBoth answered. For your own Codex start scripts/run, which says how.")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
