"""Where MiniStack's IAM asks for another right than AWS does, the roles get that one too, on this machine.

The template stays as AWS wants it.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from infra.local.ministack import MiniStack

# For the action that AWS asks for: the one that MiniStack does, and on what, if not on the same.
_ASKED_HERE = {
    "dynamodb:PartiQLUpdate": ("dynamodb:BatchExecuteStatement", "*"),
    "sqs:SendMessage": ("sqs:SendMessageBatch", None),
}

# AWS names the events of a log group with `:*` at the end of its ARN; MiniStack asks for the group itself.
_EVENTS = ":*"

# What AWS asks for each email that is sent with a configuration set, both; MiniStack asks once, on "*".
_EMAIL_RESOURCES = (":identity/", ":configuration-set/")


def allow_ministacks_own_actions(aws: MiniStack, roles: Iterable[str]) -> None:
    """Give the roles what they need here in place of what their policies name."""
    iam = aws.client("iam")
    for role in roles:
        extra: list[dict[str, Any]] = []
        statements = list(_statements(iam, role))
        if _may_send_email(statements):
            extra.append({"Effect": "Allow", "Action": "ses:SendEmail", "Resource": "*"})
        for report_builder in statements:
            for name in _listed(report_builder["Action"]):
                if name in _ASKED_HERE:
                    action, resource = _ASKED_HERE[name]
                    resource = resource or report_builder["Resource"]
                    extra.append({"Effect": "Allow", "Action": action, "Resource": resource})
            if any(name.startswith("logs:") for name in _listed(report_builder["Action"])):
                groups = [each.removesuffix(_EVENTS) for each in _listed(report_builder["Resource"])]
                extra.append({"Effect": "Allow", "Action": report_builder["Action"], "Resource": groups})
        if extra:
            policy = json.dumps({"Version": "2012-10-17", "Statement": extra})
            iam.put_role_policy(RoleName=role, PolicyName="asked-by-ministack-only", PolicyDocument=policy)


def _statements(iam: Any, role: str) -> Iterator[Any]:
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        yield from iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"]


def _may_send_email(statements: Iterable[Any]) -> bool:
    sending = (each for each in statements if "ses:SendEmail" in _listed(each["Action"]))
    resources = [resource for each in sending for resource in _listed(each["Resource"])]
    return all(any(kind in resource for resource in resources) for kind in _EMAIL_RESOURCES)


def _listed(actions: str | list[str]) -> list[str]:
    return [actions] if isinstance(actions, str) else actions
