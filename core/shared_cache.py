"""What all processes remember together for minutes: the counters of failed sign-ins."""

from typing import Any

import structlog
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)


class SharedCache(RedisCache):
    """Redis or Valkey; while it is away each process counts for itself, so that staff can sign in all the same."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._own = LocMemCache("while-the-shared-cache-is-away", {**params, "OPTIONS": {}})

    def add(self, key: Any, *args: Any, **kwargs: Any) -> Any:
        """Set a key unless it is there."""
        return self._asked("add", key, *args, **kwargs)

    def get(self, key: Any, *args: Any, **kwargs: Any) -> Any:
        """Give what a key holds."""
        return self._asked("get", key, *args, **kwargs)

    def set(self, key: Any, *args: Any, **kwargs: Any) -> Any:
        """Set a key."""
        return self._asked("set", key, *args, **kwargs)

    def delete(self, key: Any, *args: Any, **kwargs: Any) -> Any:
        """Forget a key."""
        return self._asked("delete", key, *args, **kwargs)

    def _asked(self, name: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return getattr(super(), name)(*args, **kwargs)
        except RedisError as error:
            log.warning("shared_cache_away", error=type(error).__name__)
            return getattr(self._own, name)(*args, **kwargs)
