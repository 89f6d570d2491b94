"""The bodies of DynamoDB's batch requests, encoded and decoded by orjson.

They are the JSON that callers give and get anyway. botocore's serializer and parser walk them value by value
along the service's model, which takes more CPU than all else in redeeming a row. Signing, retries, checksums
and errors stay botocore's: only a response of status 200 is decoded here.
"""

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# The operations, and the parameters that botocore still gets: it chooses the endpoint by them.
_OPERATIONS: dict[str, dict[str, Any]] = {"BatchGetItem": {"RequestItems": {}}, "BatchExecuteStatement": {}}
_BODY = "rewards_body"  # where a request's context keeps it


def install(client: "DynamoDBClient") -> None:
    """Let a client encode and decode the batch operations so. It must not validate its parameters."""
    register: Any = client.meta.events.register
    for operation in _OPERATIONS:
        register(f"provide-client-params.dynamodb.{operation}", _encode)
        register(f"before-call.dynamodb.{operation}", _insert)
        register(f"before-parse.dynamodb.{operation}", _decode)


def _encode(params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> dict[str, Any]:
    context[_BODY] = orjson.dumps(params)
    return _OPERATIONS[model.name]


def _insert(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    params["body"] = context.pop(_BODY)


def _decode(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    if response_dict["status_code"] == 200:
        customized_response_dict.update(orjson.loads(response_dict["body"]))
        response_dict["body"] = b"{}"
