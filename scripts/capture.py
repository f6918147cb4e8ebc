"""Makes cases of the exchanges in a flow file. Started by scripts/capture; ends with 1 if one could not be written."""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from mitmproxy import exceptions, flowfilter, io
from mitmproxy.flow import Flow

from addons.exchange.flow_metadata import EXCHANGE
from addons.recording import capture, recorder
from addons.recording.recorder import NoCase, RecordedExchange
from addons.recording.save_process import SaveRequest, save
from converters.protocols import RESPONSES

FLOWS = Path(__file__).parents[1] / "flows"


def flows(path: Path) -> Iterator[Flow]:
    with path.open("rb") as file:
        yield from io.FlowReader(file).stream()


def exchanges(path: Path, wanted: flowfilter.TFilter) -> list[RecordedExchange | NoCase]:
    """Those with a side that the filter matches. The file is read twice: only these are held in memory."""
    chosen = [flow for flow in flows(path) if flowfilter.match(wanted, flow)]
    ids = {flow.metadata.get(EXCHANGE, flow.id) for flow in chosen}
    known = [flow for flow in flows(path) if flow.metadata.get(EXCHANGE, flow.id) in ids]
    return list(recorder.exchanges(chosen, known))


def default_name(path: Path, found: list[RecordedExchange | NoCase]) -> str:
    protocol = next(
        (recorder.protocol_of(exchange) for exchange in found if isinstance(exchange, RecordedExchange)), RESPONSES
    )
    return f"{protocol}/{re.sub(r'[^a-z0-9]+', '-', path.stem.lower()).strip('-') or 'captured'}"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/capture", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("filter", nargs="?", default='~meta "side: client"')
    parser.add_argument("--name", help="PROTOCOL/BEHAVIOUR, with ! to replace; default: after the file")
    parser.add_argument("--pins", required=True, help="what would be wrong if the case failed, in one sentence")
    parser.add_argument(
        "--wrong", action="store_true", help="it was converted wrongly: the case fails until it is mended"
    )
    parser.add_argument(
        "--redact", action="append", default=[], help="what else is secret, or @FILE with a value a line"
    )
    parser.add_argument("--into", type=Path, default=FLOWS)
    return parser.parse_args()


def main() -> None:
    given = arguments()
    try:
        found = exchanges(given.file, flowfilter.parse(given.filter))
        private = capture.private_values((), capture.expand_values(given.redact))
        name = given.name or default_name(given.file, found)
        results = list(save(SaveRequest(found, given.into, name, given.pins, private, given.wrong)))
    except (OSError, ValueError, exceptions.FlowReadException, exceptions.CommandError) as error:
        sys.exit(f"{given.file}: {error}")
    print("\n".join(results))
    sys.exit(any(": not written: " in line for line in results))


if __name__ == "__main__":
    main()
