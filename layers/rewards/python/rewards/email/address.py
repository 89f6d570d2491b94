"""Which texts are an address that SES can send to."""

import re

# The local part as HTML's email field takes it (no quotes, no comments, no display name), without
# dots where RFC 5321 has none. SES takes ASCII only, and international domains in Punycode.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?=.{{3,254}}\Z)(?=.{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+{_LABEL}")


def domains(text: str) -> frozenset[str]:
    """The domains in a list with commas, in lower case."""
    return frozenset(filter(None, (name.strip().lower() for name in text.split(","))))


def is_in(address: str, allowed: frozenset[str]) -> bool:
    """Whether the domain of a deliverable address is one of those allowed; its subdomains are others."""
    return address.rpartition("@")[2].lower() in allowed


def deliverable(text: str | None) -> str | None:
    """The one address in a text as SES takes it, or None: a name, a second address, a line break or a
    letter that SES would reject makes it none."""
    local, at, domain = (text or "").strip(" ").rpartition("@")
    if not at or len(domain) > 253:
        return None
    try:
        address = f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        return None
    return address if _ADDRESS.fullmatch(address) else None
