"""What scripts/run prints first: how Codex is pointed at the proxy, which models are usable, and where to watch.

python scripts/startup_message.py mitmweb [options of mitmweb]
"""

import argparse
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import codex

from addons.routing import api_keys, config

_EVERYWHERE = {"": "0.0.0.0", "*": "0.0.0.0"}


def options(arguments: list[str]) -> argparse.Namespace:
    """Those of mitmproxy's options that the message needs; mitmproxy checks the rest."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("program")
    parser.add_argument("--listen-port", "-p", default="8080")
    parser.add_argument("--web-host", default="127.0.0.1")
    parser.add_argument("--web-port", default="8081")
    parser.add_argument("--set", dest="settings", action="append", default=[])
    known, _ = parser.parse_known_args(arguments)
    for setting in known.settings:
        name, _, value = setting.partition("=")
        setattr(known, name, value)
    return known


def keys_found(router: config.Router) -> list[str]:
    """The variables by name, never what they hold."""
    names = dict.fromkeys(name for provider in router.providers.values() for name in provider.variables)
    return [name for name in names if api_keys.find([name], os.environ)]


def port_problems(known: argparse.Namespace) -> Iterator[str]:
    """Ports in use: mitmproxy reports the first with advice for another mode, and the other in a traceback."""
    ports = {"--listen-port": ("127.0.0.1", known.listen_port)}
    if known.program == "mitmweb":
        ports["--web-port"] = (known.web_host, known.web_port)
    for option, (host, port) in ports.items():
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_EVERYWHERE.get(host, host), int(port)))
            except (OSError, OverflowError) as error:
                yield f"{host}:{port} cannot be listened on ({error}); {option} chooses another port"


def token_setting(known: argparse.Namespace) -> dict[str, str]:
    """What Codex sends with each request: the proxy's own token where it wants one, or else OpenAI's key.

    Only OpenAI sees that, for the models that are forwarded to there.
    """
    variable = getattr(known, "client_token_env", "") or ("OPENAI_API_KEY" if os.environ.get("OPENAI_API_KEY") else "")
    return {"env_key": variable} if variable else {}


def _usable_models(router: config.Router) -> list[str]:
    found, listed_models = keys_found(router), router.listed_models(os.environ)
    slugs = ", ".join(listed_model.slug for listed_model in listed_models[:8]) + (
        ", ..." if len(listed_models) > 8 else ""
    )
    if found or listed_models or (router.routes and router.usable_providers(os.environ)):
        return [
            f"Keys found: {', '.join(found) or 'none, and none is needed'}",
            f"Models:     {slugs or 'those of your routes, by any name that they match'}",
        ]
    if router.routes:
        return ["No key that your routes need is set; routes.show tells which."]
    width = max(map(len, router.providers))
    lacking = [(name, provider.variables) for name, provider in router.providers.items() if provider.variables]
    rows = [f"    {name:{width}}  {' or '.join(variables)}" for name, variables in lacking]
    local = [name for name, provider in router.providers.items() if not provider.variables]
    return [
        "No key is set. Set one of these variables and start again:",
        "",
        *rows,
        "",
        f"Servers on this machine need none: ask for {local[0]}/MODEL; {', '.join(local[1:])} are known as well.",
    ]


def startup_message(known: argparse.Namespace, router: config.Router) -> str:
    port, listed_models = int(known.listen_port), router.listed_models(os.environ)
    # One that needs the proxy shows it best; OpenAI's own speak Responses and are only forwarded.
    example = next(
        (listed_model.slug for listed_model in listed_models if listed_model.endpoint.upstream.protocol != "responses"),
        "MODEL",
    )
    lines = [
        *_usable_models(router),
        "",
        f"Codex uses the proxy with this profile, saved as ~/.codex/{codex.PROFILE}.config.toml:",
        "",
        *(f"    {line}" if line else "" for line in codex.profile(port, example, **token_setting(known)).splitlines()),
        "",
        f"Then, in another terminal:  codex -p {codex.PROFILE}",
        "",
    ]
    if known.program == "mitmweb":
        lines.append(f"Watch it at http://{known.web_host}:{known.web_port}, with the token that mitmweb prints now.")
    return "\n".join([*lines, ""])


def show(known: argparse.Namespace) -> None:
    """Raises SystemExit: the proxy could not start so."""
    named = getattr(known, "routes", "")
    try:
        message = startup_message(known, config.load(Path(named).expanduser() if named else None))
    except api_keys.KeyProblem as error:
        sys.exit(str(error))
    except (OSError, config.ConfigError) as error:
        sys.exit(f"routes: {error}")
    if problem := next(port_problems(known), None):
        sys.exit(problem)
    print(message, flush=True)


if __name__ == "__main__":
    show(options(sys.argv[1:]))
