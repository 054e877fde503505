"""The product's settings with the bare views of the references beside its own URLs."""

from monoql.settings import *  # noqa: F403

ROOT_URLCONF = "bench.urls"
FAN_REQUESTS_PER_SECOND = 1_000_000.0
"""All of the benchmark's fans share one address; the throttle still counts them."""
