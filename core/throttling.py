"""How often one address may ask. Counted in the memory of each process: it costs a microsecond and no server.

The rates leave room for the thousands of fans who can share one address behind a provider's NAT; they only keep
one machine from taking a process for itself.
"""

import threading
import time
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

if TYPE_CHECKING:  # REST framework's views load the throttles that settings name.
    from rest_framework.views import APIView

MOST_KEYS = 50_000
BURST_SECONDS = 20
NETWORK_BITS = 64
"""A household or a machine has a whole IPv6 network of this size to itself."""


class Buckets:
    """A bucket of tokens for each key, filled at a steady rate. The keys that were quiet longest are forgotten."""

    def __init__(self, *, most_keys: int = MOST_KEYS) -> None:
        self._most_keys = most_keys
        self._levels: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, key: str, *, rate: float, burst: float, now: float, tokens: float = 1.0) -> float:
        """Take tokens, of which ``rate`` come a second and ``burst`` fit; 0, or the seconds to wait for them."""
        with self._lock:
            level, at = self._levels.pop(key, (burst, now))
            level = min(burst, level + (now - at) * rate)
            is_enough = level >= min(1.0, burst)
            self._levels[key] = (level - tokens if is_enough else level, now)
            if len(self._levels) > self._most_keys:
                del self._levels[next(iter(self._levels))]
            return 0.0 if is_enough else (1.0 - level) / rate

    def clear(self) -> None:
        """Forget all keys."""
        with self._lock:
            self._levels.clear()


def network_of(address: str) -> str:
    """What counts as one asker: an IPv4 address, or the network of an IPv6 one."""
    if ":" not in address:
        return address
    try:
        parsed = ip_address(address.partition("%")[0].strip("[]"))
    except ValueError:
        return address
    return f"{int(parsed) >> (128 - NETWORK_BITS):x}::" if isinstance(parsed, IPv6Address) else address


fan_requests = Buckets()


class FanThrottle(BaseThrottle):
    """Lets an address ask ``FAN_REQUESTS_PER_SECOND`` times a second, and in a burst for twenty seconds ahead."""

    def __init__(self) -> None:
        self._wait = 0.0

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Take a token of the address."""
        rate = settings.FAN_REQUESTS_PER_SECOND
        if not rate:
            return True
        asker = network_of(self.get_ident(request))
        self._wait = fan_requests.take(asker, rate=rate, burst=rate * BURST_SECONDS, now=time.monotonic())
        return self._wait == 0.0

    def wait(self) -> float:
        """Seconds until the address has a token again."""
        return self._wait
