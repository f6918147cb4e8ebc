"""Loads the file that the `routes` option names, and loads it again when it changes.

A valid edit applies to the next request; an invalid one is reported once, and the last good routes stay in force.
"""

import logging
import os
from contextlib import suppress
from pathlib import Path

from addons.credentials import header_secrets
from addons.routing import api_keys, config

logger = logging.getLogger(__name__)

type _FileVersion = tuple[int, int, int] | None


class ConfigWatcher:
    """`current` is the router in force; without a file, that of the shipped providers."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self.current = config.load(None)
        self._loaded_version: _FileVersion = None

    def open(self, path: Path | None) -> None:
        """Loads the file and watches it from now on.

        Raises:
            config.ConfigError: the file is not valid.
            OSError: it cannot be read.
        """
        version = _version_of(path)
        self.current = config.load(path)
        self.path, self._loaded_version = path, version

    def keys(self) -> tuple[str, ...]:
        """All credentials that the providers have now: API keys, and values of headers that may be secret."""
        names = {name for provider in self.current.providers.values() for name in provider.variables}
        keys: list[str] = []
        environ = dict(os.environ)  # a copy, since os.environ decodes at each access
        for name in sorted(names):
            with suppress(api_keys.KeyProblem):  # a key that cannot be read is not in use
                keys += (found.key for found in api_keys.find([name], environ))
        headers = [header for provider in self.current.providers.values() for header in provider.headers.items()]
        return (*keys, *(value for name, value in headers if not header_secrets.is_harmless(name)))

    def refresh(self) -> None:
        """Loads the file again if it changed. Raises nothing."""
        version = _version_of(self.path)
        if version == self._loaded_version:
            return
        self._loaded_version = version
        try:
            self.current = config.load(self.path)
        except (OSError, config.ConfigError) as error:
            logger.error("routes: %s; the last good routes stay in force", error)
        except Exception as error:  # no saved file may stop the proxy
            logger.error("routes: %s; the last good routes stay in force", type(error).__name__)
        else:
            logger.info("routes: %s was loaded again", self.path)


def _version_of(path: Path | None) -> _FileVersion:
    """Differs once the file is saved, in place or by replacing it; None where there is no file."""
    try:
        stat = path.stat() if path else None
    except OSError:
        return None
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino) if stat else None
