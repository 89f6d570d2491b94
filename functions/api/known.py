"""Unknown request fields and query parameters are rejected: a misspelt filter would select more, not less."""

from collections.abc import Collection
from difflib import SequenceMatcher
from typing import Any
from urllib.parse import parse_qsl

from aws_lambda_powertools.event_handler.api_gateway import Route
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from errors import invalid
from request import parse_json

# Names less alike than this are not suggested; all known names are listed in any case.
_ALIKE = 0.6
_MAX_NAME = 100
_MAX_PROBLEMS = 20


class RequestObject(BaseModel):
    """The body of a request, or an object inside of one. Every such model derives from this class."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _has_known_fields_only(cls, given: Any) -> Any:
        unknown = [name for name in given if name not in cls.model_fields] if isinstance(given, dict) else []
        if unknown:
            raise ValidationError.from_exception_data(
                cls.__name__,
                [
                    InitErrorDetails(
                        type=PydanticCustomError(
                            "unknown_field",
                            "{problem}",
                            {"problem": _unknown("field", name, cls.model_fields)},
                        ),
                        loc=(_shortened(name),),
                        input=None,
                    )
                    for name in unknown[:_MAX_PROBLEMS]
                ],
            )
        return given


def reject_unknown(route: Route, raw_query: str, body: str) -> None:
    """Raise ApiError (400) for unknown or repeated query parameters, and for fields in the body of a request
    that has none."""
    known = [field.alias for field in route.dependant.query_params]
    given = [name for name, _ in parse_qsl(raw_query, keep_blank_values=True)]
    unknown = [name for name in dict.fromkeys(given) if name not in known][:_MAX_PROBLEMS]
    problems = [
        {"field": _shortened(name), "message": _unknown("query parameter", name, known)} for name in unknown
    ]
    problems += [
        {"field": name, "message": "is given more than once; only one value is allowed"}
        for name in known
        if given.count(name) > 1
    ]
    # The body of a GET has no meaning in HTTP.
    if route.method != "GET" and not route.dependant.body_params and body.strip():
        problems += [
            {"field": _shortened(name), "message": _unknown("field", name, ())}
            for name in list(parse_json(body))[:_MAX_PROBLEMS]
        ]
    if problems:
        raise invalid(problems)


def _unknown(what: str, name: str, known: Collection[str]) -> str:
    if not known:
        return f"unknown {what}; this request has none"
    closest = max(known, key=lambda each: _likeness(each, name))
    hint = f" Did you mean {closest!r}?" if _likeness(closest, name) >= _ALIKE else ""
    return f"unknown {what}.{hint} Known: {', '.join(known)}."


def _likeness(known: str, given: str) -> float:
    return SequenceMatcher(None, known.casefold(), given[:_MAX_NAME].casefold()).ratio()


def _shortened(name: str) -> str:
    return name if len(name) <= _MAX_NAME else name[: _MAX_NAME - 1] + "…"
