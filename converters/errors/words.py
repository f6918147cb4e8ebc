"""The kind of an error by its words, where status and codes do not tell: narrow ones, each as some provider writes it.

All repeats are bounded, so that at each place of a text a pattern tries no more than a few ways: what is searched is
short, and the whole search is linear in it.
"""

import re

from converters.errors.fault import Kind


def _either(*ways: str) -> re.Pattern[str]:
    return re.compile("|".join(ways), re.IGNORECASE)


OVERFLOW = _either(
    r"maximum (?:context|model|prompt) length",
    r"prompt (?:is )?too long",
    r"prompt exceeds max length",
    r"input is too long",
    r"input token count",
    r"exceeds the maximum number of tokens",
    r"exceeds the available context size",
    r"exceeds? (?:the )?context (?:window|limit|size)",
    r"context window (?:exceeds|exceeded)",
    r"range of input length should be",
    r"length of all messages is too long",
    r"reduce the length of (?:the |your )?(?:messages|prompt|input)",
    r"request (?:body )?too large",
    r"exceeds the maximum (?:allowed )?(?:size|length|input length)",
    r"(?:longer|greater) than the (?:model's )?context",
    r"with context length of only",
    r"exceeded model token limit",
    r"exceed max message tokens",
    r"exceeds the limit of [0-9]{4,9}",
    r"less than max_seq_len",
    r"tokens`? \+ `?max_new_tokens",
    r"too large for model with",
    r"context_length_exceeded|context_window_exceeded|too_many_prompt_tokens|exceed_context_size|request_too_large",
)
QUOTA = _either(
    r"insufficient (?:\w{1,20}+ )?(?:balance|credits?|funds|quota)",
    r"balance is (?:insufficient|not enough|too low)",
    r"exceeded (?:your )?current quota, please check",
    r"quota is not enough",
    r"out of credits",
    r"used all available credits",
    r"credits (?:are|have been) (?:depleted|exhausted)",
    r"requires more credits",
    r"account is in good standing",  # "... please make sure that your account is"
    r"in arrears",
    r"(?:spending|spend|billing hard) limit",
    r"usage limit (?:has been )?reached",
    r"reached (?:its|your|the) (?:\w{1,20}+ ){0,3}(?:usage|inference) limit",
    r"budget has been exceeded",
    r"余额不足|欠费",
)
_NAME = r"['\"`]?+[\w./:@+-]{1,100}+['\"`]?+"
MODEL = _either(
    rf"models?[:=/]? ?(?:{_NAME}:? )?(?:is |was |has been )?(?:not found|not supported|decommissioned|deprecated)",
    rf"models?[:=/]? ?(?:{_NAME}:? )?(?:does not exist|not exist\b|is not available)",
    rf"{_NAME} model is not (?:supported|available|found)",
    r"no endpoints found for ",
    r"not found the model",
    r"(?:unknown|no such) model",
    r"invalid model(?: name| id|:| '| \")",
    r"not a valid model",
    r"^model: \S{1,100}$",
    r"model identifier is invalid|from the provided model identifier",
    r"no models loaded",
)
AUTH = _either(
    r"(?:invalid|incorrect|wrong|expired) (?:api|access)[ _-]?(?:key|token)",
    r"api[ _-]?key (?:not valid|expired|not found)",
    r"invalid x-api-key",
    r"unauthori[sz]ed",
)
POLICY = _either(
    r"content[ _](?:filter|policy|management policy)",
    r"usage (?:policy|policies|guidelines)",
    r"flagged (?:as|for|by|due)",
    r"high[ -]risk|exists risk",
    r"sensitive (?:content|information|words?)|new_sensitive|敏感",
    r"safety (?:system|filter|check)",
    r"inappropriate content",
)
RATE = _either(r"rate[ _-]?limit", r"too many requests", r"resource[ _]exhausted", r"throttl")
BUSY = _either(r"overloaded", r"at capacity", r"no capacity", r"temporarily unavailable", r"high demand")

THINKING = _either(
    r"invalid_encrypted_content",
    r"encrypted content.{0,80}(?:could not|cannot|failed)",
    r"invalid.{0,20}signature",
    r"signature.{0,20}(?:invalid|required)",
    r"thinking`? or `?redacted_thinking`? blocks",
    r"item with id '?rs_",
)
"""Earlier thinking, which went back to an upstream, is not its own."""

PREVIOUS_RESPONSE = _either(
    r"previous_response_not_found",
    r"previous response (?:with id )?.{0,100}not found",
)
"""The upstream does not know, or no longer, the response that a request follows."""

_ALL, _FAILED = range(400, 600), range(500, 600)
_WITH_STATUS: tuple[tuple[re.Pattern[str], Kind, range], ...] = (
    (QUOTA, "quota", _ALL),
    (MODEL, "model_not_found", range(400, 429)),
    (POLICY, "content_policy", range(400, 404)),
    (POLICY, "content_policy", range(422, 423)),
    (AUTH, "auth", range(400, 401)),
    (BUSY, "overloaded", _FAILED),
)
_WITHOUT_STATUS: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (QUOTA, "quota"),
    (AUTH, "auth"),
    (RATE, "rate_limited"),
    (BUSY, "overloaded"),
    (MODEL, "model_not_found"),
    (POLICY, "content_policy"),
)


def kind_beside(status: int, message: str) -> Kind | None:
    """What words add to a status of the 4xx and 5xx, an overflow aside."""
    return next((kind for words, kind, when in _WITH_STATUS if status in when and words.search(message)), None)


def kind_alone(message: str) -> Kind | None:
    """The kind by words where there is no status, an overflow aside."""
    return next((kind for words, kind in _WITHOUT_STATUS if words.search(message)), None)
