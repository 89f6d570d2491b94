"""One local stack that keeps running, to use by hand: python -m infra.local up|down|status|logs|env|token"""

import argparse
import json
import shlex
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from infra.local import stack
from infra.local.ministack import CREDENTIALS, REGION, ROOT, MiniStack
from infra.local.users import GROUPS, PASSWORD

STATE = ROOT / ".local" / "stack.json"
HOME = ROOT / ".local" / "ministack"


def running() -> stack.Stack | None:
    """The stack that `up` left running, if it still is."""
    if not STATE.exists():
        return None
    state = json.loads(STATE.read_text())
    aws = MiniStack(state["pid"], state["port"], Path(state["home"]))
    return stack.inspect(aws) if aws.is_running() else None


def up() -> int:
    """Start one, or bring the one that runs up to date with the build."""
    began = time.monotonic()
    local = running()
    local = stack.deploy(local.aws) if local else stack.start(home=HOME)
    STATE.write_text(json.dumps({"pid": local.aws.pid, "port": local.aws.port, "home": str(local.aws.home)}))
    print(f"The stack is up, after {time.monotonic() - began:.1f} s.\n\n{how_to_use(local)}")
    return 0


def down() -> int:
    local = running()
    if local:
        local.stop()
    STATE.unlink(missing_ok=True)
    print("The stack is down." if local else "No stack was running.")
    return 0


def status() -> int:
    local = running()
    print(how_to_use(local) if local else "No stack is running; `make up` starts one.")
    return 0 if local else 1


def token(role: str) -> int:
    """Sign in somebody who has this role, and print the token, good for an hour."""
    local = running()
    if not local:
        return status()
    print(local.token(role))
    return 0


def logs() -> int:
    """Print what the functions have logged, ordered by time and, within a millisecond, as it was written."""
    local = running()
    if not local:
        return status()
    client = local.aws.client("logs")
    lines = [
        (event["timestamp"], group.rsplit("/", 1)[1], event["message"].rstrip())
        for name, group in local.resources.items()
        if name.endswith("LogGroup")
        for page in client.get_paginator("filter_log_events").paginate(logGroupName=group)
        for event in page["events"]
    ]
    for milliseconds, function, message in in_order(lines):
        clock = datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone()
        print(f"{clock:%H:%M:%S.%f} {function:10} {message}")
    return 0


def in_order(lines: list[tuple[int, str, str]]) -> list[tuple[int, str, str]]:
    """Sort log lines (Unix milliseconds, function, message); those of one millisecond keep their order."""
    return sorted(lines, key=lambda line: line[0])


def variables(local: stack.Stack) -> dict[str, str]:
    """Return every variable that the guides use, and the settings that point the AWS CLI at the stack."""
    return {
        "STACK": stack.NAME,
        "API": local.api,
        "KEY": local.api_key,
        "API_KEY_SECRET": local.outputs["ApiKeySecret"],
        "ROW_ID_KEY_SECRET": local.outputs["RowIdKeySecret"],
        "POOL": local.outputs["UserPoolId"],
        "UPLOAD_BUCKET": local.upload_bucket,
        "FILES_BUCKET": local.files_bucket,
        "DEAD_LETTER_QUEUE": local.outputs["DeadLetterQueueUrl"],
        "REDEMPTION_QUEUE": local.outputs["RedemptionQueueUrl"],
        "AWS_ENDPOINT_URL": local.aws.endpoint,
        "AWS_DEFAULT_REGION": REGION,
        **CREDENTIALS,
    }


def env() -> int:
    """Print commands that set the variables in a shell: eval "$(make -s env)"."""
    local = running()
    if not local:
        print("No stack is running; `make up` starts one.", file=sys.stderr)
        return 1
    for name, value in variables(local).items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def how_to_use(local: stack.Stack) -> str:
    """Where everything is, and commands to paste."""
    return f"""\
Console             {local.outputs["ConsoleUrl"]}
API                 {local.api}
API key             {local.api_key}
Users               {", ".join(map(local.users.somebody, GROUPS))}; password {PASSWORD}
User pool           {local.outputs["UserPoolId"]}
Upload bucket       {local.upload_bucket}
Files bucket        {local.files_bucket}
Redemption queue    {local.outputs["RedemptionQueueArn"]}
Dead-letter queue   {local.outputs["DeadLetterQueueArn"]}
Emails              {local.aws.endpoint}/_ministack/ses/messages

This sets all variables that are used below and in docs/guides:

  eval "$(make -s env)"

With curl, request the report of all balances, and read its status:

  curl -u :$KEY --json '{{"type": "REDEEMABLE_REWARD_BALANCE"}}' $API/export
  curl -u :$KEY $API/export/ID

The same as a user instead of with the API key, and as a read-only user:

  curl -H "Authorization: Bearer $(make -s token)" $API/export/ID
  curl -H "Authorization: Bearer $(make -s token ROLE=viewer)" $API/export/history/list

With the AWS CLI, load rewards, redeem balances, and download all files:

  aws s3 cp examples/rewards.csv s3://$UPLOAD_BUCKET/rewards/
  aws s3 cp examples/filled-in-report.csv s3://$UPLOAD_BUCKET/redemptions/ --metadata email=me@example.com
  aws s3 cp --recursive s3://$FILES_BUCKET/ files/

`make logs` shows the functions' logs, `make down` stops the stack."""


def main(arguments: list[str] | None = None) -> int:
    commands = {"up": up, "down": down, "status": status, "logs": logs, "env": env}
    parser = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    parser.add_argument("command", choices=[*commands, "token"])
    parser.add_argument("role", choices=GROUPS, default="operator", nargs="?", help="of a token")
    given = parser.parse_args(arguments)
    return token(given.role) if given.command == "token" else commands[given.command]()


if __name__ == "__main__":
    sys.exit(main())
