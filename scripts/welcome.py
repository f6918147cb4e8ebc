"""What scripts/run says first: how Codex is pointed at the proxy, who will answer, and where to watch.

python scripts/welcome.py mitmweb [options of mitmweb]
"""

import argparse
import os
import sys
from pathlib import Path

import codex

from addons import config, keys


def options(arguments: list[str]) -> argparse.Namespace:
    """Those of mitmproxy's options that the welcome speaks of; the rest is mitmproxy's to check."""
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


def keys_found(routes: config.Routes) -> list[str]:
    """The variables by name, never what they hold."""
    names = dict.fromkeys(name for provider in routes.providers.values() for name in provider.key_env)
    return [name for name in names if keys.read([name], os.environ)]


def credentials() -> dict[str, str]:
    """What Codex sends with each question. Only OpenAI sees it, for the models that pass through to there."""
    return {"env_key": "OPENAI_API_KEY"} if os.environ.get("OPENAI_API_KEY") else {}


def welcome(known: argparse.Namespace, routes: config.Routes) -> str:
    port, found, offers = int(known.listen_port), keys_found(routes), routes.offers(os.environ)
    # One that needs the proxy shows it best; OpenAI's own speak Responses and only pass through.
    example = next((one.slug for one in offers if one.target.upstream.protocol != "responses"), "MODEL")
    command = codex.command_line(port, example, **codex.catalog(port, **credentials()))
    lines = [
        f"Keys found: {', '.join(found) or 'none; set a variable such as DEEPSEEK_API_KEY and start again'}",
        f"Models:     {', '.join(offer.slug for offer in offers[:8]) or 'none'}{', ...' if len(offers) > 8 else ''}",
        "",
        "Start Codex in another terminal:",
        "",
        f"    {command}",
        "",
        "model_catalog_url tells Codex the models' names and sizes; it asks only where some token is set.",
    ]
    if known.program == "mitmweb":
        lines.append(f"Watch it at http://{known.web_host}:{known.web_port}, with the token that mitmweb prints now.")
    return "\n".join([*lines, ""])


def main() -> None:
    known = options(sys.argv[1:])
    named = getattr(known, "routes", "")
    try:
        print(welcome(known, config.load(Path(named).expanduser() if named else None)), flush=True)
    except (OSError, config.ConfigError) as error:
        sys.exit(f"routes: {error}")


if __name__ == "__main__":
    main()
