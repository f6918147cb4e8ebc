"""The routes in force: read from the file that the `routes` option names, and anew when that file changes.

A good edit applies to the next request; a bad one is reported once, and the last good routes stay.
"""

import logging
import os
from contextlib import suppress
from pathlib import Path

from addons.credentials import header_secrets
from addons.routing import api_keys, config

logger = logging.getLogger(__name__)

type _Stamp = tuple[int, int, int] | None


class RoutesFile:
    """Holds `current`, never None: with no file, the shipped providers."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self.current = config.load(None)
        self._seen: _Stamp = None

    def open(self, path: Path | None) -> None:
        """Reads the file, which from now on is watched.

        Raises:
            config.ConfigError: what is wrong with it, and where.
        """
        stamp = _stamp(path)
        self.current = config.load(path)
        self.path, self._seen = path, stamp

    def keys(self) -> tuple[str, ...]:
        """All credentials that the routes may use at the moment."""
        names = {name for provider in self.current.providers.values() for name in provider.key_env}
        found: list[str] = []
        environ = dict(os.environ)  # which decodes a name each time it is asked
        for name in sorted(names):
            with suppress(api_keys.KeyProblem):  # a key that cannot be read is not used either
                found += api_keys.read([name], environ)
        headers = [one for provider in self.current.providers.values() for one in provider.headers.items()]
        return (*found, *(value for name, value in headers if not header_secrets.is_harmless(name)))

    def refresh(self) -> None:
        """Reads the file again if it changed since it was last looked at."""
        stamp = _stamp(self.path)
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self.current = config.load(self.path)
        except (OSError, config.ConfigError) as error:
            logger.error("routes: %s; the last good routes stay in force", error)
        except Exception as error:  # whatever it is that somebody saves: the proxy goes on with what was good
            logger.error("routes: %s; the last good routes stay in force", type(error).__name__)
        else:
            logger.info("routes: %s was read anew", self.path)


def _stamp(path: Path | None) -> _Stamp:
    """What changes when somebody saves the file, also by putting another one in its place."""
    try:
        stat = path.stat() if path else None
    except OSError:
        return None
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino) if stat else None
