"""A plugin of detect-secrets with the shapes of keys that it does not know: those of model providers."""

from typing import ClassVar

from detect_secrets.plugins.base import RegexBasedDetector

from addons.redaction.detectors import KEY


class ModelProviderKeyDetector(RegexBasedDetector):  # type: ignore[misc]  # it brings no types
    secret_type = "Key of a model provider"
    denylist: ClassVar = [KEY]
