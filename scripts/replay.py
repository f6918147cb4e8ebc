"""Asks a recorded question again, of a live upstream. `scripts/replay` starts it.

The proxy's own addons run without listening anywhere, and mitmproxy's client replay asks.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
from pathlib import Path

import tomlkit
from mitmproxy import exceptions, http, options
from mitmproxy.tools.dump import DumpMaster

from addons import resend, route
from addons.case import Case, CaseError, Route
from addons.conversion import is_attempt


class Asking:
    """Asks once the proxy runs, and stops it when the answer is there."""

    def __init__(self, case: Case, master: DumpMaster) -> None:
        self.case, self.master = case, master
        self.question = resend.question(case)
        self.attempt: http.HTTPFlow | None = None

    def running(self) -> None:
        # The replay addon may be started after this one.
        asyncio.get_running_loop().call_soon(self.master.commands.call, "replay.client", [self.question])

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if is_attempt(flow):
            self.attempt = flow

    def response(self, flow: http.HTTPFlow) -> None:
        if flow is self.question:
            self.master.shutdown()

    def error(self, flow: http.HTTPFlow) -> None:
        self.response(flow)


def main() -> int:
    chosen = _arguments()
    try:
        case = Case.load(chosen.case)
    except CaseError as error:
        print(error, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        routes = chosen.routes or _routes(Path(folder), case.notes.route, chosen)
        try:
            asked = asyncio.run(_ask(case, Path(folder), routes))
        except exceptions.OptionsError as error:
            print(f"{error} (--against and --routes say who is asked)", file=sys.stderr)
            return 2
    if asked.attempt is None or asked.attempt.response is None:
        print(_reason(asked.question), file=sys.stderr)
        return 2
    lines = list(resend.differences(case, asked.question, asked.attempt))
    print("\n".join(lines))
    return 1 if lines[1:] else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/replay", description=__doc__)
    parser.add_argument("case", type=Path, help="a folder such as flows/chat/hello")
    parser.add_argument("--against", default="", help="a known provider's name, or a base address")
    parser.add_argument("--key-env", help="for an address: the variable with its key")
    parser.add_argument("--routes", type=Path, help="routes of one's own, instead")
    return parser.parse_args()


def _routes(folder: Path, recorded: Route, chosen: argparse.Namespace) -> Path:
    """A routes file that leads every model there."""
    is_address = "://" in chosen.against
    name = "against" if is_address else chosen.against or recorded.provider
    document = {"routes": [{"models": ["*"], "providers": [name], "model": recorded.model}]}
    if is_address:
        auth = {"key_env": [chosen.key_env]} if chosen.key_env else {"auth": "none"}
        address = {"protocol": recorded.protocol, "base_url": chosen.against, "dialect": recorded.dialect}
        document["providers"] = {name: address | auth}
    path = folder / "routes.toml"
    path.write_text(tomlkit.dumps(document))
    return path


async def _ask(case: Case, folder: Path, routes: Path) -> Asking:
    logging.disable(logging.INFO)
    # confdir: nothing of the user's mitmproxy settings, which may well listen somewhere.
    master = DumpMaster(options.Options(confdir=str(folder)), with_termlog=False, with_dumper=False)
    asking = Asking(case, master)
    master.options.update(server=False, listen_host="127.0.0.1")
    master.addons.add(*route.addons, asking)
    master.options.update(routes=str(routes))
    await master.run()
    return asking


def _reason(question: http.HTTPFlow) -> str:
    if question.response is not None:
        try:
            return str(question.response.json()["error"]["message"])
        except (ValueError, KeyError):
            return f"answered {question.response.status_code}"
    return question.error.msg if question.error else "nobody answered"


if __name__ == "__main__":
    sys.exit(main())
