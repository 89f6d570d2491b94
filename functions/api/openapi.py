"""`/openapi.json`: the API's description, created from the routes on request."""

import json
from functools import lru_cache
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

import wiring
from errors import MAX_RESPONSE_BYTES, in_camel_case
from request import BASE, MAX_BODY_BYTES

router = APIGatewayHttpRouter()

_DESCRIPTION = """\
Reports of reward balances, bulk redemption by file, and the rewards themselves.

Credits are integers in the unit's smallest unit, dates are Unix milliseconds UTC. Ids in a path are
percent-encoded; a slash in an id need not be. Spaces around ids are ignored.
"""

_ERRORS = {
    "400": "VALIDATION_ERROR: the request is not valid; `validationErrors` names each problem.",
    "401": "UNAUTHORIZED: the request has neither an API key nor a token of the user pool.",
    "403": "FORBIDDEN: the API key lacks the scope, or the user is not in a group, that the request needs.",
    "404": "TENANT_NOT_FOUND: the tenant alias does not exist.",
    "413": f"PAYLOAD_TOO_LARGE: the body has more than {MAX_BODY_BYTES:,} bytes. RESPONSE_TOO_LARGE: the "
    f"response would have more than {MAX_RESPONSE_BYTES:,} bytes; set limit and offset where possible.",
    "500": "INTERNAL_ERROR: an error of the service.",
    "503": "TRY_AGAIN: the service is busy; `Retry-After` says when to send the request again.",
}

_ERROR_SCHEMA = {
    "type": "object",
    "required": ["statusCode", "message", "apiErrorCode", "rsCode"],
    "properties": {
        "statusCode": {"type": "integer"},
        "message": {"type": "string", "description": "For people."},
        "apiErrorCode": {"type": "string", "description": "For programs."},
        "rsCode": {"type": ["string", "null"]},
        "validationErrors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
    "example": {
        "statusCode": 404,
        "message": "No import has the id '06gzzx7rv0b59snh'.",
        "apiErrorCode": "IMPORT_NOT_FOUND",
        "rsCode": None,
    },
}
_ERROR = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
_REQUEST_ID = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
_HEADERS = {
    "303": {"Location": {"required": True, "schema": {"type": "string", "format": "uri"}}},
    "401": {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}},
    "503": {"Retry-After": {"required": True, "schema": {"type": "integer"}}},
}
_SECURITY = {
    "apiKey": {
        "type": "http",
        "scheme": "basic",
        "description": "The API key is the password. Its scopes say what it may do: read, write (what "
        "operators may do) or admin (what administrators may do).",
    },
    "userPool": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token of the stack's user pool. The user's groups say what the user may do.",
    },
}


@router.get(
    "/openapi.json",
    summary="Get the API description",
    tags=["Description"],
    responses={
        200: {
            "description": "This document.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
    },
)
def show_description(_tenant: str) -> Response[str]:
    """An OpenAPI 3.1 document, created from the code."""
    settings = wiring.settings()
    found = document(router.api_resolver, settings.public_url, settings.tenant_alias)
    return Response(200, "application/json", json.dumps(found))


@lru_cache(maxsize=1)
def document(app: Any, public_url: str, tenant_alias: str) -> dict[str, Any]:
    """The OpenAPI document of the routes in `app`, without the parameter that is the tenant."""
    made = app.get_openapi_json_schema(title="Reward balances", version="1", description=_DESCRIPTION)
    found: dict[str, Any] = json.loads(made)
    prefix = f"{BASE}{{_tenant}}"
    found["servers"] = [
        {
            "url": f"{public_url}{BASE}{{tenant_alias}}",
            "variables": {"tenant_alias": {"default": tenant_alias}},
        }
    ]
    found["security"] = [{name: []} for name in _SECURITY]
    found["paths"] = {
        in_camel_case(path.removeprefix(prefix)): {
            method: _operation(operation) for method, operation in operations.items()
        }
        for path, operations in sorted(found["paths"].items())
    }
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError", "ResponseValidationError"):
        schemas.pop(unused, None)
    schemas["Error"] = _ERROR_SCHEMA
    found["components"]["securitySchemes"] = _SECURITY
    found["components"]["headers"] = {
        "X-Request-Id": {
            "description": "The id of this request in the logs.",
            "required": True,
            "schema": {"type": "string"},
        }
    }
    return found


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    """An operation with all errors that it may return, without those of Powertools."""
    parameters = [each for each in operation.get("parameters", []) if each["name"] != "_tenant"]
    for each in parameters:
        if each["in"] == "path":
            each["name"] = in_camel_case(each["name"])
        elif each["in"] == "header":  # Powertools writes it in small letters
            each["name"] = each["name"].title()
    body = "requestBody" in operation
    own = {status: each for status, each in operation["responses"].items() if status not in ("422", "500")}
    responses: dict[str, Any] = {}
    for status in sorted({*own, *_ERRORS}):
        needless = status == "400" and not (body or parameters)
        if needless and status not in own:
            continue
        listed = [own[status]["description"]] if status in own else []
        listed += [_ERRORS[status]] if status in _ERRORS else []
        responses[status] = {"description": "\n\n".join(listed)}
        if status >= "400":
            responses[status] |= _ERROR
        elif status != "303":
            responses[status]["content"] = own[status]["content"]
        responses[status]["headers"] = {**_REQUEST_ID, **_HEADERS.get(status, {})}
    name = operation["operationId"].partition("_api_v1_")[0]
    return {
        **operation,
        "operationId": in_camel_case(name),
        "parameters": parameters,
        "responses": responses,
    }
