"""Opens the store of what outlives the program, and closes it."""

import logging
from pathlib import Path

import platformdirs
from mitmproxy import ctx
from mitmproxy.addonmanager import Loader

from addons.runtime import startup
from addons.state.sqlite_store import SqliteStore
from addons.state.store import LateStore

logger = logging.getLogger(__name__)

NOWHERE = "none"


class State:
    """`store` can be handed out from the start. Whoever remembers something loads it in its own hook `running`, for
    which it comes after this addon."""

    def __init__(self) -> None:
        self.store = LateStore()
        self._is_running = False

    @startup.one_line()
    def load(self, loader: Loader) -> None:
        loader.add_option(
            "state_dir",
            str,
            "",
            "Folder for what is remembered of providers. Default: transcodex in the platform's folder for state; `none`"
            " remembers nothing beyond the end.",
        )

    @startup.one_line()
    def configure(self, updated: set[str]) -> None:
        if "state_dir" in updated and self._is_running:
            self._open()

    def running(self) -> None:
        self._is_running = True
        self._open()

    def done(self) -> None:
        """Waits until all is written, for some seconds at most."""
        self._is_running = False
        self.store.close()

    def _open(self) -> None:
        self.store.close()
        if (folder := _folder(ctx.options.state_dir)) is not None:
            self.store.open(SqliteStore(folder))


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
