"""A protocol of few words, for tests: a folder like those in `converters/`, and the row that it would have there."""

from converters.protocols import WireProtocol
from tests.toy import request
from tests.toy.dialect import ToyDialect
from tests.toy.rendering import RENDERING
from tests.toy.response import ToyDecoder

ROW = WireProtocol(
    path="/rooms/{model}:talk",
    dialect=ToyDialect,
    decoder=ToyDecoder,
    rendering=RENDERING,
    convert=request.convert,
    default_auth="x-api-key",
    always_versioned=True,
)
