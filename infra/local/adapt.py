"""What MiniStack cannot do, changed in a copy of the template; the template itself serves AWS alone."""

from collections.abc import Mapping
from typing import Any

_USER_POOL = {"Fn::If": ["CreatesUserPool", {"Ref": "UserPool"}, {"Ref": "ExistingUserPoolId"}]}


def adapted(template: Mapping[str, Any], max_concurrency: int, endpoint: str) -> dict[str, Any]:
    """Return a copy of a packaged template that a MiniStack at `endpoint` can deploy.

    - A `MaximumConcurrency` that is a parameter becomes a number: CloudFormation converts the parameter's
      text, MiniStack does not, and the pollers of its queues then fail.
    - The user pool, its keys and the bucket for uploads have MiniStack's address.
    - Alarms over several metrics are left out: MiniStack rejects metric math. So are rules for parameters.
    """
    values = {
        "MaximumConcurrency": max_concurrency,
        "JWKS_URL": {
            "Fn::Sub": [f"{endpoint}/${{UserPool}}/.well-known/jwks.json", {"UserPool": _USER_POOL}]
        },
        "COGNITO_URL": endpoint,
        "UPLOAD_URL": endpoint,
    }
    resources = {
        name: _replaced(resource, values)
        for name, resource in template["Resources"].items()
        if not (resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"])
    }
    return {**{part: value for part, value in template.items() if part != "Rules"}, "Resources": resources}


def _replaced(part: Any, values: Mapping[str, Any]) -> Any:
    """Return a copy of a part of the template in which each property named in `values` has that value.

    A number stays.
    """
    if isinstance(part, list):
        return [_replaced(each, values) for each in part]
    if isinstance(part, dict):
        return {
            name: values[name] if name in values and not isinstance(each, int) else _replaced(each, values)
            for name, each in part.items()
        }
    return part
