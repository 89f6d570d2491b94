"""DynamoDB's expressions, as far as the product uses them; anything else is rejected loudly.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from tests.simulation.kernel import ProblemError

Item = dict[str, Any]
Path = tuple[str, ...]

_TOKEN = re.compile(r"\s*(#\w+|[A-Za-z_]\w*|:\w+|<=|>=|<>|[=<>(),.+\-])")
# Of DynamoDB's 573 reserved words those that are near to the product's attributes.
RESERVED = frozenset(
    """
    ACTION ADD ALL AND ATTRIBUTE BATCH BETWEEN BUCKET BY CHECK CONDITION CONTAINS COUNT COUNTER DATA
    DATE DAY DELETE EACH END ERROR EXISTS EXPIRES FILE FILTER FORMAT FROM GRANT GROUP HASH IN INDEX
    ITEMS KEY KEYS LEVEL LIMIT LINES LIST LOCK LOG MODE NAME NAMES NEW NOT NULL NUMBER OBJECT OF OFFSET
    OLD ON OPTION OR ORDER OWNER PART PARTITION PATH POSITION PROJECTION RANGE READ RECORD REGION REPORT
    RESULT ROW ROWS SCAN SEGMENT SEGMENTS SET SIZE SOURCE STATE STATUS TABLE TEXT TIME TO TOKEN TOTAL
    TTL TYPE UNIT UNTIL UPDATE USER USERS VALUE VALUED VALUES VIEW WHERE WRITE YEAR ZONE
    """.split()  # noqa: SIM905 - a list of a hundred quoted words reads worse
)


class InvalidError(Exception):
    """DynamoDB would answer ValidationException."""


class UnsupportedError(ProblemError):
    """The product uses something of DynamoDB that this imitation does not know: teach it first."""


class Names:
    """The placeholders of one request; at the end, all of them must have been used."""

    def __init__(self, names: Mapping[str, str] | None, values: Mapping[str, Any] | None) -> None:
        self._names = names or {}
        self._values = values or {}
        self._used: set[str] = set()

    def name(self, token: str) -> str:
        if token.startswith("#"):
            if token not in self._names:
                raise InvalidError(f"An expression attribute name used in expression is not defined: {token}")
            self._used.add(token)
            return str(self._names[token])  # the product's enumerations travel as texts
        if token.upper() in RESERVED:
            raise InvalidError(f"Attribute name is a reserved keyword; reserved keyword: {token}")
        return token

    def value(self, token: str) -> Any:
        if token not in self._values:
            raise InvalidError(f"An expression attribute value used in expression is not defined: {token}")
        self._used.add(token)
        return self._values[token]

    def check_all_used(self) -> None:
        for kind, given in (("Names", self._names), ("Values", self._values)):
            unused = given.keys() - self._used
            if unused:
                raise InvalidError(f"Value provided in ExpressionAttribute{kind} unused: {sorted(unused)}")


@lru_cache(maxsize=1000)
def _tokens_of(text: str) -> tuple[str, ...]:
    tokens = []
    place = 0
    while text[place:].strip():
        found = _TOKEN.match(text, place)
        if found is None:
            raise UnsupportedError(f"expression {text!r} at {place}")
        tokens.append(found[1])
        place = found.end()
    return (*tokens, "")


class _Tokens:
    def __init__(self, text: str, names: Names) -> None:
        self.names = names
        self._tokens = _tokens_of(text)
        self._place = 0

    def peek(self) -> str:
        return self._tokens[self._place]

    def take(self) -> str:
        token = self._tokens[self._place]
        self._place += 1
        return token

    def takes(self, word: str) -> bool:
        if self.peek().upper() == word:
            self._place += 1
            return True
        return False

    def expect(self, word: str) -> None:
        if not self.takes(word):
            raise InvalidError(f"Syntax error; token: {self.peek()!r}, expected {word!r}")

    def path(self) -> Path:
        parts = [self.names.name(self.take())]
        while self.takes("."):
            parts.append(self.names.name(self.take()))
        return tuple(parts)


def look(item: Item, path: Path) -> Any:
    """The value at a path, or None."""
    found: Any = {"M": item}
    for part in path:
        found = found.get("M", {}).get(part)
        if found is None:
            return None
    return found


def condition(text: str | None, names: Names, item: Item | None) -> bool:
    """Whether an item (None: there is none) meets a condition."""
    if text is None:
        return True
    tokens = _Tokens(text, names)
    result = _either(tokens, item or {})
    if tokens.peek():
        raise InvalidError(f"Syntax error; token: {tokens.peek()!r}")
    return result


def _either(tokens: _Tokens, item: Item) -> bool:
    result = _both(tokens, item)
    while tokens.takes("OR"):
        result = _both(tokens, item) or result
    return result


def _both(tokens: _Tokens, item: Item) -> bool:
    result = _one(tokens, item)
    while tokens.takes("AND"):
        result = _one(tokens, item) and result
    return result


def _one(tokens: _Tokens, item: Item) -> bool:
    if tokens.takes("NOT"):
        return not _one(tokens, item)
    if tokens.takes("("):
        result = _either(tokens, item)
        tokens.expect(")")
        return result
    for word, function in _FUNCTIONS.items():
        if tokens.takes(word):
            tokens.expect("(")
            result = function(tokens, item)
            tokens.expect(")")
            return result
    left = _operand(tokens, item)
    if tokens.takes("BETWEEN"):
        low = _operand(tokens, item)
        tokens.expect("AND")
        high = _operand(tokens, item)
        return _compare(left, low, ">=") and _compare(left, high, "<=")
    operator = tokens.take()
    if operator not in ("=", "<", "<=", ">", ">="):
        raise UnsupportedError(f"operator {operator!r}")
    return _compare(left, _operand(tokens, item), operator)


def _begins_with(tokens: _Tokens, item: Item) -> bool:
    text = look(item, tokens.path())
    tokens.expect(",")
    prefix = _operand(tokens, item)
    return text is not None and "S" in text and text["S"].startswith(prefix["S"])


_FUNCTIONS = {
    "ATTRIBUTE_EXISTS": lambda tokens, item: look(item, tokens.path()) is not None,
    "ATTRIBUTE_NOT_EXISTS": lambda tokens, item: look(item, tokens.path()) is None,
    "BEGINS_WITH": _begins_with,
}


def _operand(tokens: _Tokens, item: Item) -> Any:
    token = tokens.peek()
    if token.startswith(":"):
        return tokens.names.value(tokens.take())
    return look(item, tokens.path())


def _compare(left: Any, right: Any, operator: str) -> bool:
    if left is None or right is None or left.keys() != right.keys():
        return False  # another type is never equal, less or more
    ((kind, one),), ((_, other),) = left.items(), right.items()
    if kind == "N":
        one, other = Decimal(one), Decimal(other)
    elif kind == "S":
        one, other = one.encode(), other.encode()  # in the order of UTF-8 bytes
    elif operator != "=":
        raise UnsupportedError(f"{operator} of {kind}")
    return {
        "=": one == other,
        "<": operator == "<" and one < other,
        "<=": operator == "<=" and one <= other,
        ">": operator == ">" and one > other,
        ">=": operator == ">=" and one >= other,
    }[operator]


def update(text: str, names: Names, item: Item) -> Item:
    """The item after an update expression; every operand is read from the item before it."""
    before, after = item, copy(item)
    tokens = _Tokens(text, names)
    clause, touched = "", list[Path]()
    while tokens.peek():
        if tokens.peek().upper() in ("SET", "ADD", "REMOVE", "DELETE"):
            clause = tokens.take().upper()
        elif not tokens.takes(","):
            raise InvalidError(f"Syntax error; token: {tokens.peek()!r}")
        path = tokens.path()
        if any(path[: len(other)] == other or other[: len(path)] == path for other in touched):
            raise InvalidError(f"Two document paths overlap with each other: {'.'.join(path)}")
        touched.append(path)
        if clause == "SET":
            tokens.expect("=")
            _put(after, path, _sum(tokens, before))
        elif clause == "ADD":
            _put(after, path, _added(look(before, path), tokens.names.value(tokens.take())))
        elif clause == "REMOVE":
            _parent(after, path).pop(path[-1], None)
        else:
            raise UnsupportedError(f"update clause {clause!r}")
    return after


def _sum(tokens: _Tokens, before: Item) -> Any:
    value = _set_operand(tokens, before)
    while tokens.peek() in ("+", "-"):
        sign = 1 if tokens.take() == "+" else -1
        other = _set_operand(tokens, before)
        if value.keys() != {"N"} or other.keys() != {"N"}:
            raise InvalidError("An operand in the update expression has an incorrect data type")
        value = {"N": str(Decimal(value["N"]) + sign * Decimal(other["N"]))}
    return value


def _set_operand(tokens: _Tokens, before: Item) -> Any:
    if tokens.takes("IF_NOT_EXISTS"):
        tokens.expect("(")
        found = look(before, tokens.path())
        tokens.expect(",")
        default = _set_operand(tokens, before)
        tokens.expect(")")
        return default if found is None else found
    value = _operand(tokens, before)
    if value is None:
        raise InvalidError("The provided expression refers to an attribute that does not exist in the item")
    return value


def _added(old: Any, value: Any) -> Any:
    if value.keys() == {"NS"} and (old is None or old.keys() == {"NS"}):
        return {"NS": sorted({*(old["NS"] if old else ()), *value["NS"]})}
    if value.keys() != {"N"} or (old is not None and old.keys() != {"N"}):
        raise UnsupportedError(f"ADD of {value}")
    return {"N": str(Decimal(old["N"] if old else 0) + Decimal(value["N"]))}


def _parent(item: Item, path: Path) -> Item:
    parent: Any = {"M": item}
    for part in path[:-1]:
        parent = parent.get("M", {}).get(part)
        if parent is None or "M" not in parent:
            raise InvalidError("The document path provided in the update expression is invalid for update")
    found: Item = parent["M"]
    return found


def _put(item: Item, path: Path, value: Any) -> None:
    _parent(item, path)[path[-1]] = copy(value)


def project(text: str | None, names: Names, item: Item) -> Item:
    """The item's top-level attributes that a projection names."""
    if text is None:
        return copy(item)
    tokens = _Tokens(text, names)
    wanted = [tokens.path()]
    while tokens.takes(","):
        wanted.append(tokens.path())
    if any(len(path) > 1 for path in wanted):
        raise UnsupportedError(f"projection {text!r}")
    return {path[0]: copy(item[path[0]]) for path in wanted if path[0] in item}


def copy(value: Any) -> Any:
    """A deep copy of an item, or of a part of one."""
    if isinstance(value, dict):
        return {
            str(name): copy(part) if isinstance(part, (dict, list)) else part for name, part in value.items()
        }
    if isinstance(value, list):
        return [copy(part) for part in value]
    return value
