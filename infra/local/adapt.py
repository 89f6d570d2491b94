"""What MiniStack cannot do, changed in a copy of the template; the template itself serves AWS alone."""

from collections.abc import Mapping
from typing import Any


def adapted(template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return a copy of a packaged template that MiniStack can deploy with these parameters.

    - `MaximumConcurrency` becomes a number: CloudFormation converts the parameter's text, MiniStack does not,
      and the pollers of its queues then fail.
    - Alarms over several metrics are left out: MiniStack rejects metric math. So are rules for parameters.
    """
    resources = {
        name: _with_numbers(resource, parameters)
        for name, resource in template["Resources"].items()
        if not (resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"])
    }
    return {**{part: value for part, value in template.items() if part != "Rules"}, "Resources": resources}


def _with_numbers(value: Any, parameters: Mapping[str, str]) -> Any:
    """Replace each reference to a parameter under the name `MaximumConcurrency` with its number."""
    if isinstance(value, list):
        return [_with_numbers(each, parameters) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: int(parameters[each["Ref"]])
        if name == "MaximumConcurrency" and isinstance(each, dict)
        else _with_numbers(each, parameters)
        for name, each in value.items()
    }
