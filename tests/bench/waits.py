"""An AWS that lets every request wait, in a process of its own.

    aws = waits.start()
    ...
    aws.stop()

DynamoDB answers after 8 ms, S3 and SQS after 20 ms, and bytes travel at 75 MB a second (all assumed). The
services are those of the simulation. What prepares a measurement does not wait, nor does what Lambda's
pollers do: that is no time of a function.
"""

import http.server
import os
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import orjson
from botocore import xform_name
from botocore.exceptions import ClientError

from infra.local.ministack import HOST, ROOT, MiniStack
from tests.simulation.dynamodb import Change, DynamoDB, Table
from tests.simulation.faults import Direct
from tests.simulation.s3 import S3, Bucket
from tests.simulation.sqs import SQS, Queue

DYNAMODB, S3_AND_SQS = 0.008, 0.020  # seconds a request
BYTES_A_SECOND = 75e6
_PIECE = 1 << 20

_PREPARING = {"CreateTable", "BatchWriteItem", "CreateQueue"}
_OF_POLLERS = {"ReceiveMessage", "DeleteMessage", "DeleteMessageBatch"}
_ACCEPTED = ("ReturnConsumedCapacity",)  # arguments that change no effect


class _Partitioned(DynamoDB):
    """Looks for what a query finds in one partition; the simulation's looks through the whole table."""

    def __init__(self, gateway: Any) -> None:
        super().__init__(gateway, {})
        self._partitions: dict[tuple[str, str], Table] = {}
        self.observe = self.add

    def add(self, changes: list[Change]) -> None:
        for name, key, _, item in changes:
            partition = self._partitions.setdefault((name, key[0]), Table(self.tables[name].key))
            partition.items[key] = item

    def query(self, *, TableName: str, KeyConditionExpression: str, **more: Any) -> Any:  # noqa: N803 - of boto3
        if "IndexName" in more:
            return super().query(TableName=TableName, KeyConditionExpression=KeyConditionExpression, **more)
        value = more["ExpressionAttributeValues"][KeyConditionExpression.split()[2]]["S"]
        partition = self._partitions.get((TableName, value), Table(self.tables[TableName].key))
        view = DynamoDB(self._gateway, {TableName: partition})
        return view.query(TableName=TableName, KeyConditionExpression=KeyConditionExpression, **more)


