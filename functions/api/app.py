"""The REST API (CONTRACT section 5) and the download links."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.utilities.typing import LambdaContext

import balance_routes
import downloads
import exports
import imports
import reward_routes
from errors import ApiError, authenticate
from wiring import settings

logger = Logger()
app = APIGatewayHttpResolver(enable_validation=True)
app.include_router(exports.router, prefix="/api/v1/<_tenant>")
app.include_router(imports.router, prefix="/api/v1/<_tenant>")
# `/reward/balance` before `/reward/<reward_id>`: the first route that fits is taken.
app.include_router(balance_routes.router, prefix="/api/v1/<_tenant>")
app.include_router(reward_routes.router, prefix="/api/v1/<_tenant>")
app.include_router(downloads.router)


def _refused(error: ApiError) -> Response[str]:
    return Response(error.status, body=error.body, headers=dict(error.headers))


def _failed(error: Exception) -> Response[str]:
    logger.exception("unexpected", exc_info=error)
    return _refused(ApiError(500, "INTERNAL_ERROR", "Something went wrong here. Try again later."))


def _invalid(error: RequestValidationError) -> Response[str]:
    problems = [f"{'.'.join(map(str, e['loc'][1:]))}: {e['msg']}" for e in error.errors()]
    return _refused(ApiError(400, "VALIDATION_ERROR", "The request is not valid.", problems))


def _no_route(_: NotFoundError) -> Response[str]:
    return _refused(ApiError(404, "NOT_FOUND", "There is nothing at this address."))


app.exception_handler(ApiError)(_refused)
app.exception_handler(RequestValidationError)(_invalid)
app.exception_handler(Exception)(_failed)
app.not_found(_no_route)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    if not event["rawPath"].startswith("/download/"):  # there the token is the authentication
        try:
            authenticate(event, settings().tenant_alias)
        except ApiError as error:
            return {"statusCode": error.status, "headers": error.headers, "body": error.body}
    return app.resolve(event, context)
