"""Registering by API and by page, against a bare DRF view with one INSERT; the landing page, against bare bytes.

``ONLY=latency`` gives percentiles at 32 connections instead.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from statistics import quantiles
from urllib.parse import urlencode

from django.db import connection

from bench.rows import Row, compare
from bench.tour import open_tour

REQUESTS = 2000
CONNECTIONS = 8
MANY_CONNECTIONS = 32
MOST_SECONDS = 60
"""How long the requests of one line of percentiles may take together."""
_numbers = count()


@contextmanager
def server() -> Iterator[int]:
    """The product on granian with two workers, as ``make run`` serves it; gives the port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    words = ["-m", "granian", "--interface", "wsgi", "--workers", "2", "--blocking-threads", "8", "--no-ws"]
    process = subprocess.Popen(
        [sys.executable, *words, "--host", "127.0.0.1", "--port", str(port), "monoql.wsgi:application"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ.copy(),
        start_new_session=True,
    )
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(port: int) -> None:
    """Wait until the server answers."""
    for _ in range(200):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the server did not come up")


type Request = Callable[[int], bytes]
"""The bytes of the request of a fan's number."""


def measure() -> list[Row]:
    """Three rows."""
    api, page, landing = _requests()
    bare, nothing = _json_post("/bench/one-insert/", _codes()), _get("/bench/bare/")
    rows = []
    with server() as port:
        for name, goal, ours, reference in (
            ("registering by the API", 2.0, api, bare),
            ("registering by the page", 3.0, page, bare),
            ("the landing page", 1.5, landing, nothing),
        ):
            for request in (ours, reference):
                send_all(port, request, requests=200)
            rows.append(
                compare(
                    name,
                    unit="request",
                    goal=goal,
                    ours=lambda request=ours: send_all(port, request),  # type: ignore[misc]  # mypy does not infer it.
                    reference=lambda request=reference: send_all(port, request),  # type: ignore[misc]  # The same.
                )
            )
    return rows


def measure_latency() -> None:
    """Print p50 and p99 at 32 connections, as a table for docs/measured."""
    api, page, landing = _requests()
    print(f"| {MANY_CONNECTIONS} connections | requests | a second | p50 | p99 |\n|---|---|---|---|---|")
    with server() as port:
        for name, request in (
            ("registering by the API", api),
            ("registering by the page", page),
            ("landing page", landing),
        ):
            send_all(port, request, requests=200)
            start = time.perf_counter()
            taken = seconds_of_each(port, request, connections=MANY_CONNECTIONS, requests=REQUESTS)
            rate = len(taken) / (time.perf_counter() - start)
            cuts = quantiles(taken, n=100)
            print(f"| {name} | {len(taken):,} | {rate:,.0f} | {1000 * cuts[49]:.0f} ms | {1000 * cuts[98]:.0f} ms |")


def _requests() -> tuple[Request, Request, Request]:
    """A registration by the API, one by the page, and a look at the landing page, all of a tour that is made for it."""
    campaign = open_tour(domain="bench-registering", markets=29)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_row (id bigserial PRIMARY KEY, email text UNIQUE, name text, choices text)")
    codes = list(campaign.markets.order_by("number").values_list("code", flat=True))
    api = _json_post(f"/api/v1/campaigns/{campaign.domain}/entries/", codes)
    return api, _form_post(f"/c/{campaign.domain}/", codes), _get(f"/c/{campaign.domain}/")


def _codes() -> list[str]:
    return [f"M-{number:03d}" for number in range(1, 30)]


def _fan(number: int, codes: Sequence[str]) -> tuple[str, str, list[str]]:
    return f"fan{number}@example.com", f"Fan {number}", [codes[(number + step) % len(codes)] for step in range(3)]


def _json_post(path: str, codes: Sequence[str]) -> Request:
    def request(number: int) -> bytes:
        email, name, choices = _fan(number, codes)
        body = json.dumps({"email": email, "name": name, "choices": choices, "answers": {}}).encode()
        return _post(path, "application/json", body)

    return request


def _form_post(path: str, codes: Sequence[str]) -> Request:
    def request(number: int) -> bytes:
        email, name, choices = _fan(number, codes)
        body = urlencode({"email": email, "name": name, "choices": choices}, doseq=True).encode()
        return _post(path, "application/x-www-form-urlencoded", body)

    return request


def _post(path: str, kind: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _get(path: str) -> Request:
    return lambda _number: f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def send_all(port: int, request: Request, *, requests: int = REQUESTS) -> float:
    """Send the requests of new fans over a few connections and give the seconds a request."""
    start = time.perf_counter()
    seconds_of_each(port, request, connections=CONNECTIONS, requests=requests)
    return (time.perf_counter() - start) / requests


def seconds_of_each(port: int, request: Request, *, connections: int, requests: int) -> list[float]:
    """Send the requests of new fans and give what each took; whoever begins too late is left out."""
    shares = [[next(_numbers) for _ in range(requests // connections)] for _ in range(connections)]
    ends = time.perf_counter() + MOST_SECONDS
    with ThreadPoolExecutor(connections) as pool:
        return [
            taken for some in pool.map(lambda share: send_some(port, request, share, ends), shares) for taken in some
        ]


def send_some(port: int, request: Request, numbers: list[int], ends: float) -> list[float]:
    """Send one request after the other on one connection, without a client library's own cost."""
    taken = []
    with socket.create_connection(("127.0.0.1", port)) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in numbers:
            start = time.perf_counter()
            if start > ends:
                break
            wire.sendall(request(number))
            read_answer(wire)
            taken.append(time.perf_counter() - start)
    return taken


def read_answer(wire: socket.socket) -> None:
    """Read one whole answer; anything but success ends the benchmark."""
    data = wire.recv(65536)
    while b"\r\n\r\n" not in data:
        data += wire.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    if head.split(b" ", 2)[1] not in (b"200", b"202", b"303"):
        raise RuntimeError((head + body).decode(errors="replace")[:500])
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    while len(body) < length:
        body += wire.recv(65536)
