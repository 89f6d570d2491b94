"""`/keys`: list, create and revoke API keys. For administrators only (resolver.py)."""

from typing import Any, Literal

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import BaseModel, Field

import wiring
from errors import ApiError
from http_responses import Limit, Offset, shortened
from known import RequestObject
from request import caller_of
from rewards.clock import now
from rewards.domain import ids
from rewards.domain.access import KEY_SCOPES, Scope
from rewards.domain.api_key import MAX_NAME, NAME_PATTERN, ApiKey, new_key

# ruff: noqa: N815 the contract's names

router = APIGatewayHttpRouter()

_TAGS = ["API keys"]
_SCOPES = Literal["read", "write", "admin"]


class NewKey(RequestObject):
    """An API key to create."""

    name: str = Field(
        pattern=NAME_PATTERN,
        max_length=MAX_NAME,
        description="Who uses the key, for example the name of a program: letters, digits, spaces, "
        "underscores, dots and hyphens.",
        examples=["payroll"],
    )
    scopes: list[_SCOPES] = Field(
        min_length=1,
        max_length=len(KEY_SCOPES),
        description="read: read and download. write: what operators may do. admin: what administrators "
        "may do, such as creating API keys. Each of them includes read.",
    )


class Key(BaseModel):
    """An API key, without the key itself. Dates are Unix milliseconds UTC."""

    id: str
    name: str
    scopes: list[_SCOPES]
    createdBy: str
    dateCreated: int
    dateLastUsed: int | None = Field(description="Recorded at most once an hour.")
    dateRevoked: int | None
    revokedBy: str | None


class CreatedKey(Key):
    """A new API key with the key itself."""

    key: str = Field(description="The key. It is shown only in this response.")


class KeyPage(BaseModel):
    """API keys, newest first."""

    data: list[Key]
    count: int = Field(description="The number of entries in data.")
    totalCount: int


@router.get(
    "/keys",
    summary="List API keys",
    tags=_TAGS,
    description="Newest first, also revoked ones. The key of the secret ApiKeySecret is not among them.",
)
def list_keys(_tenant: str, limit: Limit = 100, offset: Offset = 0) -> KeyPage:
    found, total = wiring.flows().api_keys.history(limit, offset)
    return KeyPage(data=[Key(**_shown(key)) for key in found], count=len(found), totalCount=total)


@router.post(
    "/keys",
    summary="Create an API key",
    tags=_TAGS,
    status_code=201,
    description="The key is shown only in this response, and only its digest is stored.",
    responses={201: {"description": "The API key, with the key itself"}},
)
def create_key(_tenant: str, new: NewKey) -> CreatedKey:
    key = ApiKey(
        id=ids.new_id(now()),
        name=new.name,
        scopes=tuple(scope for scope in Scope if scope in new.scopes),
        created_by=caller_of(router.current_event.raw_event).name,
        date_created=now(),
    )
    text = new_key(key.id)
    wiring.flows().api_keys.create(key, text)
    return CreatedKey(**_shown(key), key=text)


@router.delete(
    "/keys/<key_id>",
    summary="Revoke an API key",
    tags=_TAGS,
    description="The key is rejected from now on. A repeated request gets the same response.",
    responses={200: {"description": "The revoked API key"}, 404: {"description": "KEY_NOT_FOUND"}},
)
def revoke_key(_tenant: str, key_id: str) -> Key:
    by = caller_of(router.current_event.raw_event).name
    key = wiring.flows().api_keys.revoke(key_id, now(), by)
    if key is None:
        raise ApiError(404, "KEY_NOT_FOUND", f"No API key has the id {shortened(key_id)!r}.")
    return Key(**_shown(key))


def _shown(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": [scope.value for scope in key.scopes],
        "createdBy": key.created_by,
        "dateCreated": key.date_created,
        "dateLastUsed": key.date_last_used,
        "dateRevoked": key.date_revoked,
        "revokedBy": key.revoked_by,
    }
