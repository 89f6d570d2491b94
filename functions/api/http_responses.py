"""Small things that several routes share."""

from typing import Annotated, TypeVar

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=1_000, description="How many at most.")]
AnyLimit = Annotated[int | None, Query(ge=1, le=10**9, description="How many at most; all without it.")]
Offset = Annotated[int, Query(ge=0, le=10**9, description="How many to skip at the beginning.")]
Redirected = Annotated[
    bool,
    Query(alias="redirect", description="False: the address comes as JSON, for a page's script."),
]


class FileAddress(BaseModel):
    """Where a file is, for five minutes, without further authentication."""

    url: str


def part(found: list[T], limit: int | None, offset: int) -> list[T]:
    """`limit` elements after the first `offset`; all of these without a limit."""
    return found[offset : None if limit is None else offset + limit]


def shortened(identifier: str) -> str:
    """An id from outside, short enough to be repeated in an answer."""
    return identifier if len(identifier) <= 100 else identifier[:99] + "…"


def handed_over(url: str, redirected: bool) -> Response[str]:
    """The file's signed URL, as a redirect or as JSON."""
    if redirected:
        return redirect(url)
    return Response(200, "application/json", FileAddress(url=url).model_dump_json())


def redirect(url: str) -> Response[str]:
    """See the file at its signed URL, which works for minutes."""
    return Response(303, "text/plain", "", headers={"Location": url})
