"""Looks for secrets in what goes into the repository, with detect-secrets; ends with 1 if there are any.

Recorded exchanges are left to tests/test_flows.py, by the very rule that capture writes them by. Each line is looked at
once; one that only looks like a secret says `pragma: allowlist secret`.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from detect_secrets.core.scan import scan_line
from detect_secrets.settings import transient_settings

ROOT = Path(__file__).parents[1]
TOP = ("README.md", "pyproject.toml", "addons", "converters", "scripts", "tests")

PLUGINS = (
    *("AWSKeyDetector", "AzureStorageKeyDetector", "BasicAuthDetector", "DiscordBotTokenDetector"),
    *("GitHubTokenDetector", "GitLabTokenDetector", "JwtTokenDetector", "NpmDetector", "OpenAIDetector"),
    *("PrivateKeyDetector", "PypiTokenDetector", "SendGridDetector", "SlackDetector", "StripeDetector"),
    *("TelegramBotTokenDetector", "TwilioKeyDetector"),
)
"""Those that go by a shape. Ids and hashes make those that go by entropy useless here."""

OWN = Path(__file__).with_name("key_shapes.py")
SETTINGS = {
    "plugins_used": [
        *({"name": name} for name in PLUGINS),
        {"name": "ModelProviderKeyDetector", "path": OWN.as_uri()},
    ],
    "filters_used": [
        {"path": "detect_secrets.filters.allowlist.is_line_allowlisted"},
        {"path": "detect_secrets.filters.heuristic.is_templated_secret"},
    ],
}


def files() -> Iterator[Path]:
    for top in TOP:
        path = ROOT / top
        yield from [path] if path.is_file() else (file for file in sorted(path.rglob("*")) if file.is_file())


def lines() -> dict[str, str]:
    """Each line -> where it stands first."""
    found: dict[str, str] = {}
    for path in files():
        if path.suffix not in (".pyc", ".png"):
            text = path.read_text(encoding="utf-8", errors="replace")
            for number, line in enumerate(text.splitlines(), 1):
                found.setdefault(line, f"{path.relative_to(ROOT)}:{number}")
    return found


def main() -> None:
    sys.path.insert(0, str(ROOT))  # for key_shapes.py, which detect-secrets loads
    with transient_settings(SETTINGS):
        found = [f"{where}: {secret.type}" for line, where in lines().items() for secret in scan_line(line)]
    print("\n".join(sorted(found)) or "no secrets")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
