"""What a person asks of lessons."""

from mitmproxy.test import taddons

from addons.lessons.commands import LessonCommands
from addons.lessons.lessons import Lessons
from addons.state.store import MemoryStore
from tests.addons.lessons.test_lessons import NO_IMAGES, taught


def test_lessons_are_shown_and_cleared() -> None:
    lessons = Lessons(MemoryStore())
    with taddons.context(LessonCommands(lessons)) as context:
        assert context.master.commands.execute("lessons.show") == ["nothing was learned"]
        taught(lessons, NO_IMAGES)
        assert context.master.commands.execute("lessons.show") == [
            "acme m: images = false (images was refused), 0 h ago"
        ]
        assert context.master.commands.execute("lessons.clear other") == ["0 lessons forgotten"]
        assert context.master.commands.execute("lessons.clear acme") == ["1 lessons forgotten"]
        assert context.master.commands.execute("lessons.show") == ["nothing was learned"]
