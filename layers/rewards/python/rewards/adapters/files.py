"""Uploads, results and reports in S3."""

import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from rewards.adapters.errors import UploadGoneError, translated
from rewards.rules.download_names import content_disposition
from rewards.rules.outcomes import Answer, Outcome

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MEBIBYTE = 1 << 20

# boto3 would keep ten parts in memory. S3 takes 10,000 parts, so a file may have 156 GiB.
_ONE_PART_AT_A_TIME = TransferConfig(multipart_chunksize=16 * _MEBIBYTE, use_threads=False)


@dataclass(frozen=True, slots=True)
class Upload:
    """A pinned version of an uploaded object; `size` in bytes, `modified` in Unix milliseconds."""

    bucket: str
    key: str
    version_id: str
    size: int
    modified: int
    metadata: dict[str, str]
    etag: str = ""


class _Stream(io.RawIOBase):
    """An S3 body as a raw stream, so that the standard library buffers and decodes it.

    What is read is added to `digest` (of hashlib) where one is given.
    """

    def __init__(self, body: Any, digest: Any = None) -> None:
        self._body = body
        self._digest = digest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._body.read(len(buffer))
        buffer[: len(data)] = data
        if self._digest is not None:
            self._digest.update(data)
        return len(data)

    def close(self) -> None:
        self._body.close()
        super().close()


class _Pieces(io.RawIOBase):
    """Pieces of bytes as a raw stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = memoryview(next(filter(None, self._pieces), b""))
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


class Files:
    """Reads uploads; writes and reads what imports and exports put into the files bucket."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def describe(self, bucket: str, key: str, version_id: str | None) -> Upload:
        """An uploaded object as it is now; its version is pinned from here on."""
        version: Any = {"VersionId": version_id} if version_id else {}
        head = self._client.head_object(Bucket=bucket, Key=key, **version)
        return Upload(
            bucket=bucket,
            key=key,
            version_id=head.get("VersionId", ""),
            size=head["ContentLength"],
            modified=int(head["LastModified"].timestamp() * 1000),
            metadata=head.get("Metadata", {}),
            etag=head.get("ETag", ""),
        )

    def open_upload(self, bucket: str, key: str, version_id: str, digest: Any = None) -> io.BufferedReader:
        """The bytes of an upload, streamed, and digested on the way.

        Raises UploadGoneError if it is gone, or may not be read, which S3 does not tell apart.
        """
        version: Any = {"VersionId": version_id} if version_id else {}
        try:
            body = self._client.get_object(Bucket=bucket, Key=key, **version)["Body"]
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchVersion", "AccessDenied"):
                raise UploadGoneError(f"s3://{bucket}/{key} {version_id}") from error
            raise
        return io.BufferedReader(_Stream(body, digest), buffer_size=_MEBIBYTE)

    def put_part(self, import_id: str, part: str, answers: Iterable[Answer]) -> None:
        """Write a part of an import's answers, in line order; writing it again is harmless."""
        body = b"\n".join([orjson.dumps(_cells(answer)) for answer in answers])
        key = _part_key(import_id, part)
        with translated():
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body)

    def answers(self, import_id: str, group: str, parts: int) -> Iterator[Answer]:
        """All answers of the parts 1 to `parts` of one group (`chunk` or `checked`), in line order."""
        for number in range(1, parts + 1):
            yield from self.part(import_id, part_name(group, number))

    def part(self, import_id: str, part: str) -> Iterator[Answer]:
        """The answers of one part, in line order. Raises FileNotFoundError if it is gone."""
        found = self._part(import_id, part)
        if found is None:
            raise FileNotFoundError(f"{import_id} {part}")
        return iter(found)

    def part_so_far(self, import_id: str, part: str) -> list[Answer]:
        """The answers of a part that may not be there, in line order."""
        return self._part(import_id, part) or []

    def _part(self, import_id: str, part: str) -> list[Answer] | None:
        file = self.open_file(_part_key(import_id, part))
        return None if file is None else [_answer(line) for line in file.read().splitlines()]

    def put_record(self, key: str, record: dict[str, Any]) -> None:
        """Write a small record as JSON; writing it again is harmless."""
        body = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
        with translated():
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body)

    def record(self, key: str) -> dict[str, Any] | None:
        """A record that we wrote, or None if it is gone."""
        file = self.open_file(key)
        if file is None:
            return None
        with file:
            found: dict[str, Any] = json.load(file)
        return found

    def open_file(self, key: str) -> io.BufferedReader | None:
        """The bytes of a file that we made, streamed, or None if it is gone."""
        try:
            with translated():
                body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
        except ClientError as error:
            # S3 says AccessDenied of a missing object to who may not list the bucket.
            if error.response["Error"]["Code"] in ("NoSuchKey", "AccessDenied"):
                return None
            raise
        return io.BufferedReader(_Stream(body), buffer_size=_MEBIBYTE)

    def exists(self, key: str) -> bool:
        """Whether a file that we made is still there; False once S3 has expired it, or somebody deleted it.

        S3 says 403 of a missing object to who may not list the bucket, and 404 to who may.
        """
        try:
            self._client.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404):
                return False
            raise
        return True

    def save(self, path: str, key: str, content_type: str) -> None:
        """Upload a local file, in several parts where it is large."""
        self._client.upload_file(
            path, self._bucket, key, ExtraArgs={"ContentType": content_type}, Config=_ONE_PART_AT_A_TIME
        )

    def stream(self, pieces: Iterator[bytes], key: str, content_type: str) -> None:
        """Upload what comes, as it comes: no more than a part of it is ever in memory.

        If `pieces` raises, nothing is left in the bucket.
        """
        self._client.upload_fileobj(
            io.BufferedReader(_Pieces(pieces), buffer_size=_MEBIBYTE),
            self._bucket,
            key,
            ExtraArgs={"ContentType": content_type},
            Config=_ONE_PART_AT_A_TIME,
        )

    def signed_url(self, key: str, seconds: int, name: str, head: bool = False) -> str:
        """A URL that downloads one file for a short while, to be saved under this name.

        A signature is for one method: `head` gives a URL for HEAD.
        """
        return self._client.generate_presigned_url(
            "head_object" if head else "get_object",
            Params={
                "Bucket": self._bucket,
                "Key": key,
                "ResponseContentDisposition": content_disposition(name),
            },
            ExpiresIn=seconds,
        )


def part_name(group: str, number: int) -> str:
    """Parts sort by number within their group."""
    return f"{group}-{number:06d}"


def _part_key(import_id: str, part: str) -> str:
    return f"imports/{import_id}/parts/{part}.jsonl"


def _answer(line: bytes) -> Answer:
    line_number, outcome, *rest = orjson.loads(line)
    return Answer(line_number, Outcome(outcome), *rest)


def _cells(answer: Answer) -> list[Any]:
    whose = [answer.account_id, answer.user_id] if answer.user_id else []
    return [
        answer.line,
        answer.outcome,
        answer.message,
        answer.unit,
        answer.redeemed,
        answer.available,
        *whose,
    ]
