"""Small things that several routes share."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel

Limit = Annotated[int, Query(ge=1, le=100, description="How many at most.")]
Offset = Annotated[int, Query(ge=0, le=10**9, description="How many of the newest to pass over.")]
Redirected = Annotated[
    bool,
    Query(alias="redirect", description="False: the address comes as JSON, for a page's script."),
]


class FileAddress(BaseModel):
    """Where a file is, for five minutes, without further authentication."""

    url: str


def shortened(identifier: str) -> str:
    """An id from outside, short enough to be repeated in an answer."""
    return identifier if len(identifier) <= 100 else identifier[:99] + "…"


def handed_over(url: str, redirected: bool) -> Response[str]:
    """The file's signed URL, as a redirect or as JSON."""
    if redirected:
        return redirect(url)
    body = FileAddress(url=url).model_dump_json()
    return Response(200, "application/json", body, headers={"Cache-Control": "no-store"})


def redirect(url: str) -> Response[str]:
    """See the file at its signed URL; nobody may keep the answer, the URL dies in minutes."""
    return Response(303, "text/plain", "", headers={"Location": url, "Cache-Control": "no-store"})
