"""The counters that all processes share, and what happens while their server is away."""

from django.conf import settings

from core.shared_cache import SharedCache


def shared(location: str) -> SharedCache:
    """A cache at an address, as a process of its own would have it."""
    made = settings.CACHES["default"]
    return SharedCache(location, {"KEY_PREFIX": made["KEY_PREFIX"], "OPTIONS": made["OPTIONS"]})


def test_what_one_process_counts_another_sees() -> None:
    address = settings.CACHES["default"]["LOCATION"]

    assert shared(address).add("lock", 1, timeout=10)
    assert not shared(address).add("lock", 1, timeout=10)
    assert shared(address).get("lock") == 1
    shared(address).delete("lock")
    assert shared(address).get("lock") is None


def test_while_the_server_is_away_a_process_counts_for_itself() -> None:
    away = shared("redis://127.0.0.1:1/0")

    away.set("failures", [1.0], 10)

    assert away.get("failures") == [1.0]
    assert not away.add("failures", [], 10)
