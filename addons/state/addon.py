"""Opens the store of what outlives the program, or is shared by several proxies, and closes it."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import platformdirs
from mitmproxy import ctx, exceptions
from mitmproxy.addonmanager import Loader

from addons.routing import api_keys
from addons.runtime import startup
from addons.state import redis_client
from addons.state.redis_store import RedisStore
from addons.state.sqlite_store import SqliteStore
from addons.state.store import LateStore
from converters.jsontext import Json

logger = logging.getLogger(__name__)

NOWHERE = "none"

_LOOK_SECONDS = 0.5
"""After which it is asked what other proxies put."""

type TakeOver = Callable[[Mapping[str, Json | None]], None]
"""Gets rows by key: None where one is forgotten."""


class State:
    """`store` can be handed out from the start."""

    def __init__(self) -> None:
        self.store = LateStore()
        self._memories: dict[str, TakeOver] = {}
        self._is_running = False
        self._follower: asyncio.Task[None] | None = None

    def remember(self, table: str, take_over: TakeOver) -> None:
        """Calls it with the rows of the table once they can be read, and then with what other proxies change."""
        self._memories[table] = take_over

    @startup.one_line()
    def load(self, loader: Loader) -> None:
        loader.add_option(
            "state_dir",
            str,
            "",
            "Folder for what is remembered of providers. Default: transcodex in the platform's folder for state; `none`"
            " remembers nothing beyond the end.",
        )
        loader.add_option(
            "state_url_env",
            str,
            "",
            "Environment variable with the address of a Redis server in which several proxies share what they remember,"
            " in place of a folder: redis://host:6379/0",
        )

    @startup.one_line()
    def configure(self, updated: set[str]) -> None:
        if "state_url_env" in updated and ctx.options.state_url_env:
            _check(ctx.options.state_url_env)
        if updated & {"state_dir", "state_url_env"} and self._is_running:
            self._open()

    def running(self) -> None:
        self._is_running = True
        self._open()

    def done(self) -> None:
        """Waits until all is written, for some seconds at most."""
        self._is_running = False
        if self._follower:
            self._follower.cancel()
        self.store.close()

    def _open(self) -> None:
        if self._follower:
            self._follower.cancel()
        self.store.close()
        if url := shared_url():
            self.store.open(RedisStore(url))
            self._follower = asyncio.get_running_loop().create_task(self._follow())
        elif (folder := _folder(ctx.options.state_dir)) is not None:
            self.store.open(SqliteStore(folder))
        for table, take_over in self._memories.items():
            take_over(self.store.load(table))

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for table, take_over in self._memories.items():
                if rows := self.store.changes(table):
                    with _told_in_the_log():
                        take_over(rows)


@contextmanager
def _told_in_the_log() -> Iterator[None]:
    """What cannot be taken over must not be the last that is."""
    try:
        yield
    except Exception:
        logger.exception("state: what another proxy put cannot be used")


def shared_url() -> str:
    """Where several proxies share what they remember; "" where they do not."""
    return os.environ.get(ctx.options.state_url_env, "") if ctx.options.state_url_env else ""


def _check(variable: str) -> None:
    try:
        api_keys.variable(variable)
        if not os.environ.get(variable):
            raise ValueError(f"the variable {variable} is not set or empty")
        redis_client.check(os.environ[variable])
    except ValueError as error:
        raise exceptions.OptionsError(f"state_url_env: {error}") from None


def _folder(state_dir: str) -> Path | None:
    """None where there is to be none."""
    if state_dir == NOWHERE:
        return None
    try:
        named = Path(state_dir) if state_dir else platformdirs.user_state_path("transcodex")
        return named.expanduser().absolute()
    except RuntimeError:
        logger.warning("state: there is no home to keep it in, so what is learned lasts until the end")
        return None
