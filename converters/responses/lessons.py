"""What refusals of Responses upstreams teach: a field that one does not know is left out."""

from converters.lessons import LessonRules, leave_out, rule

LESSONS = LessonRules(
    fields={"reasoning_effort": leave_out("reasoning.effort"), "verbosity": leave_out("text.verbosity")},
    rules=(
        rule(
            "this effort",
            leave_out("reasoning.effort"),
            r"reasoning[_. ]?effort\b.{0,60}(?:not support|one of|expected|must be|should be|supported [vtl])",
            r"(?:unsupported|invalid) value: ['\"`]?\w{1,10}['\"`]? is not supported.{0,60}reasoning",
            r"not support (?:reasoning|thinking)[_ ]?effort",
        ),
        rule(
            "this temperature",
            leave_out("temperature"),
            r"['\"`]temperature['\"`] does not support|invalid temperature\b",
        ),
    ),
)
