"""Object storage, through boto3: whole files up and down, and signed addresses."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, BinaryIO

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError
from django.conf import settings

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from types_boto3_s3.client import S3Client

_TRANSFER = TransferConfig(multipart_threshold=16 * 2**20, multipart_chunksize=16 * 2**20, max_concurrency=2)


class NotStored(Exception):
    """There is no object under this key."""


@lru_cache(maxsize=4)
def _client_of(endpoint: str | None, key: str, region: str) -> "S3Client":
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=key,
        aws_secret_access_key=settings.AWS_S3_SECRET_ACCESS_KEY,
        region_name=region,
        config=Config(
            signature_version="s3v4",
            connect_timeout=5,
            read_timeout=30,
            retries={"max_attempts": 4, "mode": "standard"},
            s3={"addressing_style": "path"} if endpoint else {},
        ),
    )


def client() -> "S3Client":
    """The S3 client of this process; boto3's clients may be shared between threads."""
    return _client_of(settings.AWS_S3_ENDPOINT_URL, settings.AWS_S3_ACCESS_KEY_ID, settings.AWS_S3_REGION_NAME)


def put_file(key: str, file: BinaryIO, *, content_type: str = "application/octet-stream") -> None:
    """Store a file under a key, in parts where it is large. Storing again replaces it."""
    client().upload_fileobj(
        file,
        settings.AWS_STORAGE_BUCKET_NAME,
        key,
        ExtraArgs={"ContentType": content_type},
        Config=_TRANSFER,
    )


def put_path(key: str, path: Path, *, content_type: str = "application/octet-stream") -> None:
    """Store a file of this machine under a key; its parts are read as they are sent, so none waits in memory."""
    client().upload_file(
        str(path),
        settings.AWS_STORAGE_BUCKET_NAME,
        key,
        ExtraArgs={"ContentType": content_type},
        Config=_TRANSFER,
    )


def put(key: str, data: bytes, *, content_type: str = "application/octet-stream") -> None:
    """Store a few bytes under a key."""
    client().put_object(Bucket=settings.AWS_STORAGE_BUCKET_NAME, Key=key, Body=data, ContentType=content_type)


def get(key: str) -> bytes:
    """Read a small object whole.

    :raises NotStored: there is none.
    """
    try:
        return client().get_object(Bucket=settings.AWS_STORAGE_BUCKET_NAME, Key=key)["Body"].read()
    except ClientError as error:
        raise _translated(error, key) from error


@dataclass(frozen=True)
class Parts:
    """An object as it comes. Whoever does not read it to its end closes it."""

    body: "StreamingBody"
    size: int

    def __iter__(self) -> Iterator[bytes]:
        return self.body.iter_chunks(64 * 1024)

    def close(self) -> None:
        """Give the connection up."""
        self.body.close()


def stream(key: str) -> Parts:
    """An object in parts, so that none is in memory as a whole.

    :raises NotStored: there is no such object.
    """
    try:
        answer = client().get_object(Bucket=settings.AWS_STORAGE_BUCKET_NAME, Key=key)
    except ClientError as error:
        raise _translated(error, key) from error
    return Parts(body=answer["Body"], size=answer["ContentLength"])


def get_range(key: str, first: int, last: int) -> bytes:
    """Read the bytes first to last, both included.

    :raises NotStored: there is no such object.
    """
    try:
        answer = client().get_object(Bucket=settings.AWS_STORAGE_BUCKET_NAME, Key=key, Range=f"bytes={first}-{last}")
    except ClientError as error:
        raise _translated(error, key) from error
    return answer["Body"].read()


def fetch(key: str, path: Path) -> Path:
    """Download an object into a file.

    :raises NotStored: there is none.
    """
    try:
        client().download_file(settings.AWS_STORAGE_BUCKET_NAME, key, str(path), Config=_TRANSFER)
    except ClientError as error:
        raise _translated(error, key) from error
    return path


def delete(key: str) -> None:
    """Delete an object; one that is not there is none any more."""
    client().delete_object(Bucket=settings.AWS_STORAGE_BUCKET_NAME, Key=key)


@contextmanager
def working_folder() -> Iterator[Path]:
    """A folder for the length of a job, on the disk of temporary files."""
    with TemporaryDirectory(prefix="monoql-") as name:
        yield Path(name)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def signed_url(key: str, *, seconds: int, file_name: str) -> str:
    """An address that anybody who has it can download from for so many seconds."""
    return client().generate_presigned_url(
        "get_object",
        Params={
            "Bucket": settings.AWS_STORAGE_BUCKET_NAME,
            "Key": key,
            "ResponseContentDisposition": f'attachment; filename="{file_name}"',
        },
        ExpiresIn=seconds,
    )


def is_reachable() -> bool:
    """Whether the bucket answers."""
    client().head_bucket(Bucket=settings.AWS_STORAGE_BUCKET_NAME)
    return True


def _translated(error: ClientError, key: str) -> Exception:
    if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
        return NotStored(key)
    return error
