"""The REST API (CONTRACT section 5) and the download links."""

import json
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from aws_lambda_powertools.utilities.typing import LambdaContext

import audit
import balance_routes
import downloads
import exports
import imports
import keys
import openapi
import recording
import reward_routes
from errors import MAX_RESPONSE_BYTES, ApiError, in_plain_words, response_to, too_large
from http_responses import shortened
from request import BASE, READING, admit, caller_named
from resolver import Resolver, for_the_log
from rewards.adapters import metrics
from rewards.adapters.metrics import Metric
from rewards.adapters.throttling import reported
from rewards.domain.errors import RewardsError
from wiring import settings

logger = Logger()
copy_config_to_registered_loggers(logger, include={"rewards"})
app = Resolver()
for module in (exports, imports, balance_routes, reward_routes, keys, audit, openapi):
    app.include_router(module.router, prefix="/api/v1/<_tenant>")

# The token in the path is the authentication.
links = APIGatewayHttpResolver()
links.include_router(downloads.router)
links.not_found(downloads.not_found)
links.exception_handler(Exception)(downloads.failed)


def _rejected(error: ApiError) -> Response[str]:
    return Response(error.status, body=error.body, headers=dict(error.headers))


def _invalid(error: RequestValidationError) -> Response[str]:
    return _rejected(in_plain_words(error.errors()))


def _raised_by_a_flow(error: RewardsError) -> Response[str]:
    response = response_to(error)
    if response is None:
        return _failed(error)
    if response.status == 503:
        logger.warning("busy", exc_info=error)
    return _rejected(response)


def _failed(error: Exception) -> Response[str]:
    logger.exception("unexpected", exc_info=error)
    return _rejected(ApiError(500, "INTERNAL_ERROR", "An internal error occurred. Try again later."))


app.exception_handler(ApiError)(_rejected)
app.exception_handler(RequestValidationError)(_invalid)
app.exception_handler(RewardsError)(_raised_by_a_flow)
app.exception_handler(Exception)(_failed)


@logger.inject_lambda_context
@reported
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    if event["rawPath"].startswith("/download/"):
        response = links.resolve(event, context)
        if response["statusCode"] in (404, 410):
            recording.link_rejected(response["statusCode"])
    else:
        response = _respond(event, context)
        _report(event, response, context)
        if event["requestContext"]["http"]["method"] == "HEAD":
            response["body"] = ""
    # Responses contain balances, names, and addresses of files that need no password.
    everywhere = {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Request-Id": context.aws_request_id,
    }
    return {**response, "headers": {**response.get("headers", {}), **everywhere}}


def _report(event: dict[str, Any], response: dict[str, Any], context: LambdaContext) -> None:
    """Log a request that changes something, and count one that was not authorized; add its audit entry."""
    status = response["statusCode"]
    if status in (401, 403):
        metrics.record(Metric.AUTHORIZATION_FAILURES, Status=str(status))
    method = event["requestContext"]["http"]["method"].upper()
    route, ids = app.route_of(event["rawPath"].replace("%25", "%"))
    body = json.loads(response.get("body") or "null")
    body = body if isinstance(body, dict) else {}
    named = "GET" if method == "HEAD" else method
    place = (named, route.removeprefix(f"{BASE}<_tenant>")) if route else None
    try:
        recording.record(event, response, body, place, ids, context.aws_request_id)
    except Exception as error:  # what the request asked for has happened
        logger.exception("audit entry not written", exc_info=error)
        metrics.record(Metric.AUDIT_PROBLEMS)
    if method in READING:
        return
    # Path and body may have ids of participants. Of what was created, the id is the service's own.
    said = {
        "caller": caller_named(event),
        "method": method,
        "route": route,
        **for_the_log(ids),
        "created_id": body.get("id") if status == 201 else None,
        "status": status,
        "error_code": body.get("apiErrorCode"),
        "api_request_id": event["requestContext"].get("requestId"),
    }
    logger.info("request", extra={name: value for name, value in said.items() if value is not None})


def _respond(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    try:
        request = admit(event, settings().tenant_alias, settings().public_url)
        methods = app.allowed_methods(request["rawPath"])
        if not methods:
            path = shortened(request["rawPath"])
            raise ApiError(
                404, "NOT_FOUND", f"The path {path!r} does not exist. openapi.json lists all paths."
            )
        allow = ", ".join(sorted(methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())))
        method = request["requestContext"]["http"]["method"]
        if method == "OPTIONS":
            return {"statusCode": 204, "headers": {"Allow": allow}}
        if method not in methods:
            raise ApiError(
                405, "METHOD_NOT_ALLOWED", f"Method not allowed. Allowed: {allow}.", headers={"Allow": allow}
            )
        response = app.resolve(request, context)
        if len(json.dumps(response)) > MAX_RESPONSE_BYTES:
            raise too_large(is_paged=app.is_paged(request["rawPath"], method))
        return response
    except ApiError as error:
        return {"statusCode": error.status, "headers": error.headers, "body": error.body}
