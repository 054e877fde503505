"""The bytes of a text file in pieces, unpacked where it is gzip, and its lines in blocks."""

import codecs
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from codes.files.encoding import mark_of
from codes.files.shape import CannotRead

PIECE_BYTES = 2**18
"""About 20,000 lines of codes; what is held at once is a few times this."""

MOST_IN_LINE = 2**16
"""Bytes. No line of codes is longer; what is, is refused without being kept."""

MOST_UNPACKED_BYTES = 4 * 2**30
FREE_UNPACKED_BYTES = 64 * 2**20
MOST_RATIO = 200
"""Beyond the free bytes, a gzip may not unpack to more than so many times its size. Lists of codes reach 30."""

TOO_LONG = f"The line is longer than {MOST_IN_LINE:,} bytes: put each code on a line of its own."

type Piece = tuple[bytes, int]
"""Bytes, and how many bytes of the stored file were read to get there."""


def pieces_of(path: Path, *, is_gzip: bool) -> Iterator[Piece]:
    """The file's bytes in order, unpacked.

    :raises CannotRead: the gzip is damaged, or unpacks to more than any list of codes.
    """
    with path.open("rb") as file:
        if is_gzip:
            yield from _unpacked(_stored(file))
        else:
            yield from _stored(file)


def head_of(path: Path, *, is_gzip: bool, most: int) -> tuple[bytes, bool]:
    """The first bytes, unpacked, at most so many; and whether that is the whole file."""
    parts, length = [], 0
    pieces = pieces_of(path, is_gzip=is_gzip)
    for piece, _ in pieces:
        parts.append(piece)
        length += len(piece)
        if length >= most:
            break
    is_whole = next(pieces, None) is None and length <= most
    return b"".join(parts)[:most], is_whole


def _stored(file: BinaryIO) -> Iterator[Piece]:
    done = 0
    while piece := file.read(PIECE_BYTES):
        done += len(piece)
        yield piece, done


def _unpacked(stored: Iterator[Piece]) -> Iterator[Piece]:
    """A gzip's members one after the other; never more than a piece at once, whatever it unpacks to."""
    member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    is_inside, unpacked = True, 0
    for packed, done in stored:
        rest, has_more = packed, True
        while has_more:
            if not is_inside:
                rest = rest.lstrip(b"\0")  # gzip allows zeros between members and after the last.
                if not rest:
                    break
                member, is_inside = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16), True
            try:
                piece = member.decompress(rest, PIECE_BYTES)
            except zlib.error as error:
                raise _damaged("is damaged") from error
            is_inside = not member.eof
            rest = member.unconsumed_tail if is_inside else member.unused_data
            has_more = bool(rest) or (is_inside and len(piece) == PIECE_BYTES)
            unpacked += len(piece)
            _check_size(unpacked, done)
            if piece:
                yield piece, done
    if is_inside:
        raise _damaged("ends in the middle")


def _damaged(how: str) -> CannotRead:
    return CannotRead(f"The gzip file {how}: pack it again, or upload it unpacked.", field="file")


def _check_size(unpacked: int, done: int) -> None:
    if unpacked > MOST_UNPACKED_BYTES:
        raise CannotRead(
            f"The gzip file unpacks to more than {MOST_UNPACKED_BYTES >> 20:,} MiB: split it into smaller files.",
            field="file",
        )
    if unpacked > FREE_UNPACKED_BYTES and unpacked > MOST_RATIO * done:
        raise CannotRead(
            f"The gzip file unpacks to more than {MOST_RATIO} times its size, which no list of codes does: "
            "upload the list unpacked.",
            field="file",
        )


def plain_pieces(pieces: Iterator[Piece], *, encoding: str) -> Iterator[Piece]:
    """The pieces without a byte order mark, UTF-16 as UTF-8, and with line feeds for any line ends."""
    decoder = codecs.getincrementaldecoder(encoding)("replace") if encoding.startswith("utf-16") else None
    is_first, held, done = True, b"", 0
    for piece, done in pieces:
        body = piece.removeprefix(mark_of(piece)) if is_first and encoding != "cp1252" else piece
        is_first = False
        if decoder is not None:
            body = decoder.decode(body).encode()
        body = held + body
        # A line feed that belongs to the last carriage return may come with the next piece.
        held = b"\r" if body.endswith(b"\r") else b""
        yield _with_line_feeds(body[: len(body) - len(held)]), done
    rest = decoder.decode(b"", True).encode() if decoder is not None else b""
    if held + rest:
        yield _with_line_feeds(held + rest), done


def _with_line_feeds(body: bytes) -> bytes:
    return body.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in body else body


class Block(NamedTuple):
    """Whole lines, each with its line feed; or one that is too long, without its text."""

    number: int
    """That of the first line, from 1."""
    lines: bytes
    done: int
    """How many bytes of the stored file were read to get here."""
    is_too_long: bool = False


def blocks_of(pieces: Iterator[Piece]) -> Iterator[Block]:
    """The lines of plain pieces. The last line may end without a line feed."""
    carry, number, is_skipping, done = b"", 1, False, 0
    for piece, done in pieces:
        body = piece
        if is_skipping:
            _, end, body = body.partition(b"\n")
            if not end:
                continue
            yield Block(number, b"", done, is_too_long=True)
            number, is_skipping = number + 1, False
        lines, end, rest = body.rpartition(b"\n")
        if end:
            block = Block(number, carry + lines + end, done)
            yield block
            number += block.lines.count(b"\n")
            carry = b""
        carry += rest
        if len(carry) > MOST_IN_LINE:
            carry, is_skipping = b"", True
    if is_skipping:
        yield Block(number, b"", done, is_too_long=True)
    elif carry:
        yield Block(number, carry + b"\n", done)
