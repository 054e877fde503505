"""Registering through the API, against a bare DRF view that does one INSERT."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count

from django.db import connection

from bench.rows import Row, compare
from bench.tour import open_tour

REQUESTS = 2000
CONNECTIONS = 8
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


def measure() -> list[Row]:
    """One row."""
    campaign = open_tour(domain="bench-registering", markets=29)
    codes = list(campaign.markets.order_by("number").values_list("code", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_row (id bigserial PRIMARY KEY, email text UNIQUE, name text, choices text)")
    with server() as port:
        for path in (f"/api/v1/campaigns/{campaign.domain}/entries/", "/bench/one-insert/"):
            post_all(port, path, codes, requests=200)
        row = compare(
            "registering by the API",
            unit="request",
            goal=2.5,
            ours=lambda: post_all(port, f"/api/v1/campaigns/{campaign.domain}/entries/", codes),
            reference=lambda: post_all(port, "/bench/one-insert/", codes),
        )
    return [row]


def post_all(port: int, path: str, codes: list[str], *, requests: int = REQUESTS) -> float:
    """Send new fans over a few connections and give the seconds a request."""
    shares = [[next(_numbers) for _ in range(requests // CONNECTIONS)] for _ in range(CONNECTIONS)]
    start = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for _ in pool.map(lambda numbers: post_some(port, path, codes, numbers), shares):
            pass
    return (time.perf_counter() - start) / requests


def post_some(port: int, path: str, codes: list[str], numbers: list[int]) -> None:
    """Send one request after the other on one connection, without a client library's own cost."""
    with socket.create_connection(("127.0.0.1", port)) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in numbers:
            body = json.dumps(
                {
                    "email": f"fan{number}@example.com",
                    "name": f"Fan {number}",
                    "choices": [codes[(number + step) % len(codes)] for step in range(3)],
                    "answers": {},
                }
            ).encode()
            wire.sendall(
                f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            read_answer(wire)


def read_answer(wire: socket.socket) -> None:
    """Read one whole answer; anything but 202 ends the benchmark."""
    data = wire.recv(65536)
    while b"\r\n\r\n" not in data:
        data += wire.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    if b" 202 " not in head.split(b"\r\n", 1)[0]:
        raise RuntimeError((head + body).decode(errors="replace")[:500])
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    while len(body) < length:
        body += wire.recv(65536)
