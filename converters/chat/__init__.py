"""OpenAI Chat Completions and its many dialects."""
