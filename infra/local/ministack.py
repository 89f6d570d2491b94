"""MiniStack, an AWS on this machine: start one, talk to it, read its outbox, stop it.

Each one has its own port, process group and temporary folder, so several run side by side. Nothing in here
knows what is deployed on it.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sqs import SQSClient

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-ministack" / "bin" / "python"
HOST = "127.0.0.1"
REGION = "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

START_SECONDS = 30.0
STOP_SECONDS = 5.0
PORT_ATTEMPTS = 3


class MiniStackError(Exception):
    """MiniStack did not come up; the message ends with what its log says."""


@dataclass(frozen=True)
class Email:
    """A message that SES would have sent."""

    sender: str
    to: list[str]
    subject: str
    text: str
    html: str


@dataclass(frozen=True)
class MiniStack:
    """A running MiniStack. Its process leads a group of its own, which the functions' processes join."""

    pid: int
    port: int
    home: Path
    secure: bool = False

    @classmethod
    def start(cls, home: Path | None = None, environment: Mapping[str, str] | None = None) -> "MiniStack":
        """Start one on a free port and wait until it responds.

        `home` is emptied first and removed on stop; without it, it is a new temporary folder. `environment`
        adds MiniStack's own switches: USE_SSL=1 for https, AUTH=true for IAM, and others.
        """
        for attempt in range(1, PORT_ATTEMPTS + 1):
            if home is not None:
                shutil.rmtree(home, ignore_errors=True)
            folder = home or Path(tempfile.mkdtemp(prefix="ministack-"))
            instance, process = cls._launch(folder, environment or {})
            try:
                if instance._answers_within(START_SECONDS, process):
                    return instance
            except BaseException:  # an impatient Ctrl-C, too
                instance.stop()
                raise
            log = instance.log()
            instance.stop()
            if "already in use" not in log or attempt == PORT_ATTEMPTS:  # somebody else took the port
                break
        raise MiniStackError(f"MiniStack did not start:\n{log[-2000:]}")

    @classmethod
    def _launch(
        cls, home: Path, environment: Mapping[str, str]
    ) -> tuple["MiniStack", "subprocess.Popen[bytes]"]:
        if not PYTHON.exists():
            raise MiniStackError(f"{PYTHON} is missing: run `make setup`")
        (home / "tmp").mkdir(parents=True)
        port = _free_port()
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                [PYTHON, "-m", "ministack"],
                cwd=home,
                env=_clean_environment(home, port) | dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(process.pid, port, home, environment.get("USE_SSL") == "1"), process

    def _answers_within(self, seconds: float, process: "subprocess.Popen[bytes]") -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and process.poll() is None:
            if self.is_running():
                return True
            time.sleep(0.05)
        return False

    @property
    def endpoint(self) -> str:
        return f"{'https' if self.secure else 'http'}://{HOST}:{self.port}"

    @property
    def certificate(self) -> Path | None:
        """What to verify its https with; it signs for itself."""
        return self.home / "tmp" / "ministack-tls" / "server.crt" if self.secure else None

    def is_running(self) -> bool:
        try:
            self._get("/_ministack/health")
        except OSError:  # not started yet, or no certificate
            return False
        return True

    def stop(self) -> None:
        """End it and its functions' processes, and remove its folder. Stopping twice is harmless."""
        deadline = time.monotonic() + STOP_SECONDS
        while self._group_exists() and time.monotonic() < deadline:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)  # there is nothing in it to be saved
            time.sleep(0.02)
        shutil.rmtree(self.home, ignore_errors=True)

    def _group_exists(self) -> bool:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)  # a dead child counts as a process until it is asked for
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def log(self) -> str:
        return (self.home / "log").read_text(errors="replace")

    def outbox(self) -> list[Email]:
        """Every email that was sent, oldest first."""
        accounts = json.loads(self._get("/_ministack/ses/messages"))["messages"]
        messages = sorted((m for account in accounts.values() for m in account), key=lambda m: m["Timestamp"])
        return [
            Email(m["Source"], m["To"], m["Subject"], m["BodyText"] or "", m["BodyHtml"] or "")
            for m in messages
        ]

    def _get(self, path: str) -> bytes:
        context = ssl.create_default_context(cafile=self.certificate) if self.secure else None
        with urllib.request.urlopen(self.endpoint + path, timeout=10, context=context) as response:
            body: bytes = response.read()
        return body

    @overload
    def client(self, service: Literal["cloudformation"]) -> "CloudFormationClient": ...
    @overload
    def client(self, service: Literal["dynamodb"]) -> "DynamoDBClient": ...
    @overload
    def client(self, service: Literal["s3"]) -> "S3Client": ...
    @overload
    def client(self, service: Literal["secretsmanager"]) -> "SecretsManagerClient": ...
    @overload
    def client(self, service: Literal["sesv2"]) -> "SESV2Client": ...
    @overload
    def client(self, service: Literal["sqs"]) -> "SQSClient": ...
    @overload
    def client(self, service: str) -> Any: ...
    def client(self, service: str) -> Any:
        """A boto3 client that talks to this MiniStack, whatever the caller's environment says."""
        create: Any = boto3.client
        style = Config(signature_version="s3v4" if service == "s3" else None)
        return create(service, **{**self.address, "config": self.address["config"].merge(style)})

    @property
    def address(self) -> dict[str, Any]:
        """The arguments with which boto3 makes a client that talks to this MiniStack."""
        return {
            "endpoint_url": self.endpoint,
            "region_name": REGION,
            "aws_access_key_id": CREDENTIALS["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            "verify": self.certificate and str(self.certificate),
            "config": Config(proxies={}),
        }


def _clean_environment(home: Path, port: int) -> dict[str, str]:
    """All that the functions see besides their own variables, for MiniStack hands its environment on."""
    return {
        **CREDENTIALS,
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "STATE_DIR": str(home / "state"),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "MINISTACK_REGION": REGION,
        "LAMBDA_EXECUTOR": "local",
        "DOCKER_HOST": f"unix://{home}/no-docker",  # or it tidies up containers on a machine that has Docker
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port
