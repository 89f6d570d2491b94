"""The REST API (CONTRACT section 5) and the download links."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.utilities.typing import LambdaContext

import downloads
import exports
import imports
from errors import ApiError, authenticate
from wiring import settings

logger = Logger()
app = APIGatewayHttpResolver()
app.include_router(exports.router, prefix="/api/v1/<_tenant>")
app.include_router(imports.router, prefix="/api/v1/<_tenant>")
app.include_router(downloads.router)


def _refused(error: ApiError) -> Response[str]:
    return Response(error.status, body=error.body, headers=dict(error.headers))


def _failed(error: Exception) -> Response[str]:
    logger.exception("unexpected", exc_info=error)
    return _refused(ApiError(500, "INTERNAL_ERROR", "Something went wrong here. Try again later."))


def _no_route(_: NotFoundError) -> Response[str]:
    return _refused(ApiError(404, "NOT_FOUND", "There is nothing at this address."))


app.exception_handler(ApiError)(_refused)
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
