"""A mail server in a process of its own that takes everything and keeps nothing; it says how many mails and bytes."""

import socketserver

EXTENSIONS = (b"8BITMIME", b"PIPELINING", b"SIZE 33554432")


class Conversation(socketserver.StreamRequestHandler):
    """One connection, answered as RFC 5321 wants it and no more."""

    disable_nagle_algorithm = True
    rbufsize = 1 << 16

    def handle(self) -> None:
        """Answer until the client leaves."""
        self.wfile.write(b"220 sink\r\n")
        for line in self.rfile:
            word = line[:4].upper()
            if word == b"EHLO":
                self.wfile.write(b"".join(b"250-%s\r\n" % name for name in EXTENSIONS) + b"250 HELP\r\n")
            elif word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                self._take()
                self.wfile.write(b"250 taken\r\n")
            elif word == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 fine\r\n")

    def _take(self) -> None:
        for line in self.rfile:
            if line == b".\r\n":
                return


class Sink(socketserver.ThreadingTCPServer):
    """The server; each connection has a thread."""

    daemon_threads = True
    allow_reuse_address = True


def main() -> None:
    """Serve on a free port, which is printed, until the process ends."""
    with Sink(("127.0.0.1", 0), Conversation) as sink:
        print(sink.server_address[1], flush=True)
        sink.serve_forever()


if __name__ == "__main__":
    main()
