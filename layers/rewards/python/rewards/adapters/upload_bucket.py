"""The upload bucket as the API uses it: forms that upload one file, and copies of what was uploaded."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from rewards.domain.download_names import content_disposition

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Larger files are copied in parts, side by side: a request of the API has seconds, not minutes.
_COPY = TransferConfig(multipart_threshold=256 << 20, multipart_chunksize=128 << 20, max_concurrency=16)


@dataclass(frozen=True, slots=True)
class UploadForm:
    """A form that uploads one file: multipart/form-data with all `fields`, then the file as `file`."""

    url: str
    fields: dict[str, str]


class UploadBucket:
    """Signs forms for the upload bucket, and copies inside it."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self.bucket = bucket

    def form(self, key: str, max_bytes: int, seconds: int) -> UploadForm:
        """A form that uploads one file of limited size to this very key."""
        form = self._client.generate_presigned_post(
            self.bucket, key, Conditions=[["content-length-range", 0, max_bytes]], ExpiresIn=seconds
        )
        return UploadForm(form["url"], form["fields"])

    def exists(self, key: str, version_id: str) -> bool:
        """Whether this version of an upload is still kept."""
        version: Any = {"VersionId": version_id} if version_id else {}
        try:
            self._client.head_object(Bucket=self.bucket, Key=key, **version)
        except ClientError as error:
            # S3 says 403 of a missing object to who may not list the bucket.
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404):
                return False
            raise
        return True

    def signed_url(self, key: str, version_id: str, seconds: int, name: str) -> str:
        """A URL that downloads this version of an upload for a short while, to be saved under this name."""
        version: Any = {"VersionId": version_id} if version_id else {}
        return self._client.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self.bucket,
                "Key": key,
                **version,
                "ResponseContentDisposition": content_disposition(name),
                # Whoever uploaded the file chose its type; a browser must not open it as a page.
                "ResponseContentType": "application/octet-stream",
                "ResponseCacheControl": "no-store",
            },
            ExpiresIn=seconds,
        )

    def copy(self, key: str, version_id: str, target: str) -> None:
        """Copy a version of an upload to another key, within S3."""
        version: Any = {"VersionId": version_id} if version_id else {}
        source: Any = {"Bucket": self.bucket, "Key": key, **version}
        self._client.copy(source, self.bucket, target, Config=_COPY)
