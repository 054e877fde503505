"""Images that operators upload: decoded, turned upright, made no larger than shown, and written anew.

What is stored is only what this module has encoded: no metadata, no second file hidden behind the first. The key is the
hash of the bytes, so an address never changes what it shows. Files of replaced images stay: mails go on showing them.
"""

import hashlib
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

import PIL.Image
from PIL import ImageOps, UnidentifiedImageError

from campaigns.models import Campaign, Image
from core import storage
from core.refusal import Refusal

MOST_BYTES = 10 * 2**20
MOST_PIXELS_A_SIDE = 6000
FORMATS = ("JPEG", "PNG", "WEBP")
FOLDER = "media"
Kind = Image.Kind
SHOWN_PIXELS: Mapping[str, int] = {Kind.MAIN: 2400, Kind.MOBILE: 1400, Kind.EMAIL: 1200, Kind.SECONDARY: 1600}
"""The longest side on its page at twice the density; larger ones are made smaller."""
HELP = f"JPEG, PNG or WebP, at most {MOST_BYTES // 2**20} MB and {MOST_PIXELS_A_SIDE:,} pixels a side."
ENDINGS: Mapping[str, str] = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}


class BadImage(Refusal):
    """The file is no image that is taken."""

    code = "bad_image"
    status = 400


@dataclass(frozen=True)
class Picture:
    """An image as it will be stored."""

    data: bytes
    content_type: str
    width: int
    height: int

    def __str__(self) -> str:
        """For the audit trail."""
        return f"{self.width} × {self.height}, {len(self.data):,} bytes, {self.digest[:12]}"

    @property
    def digest(self) -> str:
        """The name of its content."""
        return hashlib.sha256(self.data).hexdigest()[:40]

    def key_in(self, campaign: Campaign) -> str:
        """Where it is stored, and its path on our hosts."""
        return f"{FOLDER}/{campaign.public_id}/{self.digest}.{ENDINGS[self.content_type]}"


def decoded(file: IO[bytes], *, size: int, kind: str) -> Picture:
    """Read an uploaded file and encode what it shows anew.

    :raises BadImage: it is too large, of another kind, or damaged.
    """
    if size > MOST_BYTES:
        raise BadImage(f"The file has {size / 2**20:.1f} MB. {HELP}", field="file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
            return _encoded(_read(file, kind), kind)
    except BadImage:
        raise
    except UnidentifiedImageError as error:
        raise BadImage(f"This is no image that can be used. {HELP}", field="file") from error
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning) as error:
        raise BadImage(f"The image has too many pixels. {HELP}", field="file") from error
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, OverflowError) as error:
        # The decoders tell of damage in all these ways.
        raise BadImage("The image is damaged. Save it anew and try again.", field="file") from error


def _read(file: IO[bytes], kind: str) -> PIL.Image.Image:
    """The pixels. The size stands in the file's head and is judged before anything is unpacked."""
    opened = PIL.Image.open(file, formats=FORMATS)
    if max(opened.size) > MOST_PIXELS_A_SIDE:
        width, height = opened.size
        raise BadImage(f"The image has {width:,} × {height:,} pixels. {HELP}", field="file")
    longest = SHOWN_PIXELS[kind]
    opened.draft("RGB", (longest, longest))  # A JPEG is unpacked no larger than needed.
    upright = ImageOps.exif_transpose(opened)
    has_alpha = upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info
    picture = upright.convert("RGBA" if has_alpha else "RGB")
    picture.thumbnail((longest, longest))
    return picture


def _encoded(picture: PIL.Image.Image, kind: str) -> Picture:
    """WebP for pages; JPEG or PNG for mails, since not every mail program shows WebP."""
    bare = PIL.Image.frombytes(picture.mode, picture.size, picture.tobytes())  # Pixels alone.
    out = io.BytesIO()
    if kind != Kind.EMAIL:
        content_type = "image/webp"
        bare.save(out, "WEBP", quality=84, method=4)
    elif picture.mode == "RGBA":
        content_type = "image/png"
        bare.save(out, "PNG", optimize=True)
    else:
        content_type = "image/jpeg"
        bare.save(out, "JPEG", quality=86, progressive=True, optimize=True)
    return Picture(data=out.getvalue(), content_type=content_type, width=picture.width, height=picture.height)


def put_into(image: Image, picture: Picture) -> None:
    """Store a picture's file and set what the row says of it; the caller saves the row."""
    image.key = picture.key_in(image.campaign)
    image.content_type = picture.content_type
    image.width, image.height, image.size_bytes = picture.width, picture.height, len(picture.data)
    storage.put(image.key, picture.data, content_type=picture.content_type)
