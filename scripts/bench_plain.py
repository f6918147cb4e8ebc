"""The baseline of the benchmark: mitmproxy streams the upstream's bytes and does nothing else."""

from mitmproxy import ctx, http


def load(loader: object) -> None:
    ctx.options.update(connection_strategy="lazy")


def responseheaders(flow: http.HTTPFlow) -> None:
    assert flow.response
    flow.response.stream = True
