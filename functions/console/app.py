"""The operators' page: files of this folder, and in their head what the page must know of the stack.

All but the page itself lie under a name made from their content (`v/{digest}/`), so a browser keeps them for
good and asks for one small document the next time. Nothing here depends on the caller.
"""

import base64
import gzip
import hashlib
import json
import os
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent / "page"
_INDEX = "index.html"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class File:
    content: bytes
    packed: bytes
    content_type: str
    tag: str


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    if event["requestContext"]["http"]["method"] not in ("GET", "HEAD"):
        return _words(405, "Method not allowed. Allowed: GET, HEAD.", {"Allow": "GET, HEAD"})
    path = event["rawPath"].strip("/")
    name, kept = path.removeprefix(f"v/{version()}/"), "public, max-age=31536000, immutable"
    if path in ("", _INDEX):
        name, kept = _INDEX, "no-cache"
    elif name == path:
        return _words(404, "There is nothing at this address. The page is at the top of this site.")
    file = files().get(name)
    if file is None:
        return _words(404, "There is no such file.")
    return _respond(file, {key.lower(): value for key, value in event.get("headers", {}).items()}, kept)


def _respond(file: File, asked: dict[str, str], kept: str) -> dict[str, Any]:
    headers = {
        **security_headers(),
        "Content-Type": file.content_type,
        "Cache-Control": kept,
        "ETag": file.tag,
        "Vary": "Accept-Encoding",
    }
    if asked.get("if-none-match") == file.tag:
        return {"statusCode": 304, "headers": headers}
    packs = "gzip" in asked.get("accept-encoding", "")
    if packs:
        headers["Content-Encoding"] = "gzip"
    body = base64.b64encode(file.packed if packs else file.content).decode()
    return {"statusCode": 200, "headers": headers, "body": body, "isBase64Encoded": True}


def _words(status: int, text: str, more: dict[str, str] | None = None) -> dict[str, Any]:
    headers = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store", **(more or {})}
    return {"statusCode": status, "headers": {**security_headers(), **headers}, "body": text + "\n"}


@cache
def version() -> str:
    """A name that changes with any file of the page."""
    digest = hashlib.sha256()
    for path in sorted(PAGE.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


@cache
def files() -> dict[str, File]:
    return {path.name: _read(path) for path in PAGE.iterdir()}


def _read(path: Path) -> File:
    content = path.read_bytes()
    if path.name == _INDEX:
        stack = escape(json.dumps(about_the_stack()))
        content = content.replace(b"{version}", version().encode()).replace(b"{stack}", stack.encode())
    tag = f'"{hashlib.sha256(content).hexdigest()[:24]}"'
    return File(content, gzip.compress(content, mtime=0), _TYPES[path.suffix], tag)


def about_the_stack() -> dict[str, str | bool]:
    """What the page needs to sign a user in and to ask the API. None of it is secret."""
    return {
        "tenant": os.environ["TENANT_ALIAS"],
        "cognito": os.environ["COGNITO_URL"],
        "pool": os.environ["USER_POOL_ID"],
        "client": os.environ["USER_POOL_CLIENT_ID"],
        "requiresMfa": os.environ["REQUIRE_MFA"] == "true",
    }


@cache
def security_headers() -> dict[str, str]:
    """The page may load its own files, and talk to the API, the user pool and the upload bucket."""
    talks_to = {os.environ["COGNITO_URL"], os.environ["UPLOAD_URL"]}
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": " ".join(["'self'", *sorted(talks_to)]),
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Strict-Transport-Security": "max-age=63072000",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "X-Robots-Tag": "noindex",
    }
