"""An in-memory S3: versions, metadata, notifications, and bodies that can break off."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError, ResponseStreamingError

from tests.simulation.faults import client_error


@dataclass(frozen=True)
class Version:
    """One version of an object; `modified` in Unix milliseconds, of which S3 tells whole seconds."""

    id: str
    body: bytes
    metadata: Mapping[str, str]
    modified: int


@dataclass
class Bucket:
    """Objects by key, the newest version last; `notify` hears of every new one."""

    versioned: bool = True
    objects: dict[str, list[Version]] = field(default_factory=dict)
    notify: Callable[[str, Version], None] = lambda key, version: None


class S3:
    def __init__(self, gateway: Any, buckets: dict[str, Bucket]) -> None:
        self.buckets = buckets
        self._gateway = gateway
        self._made = 0
        self._uploads: dict[str, dict[int, bytes]] = {}

    def put_object(
        self, *, Bucket: str, Key: str, Body: bytes, Metadata: Mapping[str, str] | None = None
    ) -> Any:
        def apply() -> Any:
            version = self.store(Bucket, Key, Body, Metadata or {})
            return {"VersionId": version.id} if self._bucket(Bucket).versioned else {}

        return self._call("PutObject", f"{Bucket}/{Key}", apply, writes=True)

    def head_object(self, *, Bucket: str, Key: str, VersionId: str | None = None) -> Any:
        def apply() -> Any:
            # A HEAD has no body, so there is nothing but the status in its error.
            version = self._find(Bucket, Key, VersionId, client_error("404", "Not Found", "HeadObject", 404))
            return self._described(Bucket, version)

        return self._call("HeadObject", f"{Bucket}/{Key}", apply, writes=False)

    def get_object(
        self, *, Bucket: str, Key: str, VersionId: str | None = None, Range: str | None = None
    ) -> Any:
        def apply() -> Any:
            code = "NoSuchVersion" if VersionId else "NoSuchKey"
            version = self._find(Bucket, Key, VersionId, client_error(code, "Not there.", "GetObject", 404))
            body = version.body if Range is None else _part(version.body, Range)
            breaks = None
            if self._gateway.faults.strikes("broken-body"):
                breaks = self._gateway.kernel.random.randrange(len(body) + 1)
            part = {} if Range is None else {"ContentRange": f"{Range}/{len(version.body)}"}
            return {**self._described(Bucket, version), **part, "Body": Body(body, breaks)}

        return self._call("GetObject", f"{Bucket}/{Key}", apply, writes=False)

    def upload_file(
        self, filename: str, bucket: str, key: str, ExtraArgs: Mapping[str, str], Config: Any = None
    ) -> None:
        self._upload(Path(filename).read_bytes(), bucket, key, ExtraArgs)

    def upload_fileobj(
        self, file: Any, bucket: str, key: str, ExtraArgs: Mapping[str, str], Config: Any = None
    ) -> None:
        self._upload(file.read(), bucket, key, ExtraArgs)

    def create_multipart_upload(self, *, Bucket: str, Key: str, ContentType: str) -> Any:
        def apply() -> Any:
            self._made += 1
            upload = f"u{self._made:05d}"
            self._uploads[upload] = {}
            return {"UploadId": upload}

        return self._call("CreateMultipartUpload", f"{Bucket}/{Key} {ContentType}", apply, writes=True)

    def upload_part_copy(
        self, *, Bucket: str, Key: str, UploadId: str, PartNumber: int, CopySource: Mapping[str, str]
    ) -> Any:
        def apply() -> Any:
            missing = client_error("NoSuchKey", "Not there.", "UploadPartCopy", 404)
            version = self._find(CopySource["Bucket"], CopySource["Key"], None, missing)
            self._parts_of(UploadId)[PartNumber] = version.body
            return {"CopyPartResult": {"ETag": str(PartNumber)}}

        return self._call("UploadPartCopy", f"{Bucket}/{Key} {PartNumber}", apply, writes=True)

    def complete_multipart_upload(
        self, *, Bucket: str, Key: str, UploadId: str, MultipartUpload: Mapping[str, Any]
    ) -> Any:
        def apply() -> Any:
            parts = self._parts_of(UploadId)
            numbers = [part["PartNumber"] for part in MultipartUpload["Parts"]]
            if numbers != sorted(parts):
                self._gateway.kernel.wrong(f"parts {numbers} of {sorted(parts)}")
            del self._uploads[UploadId]
            return self.store(Bucket, Key, b"".join(parts[number] for number in numbers), {})

        return self._call("CompleteMultipartUpload", f"{Bucket}/{Key}", apply, writes=True)

    def abort_multipart_upload(self, *, Bucket: str, Key: str, UploadId: str) -> Any:
        def apply() -> Any:
            self._parts_of(UploadId)
            del self._uploads[UploadId]
            return {}

        return self._call("AbortMultipartUpload", f"{Bucket}/{Key}", apply, writes=True)

    def generate_presigned_url(self, operation: str, Params: Mapping[str, str], ExpiresIn: int) -> str:
        return f"https://s3.simulated/{Params['Bucket']}/{Params['Key']}"

    def _upload(self, body: bytes, bucket: str, key: str, ExtraArgs: Mapping[str, str]) -> None:
        """As one request: of an upload in parts nothing is seen before it is completed."""
        if ExtraArgs.keys() - {"ContentType"}:
            self._gateway.kernel.wrong(f"upload_file with {ExtraArgs}: teach it first")
        try:
            self._call(
                "UploadFile", f"{bucket}/{key}", lambda: self.store(bucket, key, body, {}), writes=True
            )
        except ClientError as error:
            raise S3UploadFailedError(f"Failed to upload to {bucket}/{key}: {error}") from error

    def delete_object(self, *, Bucket: str, Key: str, VersionId: str | None = None) -> Any:
        """Without a version the object is hidden, which here is the same as if it were deleted."""

        def apply() -> Any:
            kept = [
                version
                for version in self._bucket(Bucket).objects.get(Key, [])
                if VersionId not in (None, version.id)
            ]
            self._bucket(Bucket).objects[Key] = kept
            return {"VersionId": VersionId}

        return self._call("DeleteObject", f"{Bucket}/{Key}", apply, writes=True)

    def newest(self, bucket: str, key: str) -> bytes | None:
        """What stands under a key, without a request."""
        versions = self._bucket(bucket).objects.get(key)
        return versions[-1].body if versions else None

    def store(self, bucket: str, key: str, body: bytes, metadata: Mapping[str, str]) -> Version:
        """Make a new version of an object, without a request."""
        if len(key.encode()) > 1024:
            raise client_error("KeyTooLongError", "Your key is too long", "PutObject")
        body = body.encode() if isinstance(body, str) else bytes(body)
        self._made += 1
        version = Version(f"v{self._made:05d}", body, dict(metadata), self._gateway.kernel.now)
        found = self._bucket(bucket)
        versions = found.objects.setdefault(key, [])
        if not found.versioned:
            versions.clear()
        versions.append(version)
        found.notify(key, version)
        return version

    def _parts_of(self, upload: str) -> dict[int, bytes]:
        if upload not in self._uploads:
            raise client_error("NoSuchUpload", "The specified upload does not exist.", "S3", 404)
        return self._uploads[upload]

    def _find(self, bucket: str, key: str, version_id: str | None, missing: ClientError) -> Version:
        versions = self._bucket(bucket).objects.get(key, [])
        found = [version for version in versions if version_id is None or version.id == version_id]
        if not found:
            raise missing
        return found[-1]

    def _described(self, bucket: str, version: Version) -> dict[str, Any]:
        return {
            "ContentLength": len(version.body),
            "ETag": f'"{hashlib.md5(version.body, usedforsecurity=False).hexdigest()}"',
            "LastModified": datetime.fromtimestamp(version.modified // 1000, UTC),
            "Metadata": dict(version.metadata),
            **({"VersionId": version.id} if self._bucket(bucket).versioned else {}),
        }

    def _bucket(self, name: str) -> Bucket:
        if name not in self.buckets:
            raise client_error("NoSuchBucket", "The specified bucket does not exist", "S3", 404)
        return self.buckets[name]

    def _call(self, operation: str, subject: str, apply: Callable[[], Any], *, writes: bool) -> Any:
        return self._gateway.call("s3", operation, subject, apply, writes=writes)


def _part(body: bytes, asked: str) -> bytes:
    """The bytes that a header `Range: bytes=first-last` asks for; without `last`, all from `first` on."""
    first, _, last = asked.removeprefix("bytes=").partition("-")
    return body[int(first) : int(last) + 1 if last else None]


class Body:
    """A streamed body; it breaks off after so many bytes, or never."""

    def __init__(self, content: bytes, breaks: int | None) -> None:
        self._content = content
        self._place = 0
        self._breaks = breaks

    def read(self, amount: int | None = None) -> bytes:
        end = len(self._content) if amount is None else self._place + amount
        if self._breaks is not None and end > self._breaks:
            raise ResponseStreamingError(error="connection broken")
        data = self._content[self._place : end]
        self._place += len(data)
        return data

    def close(self) -> None:
        pass
