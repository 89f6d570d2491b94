"""Run every event of events/ through its function with `sam local invoke`: make sam-local

The events name tables, files and imports that do not exist. So each is completed here: what it names is
created on the running local stack first, and what the function did is checked afterwards. While this runs,
the stack's own functions get no messages and no uploads. Needs Docker.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import yaml

from infra.local import __main__ as local_stack
from infra.local import stack
from infra.local.ministack import CREDENTIALS, REGION, ROOT

EVENTS = ROOT / "events"
BUILT = ROOT / ".build" / "aws" / "stack"
WORK = ROOT / ".build" / "sam-local"

# Runs a function, by its name in the template, on an event; its response.
Invoke = Callable[[str, dict[str, Any]], Any]

REWARDS = "id,type,unit,assignedCredit,user.id,user.accountId\n" + "".join(
    f"sam-{n},CREDIT,POINT,100,sam-{n},acme\n" for n in range(9)
)
WAIT_SECONDS = 60.0


class UnexpectedError(Exception):
    """An event had an unexpected outcome; the message names the event, and says what happened."""


def main() -> int:
    problem = missing()
    if problem:
        print(problem)
        return 1
    local = local_stack.running()
    if local is None:
        print("No local stack is running. Start one with `make up`, then run `make sam-local` again.")
        return 1
    done = Events(local, lambda name, event: invoke_in_docker(local, name, event)).run()
    print(f"{len(done)} events, each with the expected outcome: {', '.join(done)}.")
    return 0


def missing() -> str | None:
    """What `sam local invoke` needs and is not here, as a sentence."""
    docker = shutil.which("docker")
    if docker is None:
        return "Docker is not installed. `sam local invoke` runs functions in Docker, so no event was run."
    if subprocess.run([docker, "info"], capture_output=True, check=False).returncode:
        return "Docker does not respond. `sam local invoke` runs functions in Docker, so no event was run."
    return None


def environment(local: stack.Stack, function: str) -> dict[str, str]:
    """The variables of a deployed function, and those that point its clients at the stack."""
    client = local.aws.client("lambda")
    found = client.get_function_configuration(FunctionName=local.resources[function])
    own = {"AWS_ENDPOINT_URL": local.aws.endpoint, "AWS_DEFAULT_REGION": REGION, **CREDENTIALS}
    return {**found["Environment"]["Variables"], **own}


def invoke_in_docker(local: stack.Stack, function: str, event: Mapping[str, Any]) -> Any:
    """Run a function of the built template on an event; its response."""
    WORK.mkdir(parents=True, exist_ok=True)
    variables = environment(local, function)
    template = BUILT / "sam-local.yaml"  # beside the code that it names
    template.write_text(declaring((BUILT / "template.yaml").read_text(), function, variables))
    (WORK / "event.json").write_text(json.dumps(event))
    (WORK / "environment.json").write_text(json.dumps({function: variables}))
    command = [
        *(str(ROOT / ".venv/bin/sam"), "local", "invoke", function),
        *("--template", str(template), "--event", str(WORK / "event.json")),
        # The stack listens on this machine only.
        *("--env-vars", str(WORK / "environment.json"), "--docker-network", "host"),
    ]
    sam = {**os.environ, **CREDENTIALS, "AWS_DEFAULT_REGION": REGION, "SAM_CLI_TELEMETRY": "0"}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=sam)
    if ran.returncode:
        raise UnexpectedError(f"{function}: {ran.stderr[-2000:]}")
    response = json.loads(ran.stdout.strip().splitlines()[-1])
    if isinstance(response, dict) and "errorMessage" in response:
        raise UnexpectedError(f"{function}: {response['errorMessage']}")
    return response


def declaring(template: str, function: str, variables: Mapping[str, str]) -> str:
    """A built template in which a function declares variables: SAM ignores all others."""
    built = yaml.load(template, yaml.CSafeLoader)
    built["Resources"][function]["Properties"]["Environment"] = {"Variables": dict(variables)}
    return yaml.dump(built)


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return found


class Events:
    """The events, completed for a local stack and run one after another."""

    def __init__(self, local: stack.Stack, invoke: Invoke) -> None:
        self._local = local
        self._invoke = invoke
        self._done: list[str] = []
        self._s3, self._sqs = local.aws.client("s3"), local.aws.client("sqs")
        self._dynamodb = local.aws.client("dynamodb")

    def run(self) -> list[str]:
        """Run every event; their names. Raises UnexpectedError where an outcome is not what it should be."""
        self._load()
        with self._alone():
            self._api()
            self._redemption()
            self._dead_letters()
            self._others()
        left = {path.stem for path in EVENTS.glob("*.json")} - {*self._done}
        self._check("events/", not left, f"no outcome is known for {sorted(left)}")
        return self._done

    # --- What the events are for ---

    def _api(self) -> None:
        response = self._call("ApiFunction", "api-import", read("api-import"))
        record = json.loads(response["body"])
        self._check("api-import", response["statusCode"] == 201 and record["upload"], response)
        response = self._call("ApiFunction", "api-export", read("api-export"))
        export_id = json.loads(response["body"])["id"]
        self._check("api-export", response["statusCode"] == 201, response)
        order = self._message("report-order", "ExportQueue", self._take("ExportQueue", export_id))
        self._call("ReportFunction", "report-order", order)
        self._check("report-order", self._status("EXPORT", export_id) == "COMPLETED", export_id)

    def _redemption(self) -> None:
        """A file is checked, its chunk redeemed, and its import finished: not as a dead letter."""
        event = self._uploaded("validate-s3-put", "sam-0")
        self._call("ValidateFunction", "validate-s3-put", event)
        chunk = self._take("RedemptionQueue", "sam-0")
        import_id = json.loads(chunk)["importId"]
        self._check("validate-s3-put", self._status("IMPORT", import_id) == "PROCESSING", import_id)
        self._call("RedeemFunction", "redeem-chunk", self._message("redeem-chunk", "RedemptionQueue", chunk))
        self._check("redeem-chunk", self._outcomes(import_id) == {"REDEEMED": 1}, self._outcomes(import_id))
        order = self._message("finish", "FinishQueue", self._take("FinishQueue", import_id))
        self._call("FinishFunction", "finish", order)
        item = self._item("IMPORT", import_id)
        finished = self._status("IMPORT", import_id) == "COMPLETED" and item.get("results") == {"BOOL": True}
        self._check("finish", finished, item)
        event = read("email-bounced")
        event["detail"]["mail"]["tags"]["import_id"] = [import_id]
        self._call("SweepFunction", "email-bounced", event)
        item = self._item("IMPORT", import_id)
        self._check("email-bounced", "emailProblem" in item, item)

    def _dead_letters(self) -> None:
        self._call("ValidateFunction", None, self._uploaded("validate-s3-put", "sam-1"))
        chunk = self._take("RedemptionQueue", "sam-1")
        import_id = json.loads(chunk)["importId"]
        # Two workers failed with it; otherwise it would be requeued.
        self._dynamodb.put_item(
            TableName=self._local.resources["JobsTable"],
            Item={"pk": {"S": f"IMPORT#{import_id}"}, "sk": {"S": "CHUNK#000001"}, "workers": {"N": "2"}},
        )
        dead = self._message("dead-letter-chunk", "DeadLetterQueue", chunk)
        self._call("FinishFunction", "dead-letter-chunk", dead)
        outcomes = self._outcomes(import_id)
        self._check("dead-letter-chunk", outcomes == {"NOT_PROCESSED": 1}, outcomes)
        self._take("FinishQueue", import_id)

        body = json.loads(read("dead-letter-validate")["Records"][0]["body"])
        body["requestPayload"] = self._uploaded("validate-s3-put", "sam-2")
        dead = self._message("dead-letter-validate", "DeadLetterQueue", json.dumps(body))
        before = self._jobs()
        self._call("FinishFunction", "dead-letter-validate", dead)
        (new,) = self._jobs() - before
        self._check("dead-letter-validate", self._status("IMPORT", new) == "ABORTED", new)

    def _others(self) -> None:
        self._check("sweep", self._call("SweepFunction", "sweep", read("sweep")) is None, "a response")
        page = self._call("ConsoleFunction", "console-get", read("console-get"))
        is_page = page["statusCode"] == 200 and page["headers"]["Content-Type"].startswith("text/html")
        self._check("console-get", is_page, page)
        answer = self._call("AuthorizerFunction", "authorizer", self._authorized())
        self._check("authorizer", "write" in answer["context"].get("scopes", "").split(), answer)

    # --- Completing events ---

    def _uploaded(self, name: str, user: str) -> dict[str, Any]:
        """An S3 event about a file that asks for a participant's points."""
        event = read(name)
        place = event["Records"][0]["s3"]
        body = f"accountId,userId,unit,valueToRedeem\nacme,{user},POINT,1\n"
        bucket, key = self._local.upload_bucket, f"redemptions/{user} {time.time_ns()}.csv"
        stored = self._s3.put_object(
            Bucket=bucket, Key=key, Body=body.encode(), Metadata={"allow-duplicate": "true"}
        )
        place["bucket"] |= {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"}
        place["object"] |= {"key": key.replace(" ", "+"), "versionId": stored["VersionId"], "size": len(body)}
        return event

    def _message(self, name: str, queue: str, body: str) -> dict[str, Any]:
        """An SQS event with a message of a queue of the stack."""
        event = read(name)
        arn = self._sqs.get_queue_attributes(
            QueueUrl=self._local.resources[queue], AttributeNames=["QueueArn"]
        )["Attributes"]["QueueArn"]
        event["Records"][0] |= {"body": body, "eventSourceARN": arn}
        return event

    def _authorized(self) -> dict[str, Any]:
        """The request that asks for authorization, with the key of the stack."""
        event = read("authorizer")
        pair = base64.b64encode(f":{self._local.api_key}".encode()).decode()
        event["headers"]["authorization"] = f"Basic {pair}"
        return event

    # --- The stack ---

    def _load(self) -> None:
        """Load rewards by the stack's own functions, and wait for them."""
        before = self._jobs()
        body = REWARDS.encode()
        self._s3.put_object(Bucket=self._local.upload_bucket, Key="rewards/sam-local.csv", Body=body)
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            if [job for job in self._jobs() - before if self._status("IMPORT", job) == "COMPLETED"]:
                return
            time.sleep(0.1)
        raise UnexpectedError(f"the stack did not load its rewards in {WAIT_SECONDS:.0f} seconds")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep messages and uploads from the stack's own functions."""
        client, bucket = self._local.aws.client("lambda"), self._local.upload_bucket
        sources = [each["UUID"] for each in client.list_event_source_mappings()["EventSourceMappings"]]
        notifications: Any = self._s3.get_bucket_notification_configuration(Bucket=bucket)
        notifications.pop("ResponseMetadata", None)
        try:
            self._s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
            for source in sources:
                client.update_event_source_mapping(UUID=source, Enabled=False)
            time.sleep(2)  # until pollers that wait for messages have ended
            yield
        finally:
            for source in sources:
                client.update_event_source_mapping(UUID=source, Enabled=True)
            self._s3.put_bucket_notification_configuration(
                Bucket=bucket, NotificationConfiguration=notifications
            )

    def _take(self, queue: str, text: str) -> str:
        """Take the message that contains a text off a queue; others stay."""
        url = self._local.resources[queue]
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            found = self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=2)
            for message in found.get("Messages", []):
                if text in message["Body"]:
                    self._sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                    return message["Body"]
            time.sleep(0.1)
        raise UnexpectedError(f"no message with {text} came to {queue}")

    def _item(self, kind: str, identifier: str) -> dict[str, Any]:
        found: Any = self._dynamodb.get_item(
            TableName=self._local.resources["JobsTable"],
            Key={"pk": {"S": f"{kind}#{identifier}"}, "sk": {"S": "META"}},
        )
        item: dict[str, Any] = found["Item"]
        return item

    def _status(self, kind: str, identifier: str) -> str:
        status: str = self._item(kind, identifier)["status"]["S"]
        return status

    def _outcomes(self, import_id: str) -> dict[str, int]:
        outcomes = self._item("IMPORT", import_id)["outcomes"]["M"]
        return {outcome: int(count["N"]) for outcome, count in outcomes.items()}

    def _jobs(self) -> set[str]:
        """The ids of all imports."""
        items = self._dynamodb.scan(TableName=self._local.resources["JobsTable"])["Items"]
        keys = [(item["pk"]["S"], item["sk"]["S"]) for item in items]
        return {pk.removeprefix("IMPORT#") for pk, sk in keys if pk.startswith("IMPORT#") and sk == "META"}

    def _call(self, function: str, name: str | None, event: dict[str, Any]) -> Any:
        """Run a function, which must not fail any of its messages; its response."""
        response = self._invoke(function, event)
        failed = response.get("batchItemFailures") if isinstance(response, dict) else None
        self._check(None, not failed, f"{function} failed on {name}: {failed}")
        return response

    def _check(self, name: str | None, holds: object, found: object) -> None:
        if not holds:
            raise UnexpectedError(f"{name}: {found}" if name else str(found))
        if name and name != "events/":
            self._done.append(name)


if __name__ == "__main__":
    sys.exit(main())
