"""Record what release 0.1 has in flight: run in a checkout of that release (commit b7a4093).

    git worktree add ../release-0.1 b7a4093 && cd ../release-0.1
    ln -s ../main/.venv-ministack . && export PYTHONPATH=layers/rewards/python:.
    HERE=../main/tests/e2e/release_0_1 && ../main/.venv/bin/python $HERE/record.py $HERE/state.json

It uses the code and the tests of that release, not those beside it. The release works on an emulated AWS, and
everything that it has stored and sent is written down: items, objects and messages.
"""

import base64
import json
import sys
from pathlib import Path
from typing import Any

from rewards.rules import chunks

from infra.local.ministack import MiniStack
from rewards.flows.reversals import Reversals
from tests.integration.conftest import new_world
from tests.integration.world import quick, row, sheet


def main(path: str) -> None:
    aws = MiniStack.start()
    try:
        Path(path).write_text(json.dumps(recorded(new_world(aws)), indent=1, sort_keys=True) + "\n")
    finally:
        aws.stop()


def recorded(world: Any) -> dict[str, Any]:
    """Work with the release until something of every kind is in flight; the state then."""
    chunks.MAX_ROWS = 2
    messages: dict[str, list[str]] = {name: [] for name in ("redeem", "finish", "export", "dead")}
    users = [f"u{n}" for n in range(12)]
    world.load([{"id": f"r-{user}", "user.id": user, "assignedCredit": 100} for user in users])

    def hold() -> None:
        """Take what was sent off the queues: it is in flight."""
        for name in ("redeem", "finish", "export"):
            messages[name] += world.take(name)

    def validated(key: str, body: str) -> str:
        return world.validate(world.put(key, body))

    ids = {"completed": world.upload("redemptions/completed.csv", asks("u0", "u1"))["id"]}
    world.mailer.sent.clear()
    ids["report"] = world.export("REDEEMABLE_REWARD_BALANCE", "CSV")["id"]
    (sent,) = world.mailer.sent
    ids["reversed"] = world.upload("redemptions/reversed.csv", asks("u2"))["id"]

    ids["all chunks counted"] = validated("redemptions/counted.csv", asks("u3"))
    for body in world.take("redeem"):
        world.deliver("redeem", body)
    hold()
    ids["some chunks counted"] = validated("redemptions/some.csv", asks("u4", "u5", "u6", "u7", "u8"))
    world.deliver("redeem", first_of(world, messages))
    hold()
    ids["preview"] = validated("preview/preview.csv", asks("u9"))
    ids["rewards"] = validated("rewards/more.csv", rewards("n1", "u10"))
    reversals = Reversals(world.jobs, world.queues, world.urls["redeem"], world.now)
    original = world.record(ids["reversed"])
    ids["reversal"] = reversals.order(original, "operator", "ops@example.com", quick())["id"]
    ids["export"] = world.exports.order("REWARD_BALANCE", "CSV", "", "ops@example.com", {})["id"]
    world.overviews.order(world.queues, world.urls["export"])
    waiting, _ = world.imports.order(
        "REDEEMABLE_REWARD_BALANCE", "form.csv", "", False, "operator", "ops@example.com"
    )
    ids["waits for its file"] = waiting["id"]
    lost = world.put("redemptions/lost.csv", asks("u11"))
    messages["dead"].append(failed_validation(lost))
    hold()
    return {
        "ids": ids,
        "recorded": world.now(),
        "email": sent[1].text,
        "messages": messages,
        "tables": {name: items(world, name) for name in ("accounts", "rewards", "jobs")},
        "buckets": {name: {"name": world.names[name], "objects": objects(world, name)} for name in BUCKETS},
    }


BUCKETS = ("upload", "files")


def asks(*users: str) -> str:
    return sheet([row("60", user=user) for user in users])


def rewards(identifier: str, user: str) -> str:
    return f"id,type,unit,assignedCredit,user.id,user.accountId\n{identifier},CREDIT,POINT,5,{user},acme\n"


def first_of(world: Any, messages: dict[str, list[str]]) -> str:
    """The first chunk on the queue; the others are in flight."""
    first, *others = world.take("redeem")
    messages["redeem"] += others
    return first


def failed_validation(uploaded: Any) -> str:
    """What Lambda sends to the dead-letter queue when a validation failed three times."""
    place = {
        "bucket": {"name": uploaded.bucket},
        "object": {"key": uploaded.key, "versionId": uploaded.version_id},
    }
    event = {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": place}]}
    return json.dumps(
        {
            "requestContext": {"condition": "RetriesExhausted", "approximateInvokeCount": 3},
            "requestPayload": event,
            "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
            "responsePayload": {"errorMessage": "failed"},
        }
    )


def items(world: Any, name: str) -> list[Any]:
    return world.clients("dynamodb").scan(TableName=world.names[name])["Items"]


def objects(world: Any, name: str) -> list[dict[str, Any]]:
    bucket, found = world.names[name], []
    for each in world.s3.list_objects_v2(Bucket=bucket).get("Contents", []):
        head = world.s3.get_object(Bucket=bucket, Key=each["Key"])
        body = base64.b64encode(head["Body"].read()).decode()
        version = head.get("VersionId", "")
        found.append({"key": each["Key"], "version": version, "metadata": head["Metadata"], "body": body})
    return found


if __name__ == "__main__":
    main(sys.argv[1])
