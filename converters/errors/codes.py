"""What the field's types and codes mean: everything that a machine was meant to read.

Spelled as its first user spells it; others write RateLimitExceeded, rate_limit_exceeded or rate-limit-exceeded. Codes
that mean no more than an HTTP status (`invalid_request_error`, `api_error`) are weak: what else is known goes first.
"""

from collections.abc import Iterable

from converters.errors.fault import Kind

_KINDS: dict[Kind, tuple[str, ...]] = {
    "context_overflow": (
        *("context_length_exceeded", "context_window_exceeded", "model_context_window_exceeded", "prompt_too_long"),
        *("exceed_context_size_error", "ContextWindowExceededError", "too_many_prompt_tokens", "request_too_large"),
        *("tokens_limit_reached", "model_max_prompt_tokens_exceeded", "string_above_max_length", "input_too_long"),
        "1261",
    ),
    "quota": (
        *("insufficient_quota", "insufficient_balance", "insufficient_balance_error", "insufficient_credits"),
        *("insufficient_user_quota", "exceeded_current_quota_error", "credit_balance_exhausted", "billing_error"),
        *("billing_hard_limit_reached", "billing_not_active", "payment_required", "usage_limit_reached"),
        *("usage_limit_exceeded", "usage_not_included", "organization_spend_limit_exceeded", "Arrearage"),
        *("project_spend_limit_exceeded", "AccountOverdueError", "AccountQuotaExceeded", "SetLimitExceeded"),
        *(
            "AllocationQuota.FreeTierOnly",
            "free_tier_only",
            "credits_exhausted",
            "personal-team-blocked:spending-limit",
        ),
        *("insufficient_funds", "GoUsageLimitError", "FreeUsageLimitError", "CreditsError", "MonthlyLimitError"),
        *("1113", "1308", "1309", "1310", "30001", "status_code 1008", "status_code 2056"),
    ),
    "model_not_found": (
        *("model_not_found", "model_not_exist", "model_not_supported", "model_not_available", "model_decommissioned"),
        *("model_deprecated", "unknown_model", "invalid_model", "unsupported_model", "DeploymentNotFound"),
        *("ModelNotOpen", "InvalidEndpointOrModel", "1211", "20012"),
    ),
    "auth": (
        *("invalid_api_key", "incorrect_api_key_error", "wrong_api_key", "API_KEY_INVALID", "authentication_error"),
        *("invalid_authentication_error", "UNAUTHENTICATED"),
        *("permission_error", "permission_denied", "UnrecognizedClientException", "ExpiredTokenException"),
        *("AccessDeniedException", "InvalidSignatureException", "token_expired", "invalid_token", "auth_error"),
        *("unsupported_country_region_territory", "account_deactivated", "1000", "1001", "1002", "1003", "1004"),
        *("status_code 1004", "status_code 2049"),
    ),
    "content_policy": (
        *("content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation", "data_inspection_failed"),
        *("InputTextSensitiveContentDetected", "OutputTextSensitiveContentDetected", "SensitiveContentDetected"),
        *("moderation_blocked", "cyber_policy", "bio_policy", "misalignment_policy_violation", "content_policy_error"),
        *("1301", "status_code 1026", "status_code 1027"),
    ),
    "overloaded": (
        *("overloaded_error", "engine_overloaded_error", "engine_overloaded", "server_overloaded", "slow_down"),
        *("server_is_overloaded", "ServiceUnavailableException", "ModelNotReadyException"),
        *("service_tier_capacity_exceeded", "MODEL_CAPACITY_EXHAUSTED", "queue_exceeded", "capacity_exceeded"),
        *("insufficient_system_resource", "UNAVAILABLE", "service_unavailable", "1305", "50505"),
    ),
    "rate_limited": (
        *("rate_limit_exceeded", "rate_limit_error", "rate_limited", "RateLimitReached", "rate_limit_reached_error"),
        *("too_many_requests", "too_many_requests_error", "too_many_tokens_error", "ThrottlingException", "Throttling"),
        *("TooManyRequestsException", "RequestLimitExceeded", "limit_requests", "limit_burst_rate"),
        *("rpm_rate_limit_exceeded", "tpm_rate_limit_exceeded", "token_quota_exceeded", "request_quota_exceeded"),
        *("1302", "1303", "status_code 1002", "status_code 1039", "status_code 1041"),
    ),
    "timeout": ("DEADLINE_EXCEEDED", "timeout_error", "ModelTimeoutException", "request_timeout", "status_code 1001"),
    "bad_request": (
        *("unsupported_parameter", "unsupported_value", "unknown_parameter", "missing_required_parameter"),
        *("invalid_value", "invalid_type", "invalid_function_parameters", "invalid_json", "json_validate_failed"),
        *("tool_use_failed", "integer_above_max_value", "decimal_above_max_value", "array_above_max_length"),
        *("status_code 2013",),
    ),
}
_WEAK: dict[Kind, tuple[str, ...]] = {
    "bad_request": (
        *("invalid_request_error", "BadRequestError", "invalid_request", "INVALID_ARGUMENT", "FAILED_PRECONDITION"),
        *("not_found_error", "NOT_FOUND", "ValidationException", "invalid_request_message"),
    ),
    "rate_limited": ("RESOURCE_EXHAUSTED",),
}


def _squashed(code: str) -> str:
    return "".join(c for c in code.lower() if c.isalnum())


def _by_code(kinds: dict[Kind, tuple[str, ...]]) -> dict[str, Kind]:
    return {_squashed(code): kind for kind, codes in kinds.items() for code in codes}


_STRONG_BY_CODE, _WEAK_BY_CODE = _by_code(_KINDS), _by_code(_WEAK)


def kind_of(codes: Iterable[str]) -> Kind | None:
    """The kind that codes mean, the most specific one first. A code may begin with a family: `Throttling.RateQuota`."""
    spellings = [spelling for code in codes for spelling in (_squashed(code), _squashed(code.partition(".")[0]))]
    return next((_STRONG_BY_CODE[spelling] for spelling in spellings if spelling in _STRONG_BY_CODE), None)


def weak_kind_of(codes: Iterable[str]) -> Kind | None:
    """The kind that codes mean that leave room for something better known."""
    return next((_WEAK_BY_CODE[code] for code in map(_squashed, codes) if code in _WEAK_BY_CODE), None)
