"""Routing: the most specific path that fits decides, and an id from outside may contain any character."""

import re
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.api_gateway import ResponseBuilder, Route

from errors import ApiError
from known import reject_unknown
from request import BASE, caller_of, parse_json, require
from rewards.domain.access import Scope
from rewards.domain.ids import is_id

_PARAMETER = re.compile(r"<(\w+)>")
# Ids that come from outside may contain slashes; those of imports and exports are the service's own.
_WITH_SLASHES = ("account_id", "user_id", "reward_id")
# The ids that the log may have, under the same names.
_LOGGED = ("import_id", "export_id", "reward_id", "key_id")
# Routes below these paths are for administrators.
_ADMINISTRATION = (f"{BASE}<_tenant>/keys", f"{BASE}<_tenant>/audit")
# What users in the group approvers do.
_APPROVAL = (f"{BASE}<_tenant>/import/<import_id>/approve", f"{BASE}<_tenant>/import/<import_id>/reject")


class Resolver(APIGatewayHttpResolver):
    """Powertools' resolver, with its validation, for ids that it would not let into a path."""

    def __init__(self) -> None:
        super().__init__(
            enable_validation=True,
            response_validation_error_http_code=500,
            json_body_deserializer=parse_json,
        )

    @staticmethod
    def _compile_regex(rule: str, base_regex: str = "") -> re.Pattern[str]:  # noqa: ARG004 as inherited
        """Parameters in _WITH_SLASHES take any text, all others one part of the path."""
        return _compiled(rule, "+")

    def allowed_methods(self, path: str) -> set[str]:
        """The methods of the path that fits best, none if none fits.

        Raises ApiError (400) for an ambiguous path.
        """
        fitting = self._fitting(path)
        if not fitting:
            return set()
        best, match = max(fitting, key=lambda each: _literal(each[0].path))
        frugal = _compiled(best.path, "+?").match(path)
        if frugal is not None and frugal.groupdict() != match.groupdict():
            raise ApiError(
                400,
                "AMBIGUOUS_PATH",
                "The path is ambiguous: an id in it contains a word of the path between slashes.",
            )
        return {route.method for route, _ in fitting if route.path == best.path}

    def route_of(self, path: str) -> tuple[str | None, dict[str, str]]:
        """The route of a path, and the ids in it; None if there is none."""
        fitting = self._fitting(path)
        if not fitting:
            return None, {}
        best, match = max(fitting, key=lambda each: _literal(each[0].path))
        return best.path, match.groupdict()

    def is_paged(self, path: str, method: str) -> bool:
        """Whether the route of a request has a `limit`."""
        routes = [route for route, _ in self._fitting(path) if route.method == method]
        best = max(routes, key=lambda route: _literal(route.path))
        return any(field.alias == "limit" for field in best.dependant.query_params)

    def _fitting(self, path: str) -> list[tuple[Route, re.Match[str]]]:
        routes: list[Route] = self._static_routes + self._dynamic_routes
        return [(route, match) for route in routes if (match := route.rule.match(path))]

    def resolve(self, event: Any, context: Any) -> dict[str, Any]:
        """Powertools takes the first route that fits; so the more specific ones come first."""
        self._dynamic_routes.sort(key=lambda route: _literal(route.path), reverse=True)
        return super().resolve(event, context)

    def _call_route(self, route: Route, route_arguments: dict[str, str]) -> ResponseBuilder[Any]:
        event = self.current_event.raw_event
        require(caller_of(event), scope_of(route))
        reject_unknown(route, event.get("rawQueryString") or "", event["body"])
        return super()._call_route(route, route_arguments)


def for_the_log(ids: Mapping[str, str]) -> dict[str, str]:
    """The ids of a path that are not those of participants."""
    logged = {name: ids[name] for name in _LOGGED if name in ids}
    if "key_id" in logged and not is_id(logged["key_id"]):  # somebody may have sent the key itself
        del logged["key_id"]
    return logged


def scope_of(route: Route) -> Scope:
    """The scope that the requests of a route need."""
    if any(f"{route.path}/".startswith(f"{path}/") for path in _ADMINISTRATION):
        return Scope.ADMIN
    if route.path in _APPROVAL:
        return Scope.APPROVE
    return Scope.READ if route.method == "GET" else Scope.WRITE


def _compiled(rule: str, repeat: str) -> re.Pattern[str]:
    def group(parameter: re.Match[str]) -> str:
        name = parameter[1]
        return f"(?P<{name}>.{repeat})" if name in _WITH_SLASHES else f"(?P<{name}>[^/]+)"

    return re.compile(_PARAMETER.sub(group, re.escape(rule)) + r"\Z", re.DOTALL)


def _literal(rule: str) -> int:
    """How many characters a path must have for a rule: the more, the more specific."""
    return len(_PARAMETER.sub("", rule))
