"""Shows and forgets what was learned of upstreams."""

import logging
from collections.abc import Sequence

from mitmproxy import command

from addons.lessons.lessons import Lessons
from addons.runtime.printable import printable

logger = logging.getLogger(__name__)


class LessonCommands:
    def __init__(self, lessons: Lessons) -> None:
        self._lessons = lessons

    @command.command("lessons.show")
    def show(self) -> Sequence[str]:
        """What refusals taught of providers' dialects."""
        lines = [printable(line, 300) for line in self._lessons.show()] or ["nothing was learned"]
        logger.info("%s", "\n".join(lines))  # mitmweb's command bar shows no lists, its event log does
        return lines

    @command.command("lessons.clear")
    def clear(self, provider: str = "") -> Sequence[str]:
        """Forgets what was learned of a provider, by default of all."""
        lines = [f"{self._lessons.clear(provider)} lessons forgotten"]
        logger.info("%s", lines[0])
        return lines
