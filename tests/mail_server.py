"""A mail server that takes mails, or does to them what a test wants: a real one, on this machine's loopback."""

import socketserver
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from pytest_django import Settings

Answer = Callable[[str, int], bytes | None]
"""What to say to an address, at its so-and-so-many-eth try; nothing is the usual answer, and ``b""`` hangs up."""


def usual(_address: str, _tries: int) -> bytes | None:
    """Take everything."""
    return None


@dataclass
class Server:
    """What came, and how the server is to behave from now on."""

    port: int = 0
    on_rcpt: Answer = usual
    on_begin_of_data: Answer = usual
    on_end_of_data: Answer = usual
    is_pipelining: bool = True
    taken: list[tuple[str, bytes]] = field(default_factory=list)
    connections: int = 0
    tries: Counter[str] = field(default_factory=Counter)

    def addresses(self) -> list[str]:
        """Who got a mail, in the order in which they got it."""
        return [address for address, _ in self.taken]

    def mails(self) -> list[EmailMessage]:
        """The mails, read."""
        return [message_from_bytes(data, policy=default) for _, data in self.taken]


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        """Answer until one of both hangs up."""
        behaviour: Server = self.server.behaviour  # type: ignore[attr-defined]  # Set where it is made.
        behaviour.connections += 1
        self.wfile.write(b"220 mail\r\n")
        address = ""
        for line in self.rfile:
            word = line[:4].upper()
            answer: bytes | None = None
            if word == b"EHLO" and behaviour.is_pipelining:
                answer = b"250-mail\r\n250 PIPELINING\r\n"
            elif word == b"RCPT":
                address = line.decode().partition("<")[2].partition(">")[0]
                behaviour.tries[address] += 1
                answer = behaviour.on_rcpt(address, behaviour.tries[address])
            elif word == b"DATA":
                answer = behaviour.on_begin_of_data(address, behaviour.tries[address])
                if answer is None:
                    self.wfile.write(b"354 go on\r\n")
                    data = self._data()
                    answer = behaviour.on_end_of_data(address, behaviour.tries[address])
                    # The empty one ends what a client had begun for an address that was refused.
                    if data and answer in (None, b""):
                        behaviour.taken.append((address, data))
            elif word == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            if answer == b"":
                return
            self.wfile.write(answer or b"250 fine\r\n")

    def _data(self) -> bytes:
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)


@contextmanager
def mail_server(settings: Settings, *, port: int = 0) -> Iterator[Server]:
    """Mails go to a server; a port that is given is one that was free before."""
    behaviour = Server()
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", port), _Conversation) as server:
        server.daemon_threads = True
        server.behaviour = behaviour  # type: ignore[attr-defined]  # The handler asks for it.
        behaviour.port = int(server.server_address[1])
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        use_port(settings, behaviour.port)
        yield behaviour
        server.shutdown()


def use_port(settings: Settings, port: int) -> None:
    """Mails go to whatever listens there, if anything does."""
    options: dict[str, Any] = {"host": "127.0.0.1", "port": port, "timeout": 5}
    settings.MAILERS = {"default": {"BACKEND": "core.mail.SmtpBackend", "OPTIONS": options}}