class _Services:
    """The simulation's services, and what prepares them. One request at a time has its effect."""

    def __init__(self) -> None:
        gateway = Direct()
        self.kernel = gateway.kernel
        self.dynamodb, self.s3, self.sqs = _Partitioned(gateway), S3(gateway, {}), SQS(gateway, {})
        self._uploads: dict[str, dict[int, bytes]] = {}
        self._lock = threading.Lock()

    def json(self, operation: str, request: Any) -> Any:
        """The response of DynamoDB or SQS to a request in their JSON protocol. Raises ClientError."""
        arguments = {name: value for name, value in request.items() if name not in _ACCEPTED}
        with self._lock:
            self.kernel.now = time.time_ns() // 1_000_000
            match operation:
                case "CreateTable":
                    keys = tuple(each["AttributeName"] for each in request["KeySchema"])
                    indexes = {
                        each["IndexName"]: tuple(key["AttributeName"] for key in each["KeySchema"])
                        for each in request.get("GlobalSecondaryIndexes", ())
                    }
                    self.dynamodb.tables[request["TableName"]] = Table(keys, indexes)  # type: ignore[arg-type]
                    return {}
                case "BatchWriteItem":
                    for name, puts in request["RequestItems"].items():
                        table = self.dynamodb.tables[name]
                        for put in puts:
                            item = put["PutRequest"]["Item"]
                            table.items[table.key_of(item)] = item
                            self.dynamodb.add([(name, table.key_of(item), None, item)])
                    return {"UnprocessedItems": {}}
                case "CreateQueue":
                    self.sqs.queues[request["QueueName"]] = Queue(720_000)
                    return {"QueueUrl": request["QueueName"]}
                case "DeleteMessageBatch":
                    for entry in request["Entries"]:
                        self.sqs.delete(request["QueueUrl"], entry["ReceiptHandle"])
                    return {"Successful": [{"Id": entry["Id"]} for entry in request["Entries"]]}
            service = self.sqs if "Message" in operation else self.dynamodb
            return getattr(service, xform_name(operation))(**arguments)

    def rest(self, method: str, url: str, body: bytes) -> tuple[dict[str, str], bytes]:
        """Headers and body of S3's response. Raises ClientError."""
        parts = urlsplit(url)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        with self._lock:
            self.kernel.now = time.time_ns() // 1_000_000
            if not key:
                self.s3.buckets.setdefault(bucket, Bucket())
                return {}, b""
            if "uploads" in query:
                self._uploads[key] = {}
                return {}, f"<R><UploadId>{key}</UploadId></R>".encode()
            if "partNumber" in query:
                self._uploads[key][int(query["partNumber"])] = body
                return {"ETag": f'"{query["partNumber"]}"'}, b""
            if "uploadId" in query:
                body = b"".join(part for _, part in sorted(self._uploads.pop(key).items()))
                self.s3.store(bucket, key, body, {})
                return {}, b"<R><ETag>0</ETag></R>"
            if method == "PUT":
                put = self.s3.put_object(Bucket=bucket, Key=key, Body=body)
                return {"x-amz-version-id": put["VersionId"], "ETag": '"0"'}, b""
            if method == "DELETE":
                self.s3.delete_object(Bucket=bucket, Key=key)
                return {}, b""
            found = self.s3.get_object(Bucket=bucket, Key=key, VersionId=query.get("versionId"))
            headers = {"x-amz-version-id": found["VersionId"], "ETag": '"0"'}
            headers["Last-Modified"] = found["LastModified"].strftime("%a, %d %b %Y %H:%M:%S GMT")
            return headers, found["Body"].read()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body in one packet
    services = _Services()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        service, _, operation = self.headers.get("X-Amz-Target", "").partition(".")
        if operation not in _PREPARING | _OF_POLLERS:
            time.sleep(DYNAMODB if service.startswith("DynamoDB") else S3_AND_SQS)
            time.sleep(len(body) / BYTES_A_SECOND)
        headers = {"Content-Type": "application/x-amz-json-1.0"}
        try:
            if operation:
                response = orjson.dumps(self.services.json(operation, orjson.loads(body)))
            else:
                headers, response = self.services.rest(self.command, self.path, body)
        except ClientError as error:
            code, metadata = error.response["Error"]["Code"], error.response["ResponseMetadata"]
            whole = {"__type": code, "message": code, **error.response}
            text = f"<Error><Code>{code}</Code></Error>".encode()
            self._send(
                metadata["HTTPStatusCode"], headers, orjson.dumps(whole, default=str) if operation else text
            )
        else:
            self._send(200, headers, response)

    def handle_expect_100(self) -> bool:
        super().handle_expect_100()
        self.wfile.flush()  # or the client waits a second for it
        return True

    do_PUT = do_GET = do_HEAD = do_DELETE = do_POST  # noqa: N815 - http.server looks for these names

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in (*headers.items(), ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            for start in range(0, len(body), _PIECE):
                piece = body[start : start + _PIECE]
                time.sleep(len(piece) / BYTES_A_SECOND)
                self.wfile.write(piece)

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64


def start() -> MiniStack:
    """Start one on a free port; stop it as a MiniStack."""
    home = Path(tempfile.mkdtemp(prefix="waits-"))
    program = [sys.executable, "-m", "tests.bench.waits"]
    process = subprocess.Popen(
        program, cwd=ROOT, env={**os.environ}, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    return MiniStack(process.pid, int(process.stdout.readline()), home)


if __name__ == "__main__":
    with _Server((HOST, 0), _Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()
