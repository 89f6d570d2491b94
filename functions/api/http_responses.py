"""Responses and parameters that several routes share."""

from typing import Annotated, TypeVar

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=1_000, description="The maximum number of entries.")]
AnyLimit = Annotated[
    int | None, Query(ge=1, le=10**9, description="The maximum number of entries; all if it is left out.")
]
Offset = Annotated[int, Query(ge=0, le=10**9, description="The number of entries to skip.")]
Redirected = Annotated[
    bool,
    Query(alias="redirect", description="false: return the address as JSON, for scripts in a browser."),
]


class FileAddress(BaseModel):
    """The address of a file, which works for five minutes without authentication."""

    url: str


def part(found: list[T], limit: int | None, offset: int) -> list[T]:
    """`limit` elements after the first `offset`; all of these without a limit."""
    return found[offset : None if limit is None else offset + limit]


def shortened(identifier: str) -> str:
    """An id from outside, cut so that it can be repeated in a response."""
    return identifier if len(identifier) <= 100 else identifier[:99] + "…"


def handed_over(url: str, redirected: bool) -> Response[str]:
    """The file's signed URL, as a redirect or as JSON."""
    if redirected:
        return redirect(url)
    return Response(200, "application/json", FileAddress(url=url).model_dump_json())


def redirect(url: str) -> Response[str]:
    """Redirect to a file's signed URL, which works for minutes."""
    return Response(303, "text/plain", "", headers={"Location": url})
