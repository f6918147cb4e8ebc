"""Sends a recorded request again, to a live upstream. `scripts/replay` starts it.

The proxy's own addons run without listening anywhere, and mitmproxy's client replay sends the request.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import tomlkit
from mitmproxy import http, options
from mitmproxy.tools.dump import DumpMaster

from addons import route
from addons.cases.case import Case, CaseError
from addons.exchange.flow_metadata import is_attempt
from addons.playback import client
from addons.routing import config, config_errors


class ReplayRun:
    """Sends the request once the proxy runs, and stops it when the response is complete."""

    def __init__(self, case: Case, master: DumpMaster) -> None:
        self.case, self.master = case, master
        self.request_flow = client.client_flow(case)
        self.attempt: http.HTTPFlow | None = None

    def running(self) -> None:
        # The replay addon may be started after this one.
        asyncio.get_running_loop().call_soon(self.master.commands.call, "replay.client", [self.request_flow])

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if is_attempt(flow):
            self.attempt = flow

    def response(self, flow: http.HTTPFlow) -> None:
        if flow is self.request_flow:
            self.master.shutdown()

    def error(self, flow: http.HTTPFlow) -> None:
        self.response(flow)


class UnknownProvider(ValueError):
    """The request cannot be sent where the options say; the text says why."""


def main() -> int:
    chosen = _arguments()
    try:
        case = Case.load(chosen.case)
        with tempfile.TemporaryDirectory() as folder:
            routes = chosen.routes or _write_routes(Path(folder) / "routes.toml", case, chosen)
            client.check_served(case, _load(routes, chosen))
            run = asyncio.run(_run(case, Path(folder), routes))
    except (CaseError, UnknownProvider, client.NoProvider) as error:
        print(error, file=sys.stderr)
        return 2
    if run.attempt is None or run.attempt.response is None:
        print(_reason(run.request_flow), file=sys.stderr)
        return 2
    lines = list(client.differences(case, run.request_flow, run.attempt))
    print("\n".join(lines))
    return 1 if lines[1:] else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/replay", description=__doc__)
    parser.add_argument("case", type=Path, help="a folder such as flows/chat/hello")
    parser.add_argument("--against", default="", help="a known provider's name, or a base address")
    parser.add_argument("--model", default="", help="what the model is called there, if not as it was then")
    parser.add_argument("--key-env", help="for an address: the variable with its key")
    parser.add_argument("--routes", type=Path, help="routes of one's own, instead")
    return parser.parse_args()


def _write_routes(path: Path, case: Case, chosen: argparse.Namespace) -> Path:
    """A routes file that routes every model to the chosen provider."""
    recorded = case.metadata.route
    is_address = "://" in chosen.against
    name = urlsplit(chosen.against).netloc if is_address else _provider_name(chosen.against, recorded.provider)
    document = {"routes": [{"models": ["*"], "providers": [name], "model": chosen.model or recorded.model}]}
    if is_address:
        auth = {"key_env": [chosen.key_env]} if chosen.key_env else {"auth": "none"}
        address = {"protocol": recorded.protocol, "base_url": chosen.against, "dialect": recorded.dialect}
        document["providers"] = {name: address | auth}
    path.write_text(tomlkit.dumps(document))
    return path


def _provider_name(name: str, recorded: str) -> str:
    """The provider that is named, or the recorded one."""
    providers = config.load(None).providers
    if name and name not in providers:
        raise UnknownProvider(f"--against {name}: {config_errors.unknown(name, providers)}")
    if not name and recorded not in providers:
        hint = "--against PROVIDER, --against URL or --routes FILE says who is asked"
        raise UnknownProvider(f"{recorded}, which answered then, is not known here; {hint}")
    return name or recorded


def _load(path: Path, chosen: argparse.Namespace) -> config.Router:
    try:
        return config.load(path)
    except (OSError, config.ConfigError) as error:
        option = f"--routes {path}" if chosen.routes else f"--against {chosen.against}"
        raise UnknownProvider(f"{option}: {error}") from error


async def _run(case: Case, folder: Path, routes: Path) -> ReplayRun:
    logging.disable(logging.INFO)
    # confdir: nothing of the user's mitmproxy settings, which may well listen somewhere.
    master = DumpMaster(options.Options(confdir=str(folder)), with_termlog=False, with_dumper=False)
    run = ReplayRun(case, master)
    master.options.update(server=False, listen_host="127.0.0.1")
    master.addons.add(*route.addons, run)
    master.options.update(routes=str(routes))
    await master.run()
    return run


def _reason(flow: http.HTTPFlow) -> str:
    if flow.response is not None:
        try:
            return str(flow.response.json()["error"]["message"])
        except (ValueError, KeyError):
            return f"answered {flow.response.status_code}"
    return flow.error.msg if flow.error else "nobody answered"


if __name__ == "__main__":
    sys.exit(main())
