"""One local stack that stays, to use by hand: python -m infra.local up|down|status|logs|token"""

import argparse
import json
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
    """Everything the functions have written, in the order of time."""
    local = running()
    if not local:
        return status()
    client = local.aws.client("logs")
    lines = sorted(
        (event["timestamp"], group.rsplit("/", 1)[1], event["message"].rstrip())
        for name, group in local.resources.items()
        if name.endswith("LogGroup")
        for page in client.get_paginator("filter_log_events").paginate(logGroupName=group)
        for event in page["events"]
    )
    for milliseconds, function, message in lines:
        clock = datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone()
        print(f"{clock:%H:%M:%S.%f} {function:10} {message}")
    return 0


def how_to_use(local: stack.Stack) -> str:
    """Where everything is, and commands to paste."""
    return f"""\
Page            {local.outputs["ConsoleUrl"]}
API             {local.api}
API key         {local.api_key}
Users           {", ".join(map(local.users.somebody, GROUPS))}; password {PASSWORD}
Upload bucket   {local.upload_bucket}
Files bucket    {local.files_bucket}
Emails          {local.aws.endpoint}/_ministack/ses/messages

With curl, order the report of all balances, and ask how far it is:

  export API={local.api} KEY={local.api_key}
  curl -u :$KEY --json '{{"type": "REDEEMABLE_REWARD_BALANCE"}}' $API/export
  curl -u :$KEY $API/export/ID

As a user instead of with the key, and as one who may only read:

  curl -H "Authorization: Bearer $(make -s token)" $API/export/ID
  curl -H "Authorization: Bearer $(make -s token ROLE=viewer)" $API/export/history/list

With the AWS CLI, load rewards, and redeem what a file says:

  export AWS_ENDPOINT_URL={local.aws.endpoint} AWS_DEFAULT_REGION={REGION}
  export {" ".join(f"{name}={value}" for name, value in CREDENTIALS.items())}
  aws s3 cp rewards.csv s3://{local.upload_bucket}/rewards/
  aws s3 cp balances.csv s3://{local.upload_bucket}/redemptions/ --metadata email=me@example.com
  aws s3 cp --recursive s3://{local.files_bucket}/ files/

`make logs` shows what the functions say, `make down` stops it all."""


def main(arguments: list[str] | None = None) -> int:
    commands = {"up": up, "down": down, "status": status, "logs": logs}
    parser = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    parser.add_argument("command", choices=[*commands, "token"])
    parser.add_argument("role", choices=GROUPS, default="operator", nargs="?", help="of a token")
    given = parser.parse_args(arguments)
    return token(given.role) if given.command == "token" else commands[given.command]()


if __name__ == "__main__":
    sys.exit(main())
