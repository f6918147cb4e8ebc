"""The hub: OpenAI's Responses API, the protocol that Codex speaks."""
