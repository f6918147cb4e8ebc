"""Rows that several proxies share in Redis (or Valkey). A thread of its own talks to it: the event loop never waits.

All rows are fields of one hash. A stream beside it says what changed, so that each proxy knows within a second what
another one put. Redis puts all changes into one order, and the last one of a row is what counts for all.

Where Redis is away, this is said once; memory alone remembers, and Redis gets what it lacks when it is there again.
"""

import logging
import secrets
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from addons.runtime.printable import printable
from addons.state import redis_client
from addons.state.redis_client import Client
from converters import jsontext
from converters.jsontext import Json

logger = logging.getLogger(__name__)

HASH = "transcodex:rows"
CHANGES = "transcodex:changes"

_FORM = b""
"""The field of the hash that says which rows these are; it is another one where Redis has lost what it held."""

_OPEN_SECONDS = 1.5
"""That the start waits for the rows at most."""

_ANSWER_SECONDS = 2.0
_LISTEN_SECONDS = 0.2
"""After which what was put meanwhile is sent."""

_RETRY_SECONDS = (0.5, 30.0)
_CLOSE_SECONDS = 3.0

_MOST_ROWS = 10_000
_LARGEST_ROW = 64 << 10
_LONGEST_KEY = 1000
_CHANGES_KEPT = 10_000
"""Rows, bytes, bytes, entries of the stream."""

type _Values = dict[bytes, bytes | None]
"""Rows as they stand in Redis, by table and key; None for one that is forgotten."""


class RowName(NamedTuple):
    table: str
    key: str

    def field(self) -> bytes:
        return jsontext.dumps([self.table, self.key])


