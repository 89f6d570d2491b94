"""Errors as the API shows them, and the check that comes before every route."""

import json
from typing import Any


class ApiError(Exception):
    """A request that is answered with an error (CONTRACT section 5).

    `code` is the contract's apiErrorCode; `problems` are a validation error's details.
    """

    def __init__(self, status: int, code: str, message: str, problems: list[str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.problems = problems

    @property
    def headers(self) -> dict[str, str]:
        challenge = {"WWW-Authenticate": 'Basic realm="API key"'} if self.status == 401 else {}
        again = {"Retry-After": "1"} if self.status == 503 else {}
        return {"Content-Type": "application/json", **challenge, **again}

    @property
    def body(self) -> str:
        shown: dict[str, Any] = {
            "statusCode": self.status,
            "message": self.message,
            "apiErrorCode": self.code,
            "rsCode": None,
        }
        if self.problems is not None:
            shown["validationErrors"] = [{"message": problem} for problem in self.problems]
        return json.dumps(shown)


def authenticate(event: dict[str, Any], tenant_alias: str) -> None:
    """Refuse a request that the authorizer did not vouch for, then one for another tenant.

    API Gateway would answer 403 in its own words if the authorizer itself refused, where the
    contract has 401 in ours; so the authorizer says who asks, and nobody gets further than this.
    """
    granted = event["requestContext"].get("authorizer", {}).get("lambda") or {}
    role = granted.get("role")
    if role is None:
        raise ApiError(
            401,
            "UNAUTHORIZED",
            "Send the API key as the password of HTTP Basic authentication, or a token as Bearer.",
        )
    reads = event["requestContext"]["http"]["method"] in ("GET", "HEAD")
    if role != "operator" and not (role == "viewer" and reads):
        raise ApiError(403, "FORBIDDEN", "Your user may not do this. Ask an administrator for another group.")
    tenant = event["rawPath"].split("/")[3:4]
    if event["rawPath"].startswith("/api/v1/") and tenant != [tenant_alias]:
        raise ApiError(404, "TENANT_NOT_FOUND", "There is no tenant of this alias.")
