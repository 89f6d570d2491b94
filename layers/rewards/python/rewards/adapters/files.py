"""Uploads, results and reports in S3."""

import hashlib
import io
import json
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import TYPE_CHECKING, Any

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from rewards.adapters.errors import UploadGoneError, UploadUnreadableError, translated
from rewards.adapters.parallel import read_ahead
from rewards.adapters.result_parts import Part, decode_part, decode_results, encode_part
from rewards.domain.download_names import content_disposition
from rewards.domain.object_keys import old_part_key, part_key
from rewards.domain.outcomes import RowResult
from rewards.domain.receipt import BlockDigest

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MEBIBYTE = 1 << 20

# S3 takes 10,000 parts, so a file may have 78 GiB. Parts are sent beside the making of the next ones.
_PARTS = TransferConfig(multipart_chunksize=8 * _MEBIBYTE, max_concurrency=3)
_PARTS.max_in_memory_upload_chunks = 3  # boto3 would keep ten


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
    """An S3 body as a raw stream, so that the standard library buffers and decodes it."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._body.read(len(buffer))
        buffer[: len(data)] = data
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


class _ReadAhead(_Pieces):
    """An S3 body as a raw stream; while a piece is worked on, a thread reads the next one, and adds it to the
    digest."""

    def __init__(self, body: Any, digest: BlockDigest | None) -> None:
        self._body = body
        self._digest = digest
        self._reading = self._read()
        super().__init__(self._reading)

    def _read(self) -> Generator[bytes, None, None]:
        with ThreadPoolExecutor(1) as pool:
            following = pool.submit(self._read_piece)
            while piece := following.result():
                following = pool.submit(self._read_piece)
                yield piece

    def _read_piece(self) -> bytes:
        piece: bytes = self._body.read(_MEBIBYTE)
        if self._digest is not None:
            self._digest.update(piece)
        return piece

    def close(self) -> None:
        self._reading.close()
        self._body.close()
        super().close()


class _Within:
    """A part of a body: a server may ignore a requested range and return everything (RFC 9110, 14.2)."""

    def __init__(self, body: Any, first: int, end: int | None) -> None:
        self._body = body
        self._before = first
        self._left = None if end is None else end - first

    def read(self, amount: int) -> bytes:
        while self._before and (skipped := self._body.read(min(amount, self._before))):
            self._before -= len(skipped)
        data: bytes = self._body.read(amount if self._left is None else min(amount, self._left))
        if self._left is not None:
            self._left -= len(data)
        return data

    def close(self) -> None:
        self._body.close()


class Files:
    """Reads uploads; writes and reads what imports and exports put into the files bucket."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def describe(self, bucket: str, key: str, version_id: str | None) -> Upload:
        """An uploaded object as it is now; its version is pinned from here on.

        Raises UploadGoneError and UploadUnreadableError.
        """
        version: Any = {"VersionId": version_id} if version_id else {}
        with _upload_errors(bucket, key, version_id):
            head = self._client.head_object(Bucket=bucket, Key=key, **version)
        return Upload(
            bucket=bucket,
            key=key,
            version_id=head.get("VersionId", ""),
            size=head["ContentLength"],
            modified=int(head["LastModified"].timestamp() * 1000),
            metadata={name: decoded(text) for name, text in head.get("Metadata", {}).items()},
            etag=head.get("ETag", ""),
        )

    def open_upload(
        self,
        bucket: str,
        key: str,
        version_id: str,
        first: int = 0,
        end: int | None = None,
        digest: BlockDigest | None = None,
    ) -> io.BufferedReader:
        """The bytes of an upload, streamed: all, or those from `first` to before `end`.

        What is read is added to the `digest`.

        Raises UploadGoneError and UploadUnreadableError.
        """
        asked: Any = {"VersionId": version_id} if version_id else {}
        if first or end is not None:
            asked["Range"] = f"bytes={first}-" + ("" if end is None else str(end - 1))
        with _upload_errors(bucket, key, version_id):
            response: Any = self._client.get_object(Bucket=bucket, Key=key, **asked)
        body = response["Body"]
        if "Range" in asked and "ContentRange" not in response:
            body = _Within(body, first, end)
        return io.BufferedReader(_ReadAhead(body, digest), buffer_size=_MEBIBYTE)

    def digest_of_upload(self, bucket: str, key: str, version_id: str) -> str:
        """The SHA-256 of an upload's bytes, in hexadecimal.

        Raises UploadGoneError and UploadUnreadableError.
        """
        with self.open_upload(bucket, key, version_id) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def block_digest_of_upload(self, bucket: str, key: str, version_id: str) -> str:
        """The `BlockDigest` of an upload, in hexadecimal.

        Raises UploadGoneError and UploadUnreadableError.
        """
        digest = BlockDigest()
        with self.open_upload(bucket, key, version_id, digest=digest) as stream:
            while stream.read(_MEBIBYTE):
                pass
        return digest.hexdigest()

    def put_part(
        self, import_id: str, part: str, results: Sequence[RowResult], cells: Sequence[str | None]
    ) -> str:
        """Write a part of an import's results, in line order; return its SHA-256. Repeating it is harmless.

        `cells` are the result cells of each as CSV text, or None.
        """
        body = encode_part(results, cells)
        self.put(part_key(import_id, part), body)
        return hashlib.sha256(body).hexdigest()

    def parts(self, import_id: str, parts: Iterable[str]) -> Iterator[Part]:
        """Yield parts of an import's results; several are read at once, ahead of the one that is asked for.

        Raises FileNotFoundError if one was deleted.
        """
        for body in read_ahead(lambda part: self._part(import_id, part), parts):
            yield decode_part(body)

    def part(self, import_id: str, part: str) -> list[RowResult]:
        """The results of one part, in line order. Raises FileNotFoundError if it was deleted."""
        return decode_results(self._part(import_id, part))

    def partial_results(self, import_id: str, part: str) -> list[RowResult]:
        """The results of a part that may not be there, in line order."""
        body = self._part_if_kept(import_id, part)
        return [] if body is None else decode_results(body)

    def _part(self, import_id: str, part: str) -> bytes:
        body = self._part_if_kept(import_id, part)
        if body is None:
            raise FileNotFoundError(f"{import_id} {part}")
        return body

    def _part_if_kept(self, import_id: str, part: str) -> bytes | None:
        body = self.get(part_key(import_id, part))
        return self.get(old_part_key(import_id, part)) if body is None else body

    def put_record(self, key: str, record: Mapping[str, object]) -> None:
        """Write a small record as JSON; writing it again is harmless."""
        self.put(key, json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode())

    def put(self, key: str, body: bytes) -> None:
        """Write a small file; writing it again is harmless."""
        with translated():
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body)

    def get(self, key: str) -> bytes | None:
        """The bytes of a small file that we made, or None if it was deleted."""
        body = self._body(key)
        if body is None:
            return None
        with closing(body):
            content: bytes = body.read()
            return content

    def delete(self, key: str) -> None:
        """Delete a file that we made; one that is not there is no error."""
        with translated():
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def record(self, key: str) -> Any:
        """A record that we wrote, or None if it was deleted."""
        body = self.get(key)
        return None if body is None else json.loads(body)

    def open_file(self, key: str) -> io.BufferedReader | None:
        """The bytes of a file that we made, streamed, or None if it was deleted."""
        body = self._body(key)
        return None if body is None else io.BufferedReader(_Stream(body), buffer_size=_MEBIBYTE)

    def _body(self, key: str) -> Any:
        """The body of a response to GetObject, or None if the file was deleted."""
        try:
            with translated():
                return self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
        except ClientError as error:
            # S3 says AccessDenied of a missing object to who may not list the bucket, and names the right to
            # a key that is missing.
            code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
            if code == "NoSuchKey" or (code == "AccessDenied" and "kms:" not in message):
                return None
            raise

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
            path, self._bucket, key, ExtraArgs={"ContentType": content_type}, Config=_PARTS
        )

    def stream(self, pieces: Iterator[bytes], key: str, content_type: str) -> None:
        """Upload what comes, as it comes: no more than a few parts of it are ever in memory.

        `pieces` may be asked for from another thread. If `pieces` raises, nothing is left in the bucket.
        """
        self._client.upload_fileobj(
            io.BufferedReader(_Pieces(pieces), buffer_size=_MEBIBYTE),
            self._bucket,
            key,
            ExtraArgs={"ContentType": content_type},
            Config=_PARTS,
        )

    def concatenate(self, keys: Sequence[str], key: str, content_type: str) -> None:
        """Make one file of several, in their order, within S3. Each but the last has at least 5 MiB.

        Raises FileNotFoundError if one was deleted.
        """
        target: Any = {"Bucket": self._bucket, "Key": key}
        upload = self._client.create_multipart_upload(**target, ContentType=content_type)["UploadId"]

        def copy(numbered: tuple[int, str]) -> Any:
            number, source = numbered
            try:
                copied = self._client.upload_part_copy(
                    **target,
                    UploadId=upload,
                    PartNumber=number,
                    CopySource={"Bucket": self._bucket, "Key": source},
                )
            except self._client.exceptions.NoSuchKey as error:
                raise FileNotFoundError(source) from error
            return {"PartNumber": number, "ETag": copied["CopyPartResult"]["ETag"]}

        try:
            parts = [*read_ahead(copy, enumerate(keys, start=1))]
            self._client.complete_multipart_upload(
                **target, UploadId=upload, MultipartUpload={"Parts": parts}
            )
        except Exception:
            self._client.abort_multipart_upload(**target, UploadId=upload)
            raise

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
                "ResponseCacheControl": "no-store",
            },
            ExpiresIn=seconds,
        )


@contextmanager
def _upload_errors(bucket: str, key: str, version_id: str | None) -> Iterator[None]:
    """Tell a missing upload from a denied one; a HEAD has no body, so its error has only the status.

    S3 says 404 of a missing object only to a role with s3:ListBucket, which those that read uploads have.
    """
    try:
        yield
    except ClientError as error:
        where = f"s3://{bucket}/{key} {version_id}"
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        code = error.response["Error"]["Code"]
        # A delete marker that is asked for by its version is answered 405.
        if code in ("NoSuchKey", "NoSuchVersion", "MethodNotAllowed") or code in ("404", "405"):
            raise UploadGoneError(where) from error
        # 400: encrypted with a key that only the sender has (SSE-C).
        if status == 403 or code.startswith("KMS.") or code in ("400", "InvalidRequest"):
            raise UploadUnreadableError(where) from error
        raise


def decoded(text: str) -> str:
    """Metadata as it was written: S3 returns what is not ASCII in the form of RFC 2047."""
    if "=?" not in text:
        return text
    try:
        plain = str(make_header(decode_header(text)))
    except (HeaderParseError, LookupError, ValueError):
        return text
    return "".join(letter for letter in plain if letter.isprintable())