class RedisStore:
    """A `StateStore` that also tells what others changed."""

    def __init__(self, url: str) -> None:
        """Raises ValueError, which does not hold the address: it is none, or the package redis is missing."""
        self._client = redis_client.blocking(url, _ANSWER_SECONDS)
        self._sender = secrets.token_hex(8).encode()
        self._form: bytes | None = None
        self._values: dict[bytes, bytes] = {}
        self._unsent: _Values = {}
        self._changed: dict[str, dict[str, Json | None]] = {}
        self._lock = threading.Lock()
        """Guards the three above."""

        self._awaited: Counter[bytes] = Counter()
        """What was sent and is not in the stream yet: it comes after whatever others did that comes before it."""

        self._was_opened = threading.Event()
        """Or could not be."""

        self._closing = threading.Event()
        self._is_away = False
        self._thread = threading.Thread(target=self._run, name="shared state", daemon=True)
        self._thread.start()

    def load(self, table: str) -> dict[str, Json]:
        self._was_opened.wait(_OPEN_SECONDS)
        with self._lock:
            self._changed.pop(table, None)
            values = list(self._values.items())
        found = ((_name(field), _row(value)) for field, value in values)
        return {name.key: row for name, row in found if name and row is not None and name.table == table}

    def changes(self, table: str) -> Mapping[str, Json | None]:
        """What others put, or forgot, since the last call."""
        with self._lock:
            return self._changed.pop(table, {})

    def put(self, table: str, key: str, value: Json | None) -> None:
        field = RowName(table, key).field()
        sent = None if value is None else jsontext.dumps(value)
        if len(field) > _LONGEST_KEY or len(sent or b"") > _LARGEST_ROW:
            return
        with self._lock:
            if field in self._values or len(self._values) < _MOST_ROWS:
                self._unsent[field] = sent
                _set(self._values, field, sent)
                self._changed.get(table, {}).pop(key, None)

    def close(self) -> None:
        self._closing.set()
        self._thread.join(_CLOSE_SECONDS)

    # --- in the thread ---

    def _run(self) -> None:
        pause = _RETRY_SECONDS[0]
        while not self._closing.is_set():
            try:
                with self._client.client() as connection:  # a new one is never taken in silence
                    last = self._synchronize(connection)
                    self._tell(None)
                    self._was_opened.set()
                    pause = _RETRY_SECONDS[0]
                    while not self._closing.is_set():
                        self._send()
                        last = self._listen(connection, last)
                    self._send()
            except Exception as error:  # the thread must live; what it talks to may say anything
                self._tell(error)
            self._was_opened.set()
            self._closing.wait(pause)
            pause = min(_RETRY_SECONDS[1], pause * 2)
        with suppress(Exception):
            self._client.close()

    def _synchronize(self, connection: Client) -> bytes:
        """Takes over what Redis holds, and returns the place in the stream after which changes are missing."""
        latest = connection.xrevrange(CHANGES, count=1)
        connection.hsetnx(HASH, _FORM, secrets.token_hex(8))
        held = dict(islice(connection.hscan_iter(HASH, count=1000), _MOST_ROWS + 1))
        form = held.pop(_FORM, None)
        with self._lock:
            self._awaited.clear()
            if self._form not in (None, form):  # it has lost what it held
                lost = {field: self._values[field] for field in self._values.keys() - held.keys()}
                self._unsent = {**lost, **self._unsent}
            if len(held) < _MOST_ROWS:  # else there may be more that was not read
                for field in self._values.keys() - held.keys():
                    self._take(field, None)
            for field, value in held.items():
                if self._values.get(field) != value:
                    self._take(field, value)
            self._form = form
        return latest[0][0] if latest else b"0-0"

    def _send(self) -> None:
        with self._lock:
            batch, self._unsent = self._unsent, {}
        if not batch:
            return
        kept = {field: value for field, value in batch.items() if value is not None}
        gone = [field for field, value in batch.items() if value is None]
        try:
            with self._client.pipeline(transaction=True) as pipeline:
                if kept:
                    pipeline.hset(HASH, mapping=kept)
                if gone:
                    pipeline.hdel(HASH, *gone)
                entry = {b"": self._sender, **{field: value or b"" for field, value in batch.items()}}
                pipeline.xadd(CHANGES, entry, maxlen=_CHANGES_KEPT, approximate=True)
                pipeline.execute()
        except BaseException:
            with self._lock:
                self._unsent = batch | self._unsent
            raise
        self._awaited.update(batch.keys())

    def _listen(self, connection: Client, last: bytes) -> bytes:
        """Takes what comes within a moment; returns the place of the last of it."""
        block = round(_LISTEN_SECONDS * 1000)
        for _, entries in connection.xread({CHANGES: last}, count=100, block=block) or ():
            for place, entry in entries:
                last = place
                if entry.pop(b"", None) == self._sender:
                    self._awaited -= Counter(entry.keys())
                    continue
                with self._lock:
                    for field, value in entry.items():
                        if not self._awaited[field]:
                            self._take(field, value or None)
        return last

    def _take(self, field: bytes, value: bytes | None) -> None:
        """What another proxy, or a stranger, has put. Ours comes later than that where it is not sent yet."""
        name = _name(field)
        if name is None or field in self._unsent:
            return
        row = None if value is None else _row(value)
        if value is not None and (row is None or (field not in self._values and len(self._values) >= _MOST_ROWS)):
            return
        _set(self._values, field, value)
        self._changed.setdefault(name.table, {})[name.key] = row

    def _tell(self, error: Exception | None) -> None:
        """Once when it goes, and once when it is there again."""
        if error is not None and not self._is_away:
            why = f"{type(error).__name__}: {printable(str(error), 200)}"
            logger.warning("state: Redis cannot be used, so what is learned is not shared: %s", why)
        elif error is None and self._is_away:
            logger.warning("state: Redis can be used again")
        self._is_away = error is not None


def _set(values: dict[bytes, bytes], field: bytes, value: bytes | None) -> None:
    if value is None:
        values.pop(field, None)
    else:
        values[field] = value


def _name(field: bytes) -> RowName | None:
    if len(field) > _LONGEST_KEY:
        return None
    try:
        match jsontext.loads(field):
            case [str(table), str(key)]:
                return RowName(table, key)
    except ValueError:
        pass
    return None


def _row(value: bytes) -> Json | None:
    """None where it is none of ours."""
    if len(value) > _LARGEST_ROW:
        return None
    try:
        row = jsontext.loads(value)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None
