"""Clients for Redis (or Valkey) that try nothing twice: whoever uses one knows what to do without.

The package `redis` is imported where it is needed: a single proxy needs none.
"""

from typing import Any

type Client = Any
"""redis.Redis, or that of redis.asyncio."""


def blocking(url: str, answer_seconds: float) -> Client:
    """Raises ValueError, as `check`."""
    return _client(url, answer_seconds, is_async=False)


def for_event_loop(url: str, answer_seconds: float) -> Client:
    """Raises ValueError, as `check`."""
    return _client(url, answer_seconds, is_async=True)


def check(url: str) -> None:
    """Whether a client can be made; none connects before it is used.

    Raises:
        ValueError: the address is none, or the package is missing. The text does not hold the address.
    """
    blocking(url, 1.0).close()


def _client(url: str, seconds: float, *, is_async: bool) -> Client:
    try:
        import redis
        from redis.asyncio import Redis as AsyncRedis
        from redis.asyncio.retry import Retry as AsyncRetry
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError:
        raise ValueError("the package redis is missing: pip install 'redis>=6'") from None
    client: Any = AsyncRedis if is_async else redis.Redis
    retry: Any = AsyncRetry if is_async else Retry
    try:
        return client.from_url(
            url, protocol=2, retry=retry(NoBackoff(), 0), socket_timeout=seconds, socket_connect_timeout=seconds
        )
    except Exception:  # whatever is in the text may be part of a password
        raise ValueError("this is no address of a Redis server") from None
