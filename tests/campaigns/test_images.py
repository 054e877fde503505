"""Uploaded images: what is taken, what is left out, how they are served."""

import io
import struct
import zlib

import PIL.Image
import pytest
from django.test import Client

from campaigns.images import MOST_BYTES, SHOWN_PIXELS, BadImage, decoded, put_into
from campaigns.models import Campaign, Image


def file_of(picture: PIL.Image.Image, form: str = "PNG", **options: object) -> io.BytesIO:
    """A picture as a file."""
    out = io.BytesIO()
    picture.save(out, form, **options)
    out.seek(0)
    return out


def size_of(file: io.BytesIO) -> int:
    """How many bytes a file has."""
    return len(file.getvalue())


def take(file: io.BytesIO, kind: str = "main") -> PIL.Image.Image:
    """What an upload becomes."""
    return PIL.Image.open(io.BytesIO(decoded(file, size=size_of(file), kind=kind).data))


def bomb(side: int) -> io.BytesIO:
    """A PNG of a few bytes that says it has a great many pixels."""
    parts = [b"\x89PNG\r\n\x1a\n"]
    for name, data in (
        (b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0" * 4096)),
        (b"IEND", b""),
    ):
        parts += [struct.pack(">I", len(data)), name, data, struct.pack(">I", zlib.crc32(name + data))]
    return io.BytesIO(b"".join(parts))


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
NOT_TAKEN = {
    "SVG": SVG,
    "PDF": b"%PDF-1.7\n%EOF\n",
    "GIF": file_of(PIL.Image.new("RGB", (3, 3)), "GIF").getvalue(),
    "BMP": file_of(PIL.Image.new("RGB", (3, 3)), "BMP").getvalue(),
    "TIFF": file_of(PIL.Image.new("RGB", (3, 3)), "TIFF").getvalue(),
    "HTML": b"<html>",
    "nothing": b"",
}


@pytest.mark.parametrize("name", NOT_TAKEN)
def test_other_kinds_of_files_are_refused_with_those_that_are_taken(name: str) -> None:
    with pytest.raises(BadImage, match="JPEG, PNG or WebP"):
        take(io.BytesIO(NOT_TAKEN[name]))


@pytest.mark.parametrize("side", [6001, 12_000, 60_000])
def test_an_image_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(side: int) -> None:
    with pytest.raises(BadImage, match="pixels"):
        take(bomb(side))


def test_a_file_that_is_too_large_is_not_looked_at() -> None:
    with pytest.raises(BadImage, match=r"The file has 10\.0 MB"):
        decoded(io.BytesIO(b""), size=MOST_BYTES + 1, kind="main")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_damaged_image_is_refused(form: str) -> None:
    picture = PIL.Image.effect_noise((200, 200), 90).convert("RGB")
    whole = file_of(picture, form).getvalue()

    with pytest.raises(BadImage):
        take(io.BytesIO(whole[: len(whole) // 2]))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(("kind", "becomes"), [("main", "WEBP"), ("email", "JPEG")])
def test_what_is_taken_is_encoded_anew(form: str, kind: str, becomes: str) -> None:
    shown = take(file_of(PIL.Image.new("RGB", (40, 30), "red"), form), kind)

    assert (shown.format, shown.size) == (becomes, (40, 30))


def test_a_mail_keeps_transparency_as_png() -> None:
    shown = take(file_of(PIL.Image.new("RGBA", (4, 4), (255, 0, 0, 90))), "email")

    assert (shown.format, shown.mode) == ("PNG", "RGBA")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "CMYK", "I;16"])
def test_every_kind_of_pixels_can_be_read(mode: str) -> None:
    form = "JPEG" if mode == "CMYK" else "PNG"
    source = PIL.Image.new("L", (8, 8), 200).convert("P") if mode == "PA" else PIL.Image.new(mode, (8, 8))

    assert take(file_of(source, form)).size == (8, 8)


def test_a_photograph_is_turned_upright_and_tells_nothing_of_its_camera() -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # Turned by a quarter.
    exif[0x010F] = "Canon of Ada Lovelace"
    file = file_of(PIL.Image.new("RGB", (60, 20), "blue"), "JPEG", exif=exif, comment=b"Ada's house")

    picture = decoded(file, size=size_of(file), kind="main")

    shown = PIL.Image.open(io.BytesIO(picture.data))
    assert (picture.width, picture.height) == shown.size == (20, 60)
    assert dict(shown.getexif()) == {}
    assert b"Ada" not in picture.data


def test_what_is_hidden_behind_an_image_is_left_behind() -> None:
    file = io.BytesIO(file_of(PIL.Image.new("RGB", (5, 5))).getvalue() + SVG)

    assert b"script" not in decoded(file, size=size_of(file), kind="main").data


def test_a_large_image_is_made_as_large_as_it_is_shown() -> None:
    shown = take(file_of(PIL.Image.new("RGB", (5000, 1000)), "JPEG"))

    assert shown.size == (SHOWN_PIXELS["main"], 480)


@pytest.fixture
def image(tour: Campaign) -> Image:
    """A stored image of the tour."""
    image = Image(campaign=tour, locale_id="en_US", kind="main")
    file = file_of(PIL.Image.new("RGB", (40, 30), "red"))
    put_into(image, decoded(file, size=size_of(file), kind="main"))
    image.save()
    return image


@pytest.mark.parametrize("host", ["localhost", "aurora.localhost"])
def test_an_image_is_served_to_be_kept_for_ever(client: Client, image: Image, host: str) -> None:
    answer = client.get(image.path, headers={"host": host})

    assert answer.status_code == 200
    assert len(b"".join(answer.streaming_content)) == image.size_bytes  # type: ignore[attr-defined]  # It is streamed.
    assert answer.headers["Content-Type"] == "image/webp"
    assert answer.headers["Content-Length"] == str(image.size_bytes)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "Vary" not in answer.headers
    assert "Set-Cookie" not in answer.headers
    again = client.get(image.path, headers={"host": host, "if-none-match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/media/",
        "/media/../exports/x",
        "/media/%2e%2e/%2e%2e/bundles/rules.json",
        "/media/11111111-1111-1111-1111-111111111111/" + "0" * 40 + ".webp",
        "/media/11111111-1111-1111-1111-111111111111/" + "0" * 40 + ".svg",
    ],
)
def test_nothing_else_of_the_storage_is_served(client: Client, db: None, path: str) -> None:
    assert client.get(path).status_code == 404


def test_an_image_is_only_read(client: Client, image: Image) -> None:
    assert client.post(image.path).status_code == 405
