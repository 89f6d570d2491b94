"""Who is let in, and with what scopes; and everybody who is not."""

import base64
import hashlib
import hmac
import io
import json
import time
import urllib.error
from types import SimpleNamespace

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

with pytest.MonkeyPatch.context() as environment:
    environment.setenv("POWERTOOLS_LOGGER_LOG_EVENT", "true")  # read where the handler is defined
    from functions.authorizer import app

POOL = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_pool"
KEYS = f"{POOL}/.well-known/jwks.json"
CONTEXT = SimpleNamespace(
    function_name="f", memory_limit_in_mb=128, invoked_function_arn="arn:aws:lambda:::f", aws_request_id="id"
)
OURS, STRANGERS = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
LEFT_OUT = object()


def jwk(kid, key=OURS):
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    return {**public, "kid": kid, "use": "sig", "alg": "RS256"}


def id_token(key=OURS, algorithm="RS256", kid="one", headers=None, **changes):
    """A token as Cognito makes them, but for the changes."""
    now = int(time.time())
    claims = {
        "sub": "ann",
        "iss": POOL,
        "aud": "client",
        "token_use": "id",
        "iat": now,
        "exp": now + 3600,
        "email": "ann@example.com",
        "email_verified": True,
        "cognito:groups": ["operators"],
        **changes,
    }
    claims = {name: value for name, value in claims.items() if value is not LEFT_OUT}
    return encoded(claims, {"kid": kid, **(headers or {})}, key, algorithm)


def access_token(**changes):
    left_out = dict.fromkeys(("aud", "email", "email_verified"), LEFT_OUT)
    return id_token(**{"token_use": "access", "client_id": "client", **left_out, **changes})


def encoded(claims, headers, key=OURS, algorithm="RS256"):
    """Signed without asking what PyJWT thinks of the claims, which it checks when it signs, too."""
    return jwt.api_jws.encode(json.dumps(claims).encode(), key, algorithm, headers=headers)


def basic(password, user="any"):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Gate:
    """The authorizer, with a secret, a key set and a clock of its own."""

    def __init__(self):
        self.secret, self.secret_asked = "the-key", 0
        self.keys, self.keys_asked = [jwk("one")], []
        self.seconds = 1000.0
        self.log = io.StringIO()

    def ask(self, authorization=None):
        headers = {} if authorization is None else {"authorization": authorization}
        response = app.handler({"headers": headers}, CONTEXT)
        assert response["isAuthorized"] is True, "or API Gateway answers in its own words"
        return response["context"]

    def bearer(self, token):
        return self.ask(f"Bearer {token}")

    def get_secret_value(self, SecretId):  # noqa: N803  # as boto3 calls it
        assert SecretId == "arn:secret"
        self.secret_asked += 1
        if self.secret is None:
            raise ConnectionError("Secrets Manager is down")
        return {"SecretString": self.secret}

    def open(self, request, timeout):
        assert timeout < 10, "or the function's time is over before"
        self.keys_asked.append(request.full_url)
        if self.keys is None:
            raise urllib.error.URLError("Cognito is down")
        return io.BytesIO(json.dumps({"keys": self.keys}).encode())

    def monotonic(self):
        return self.seconds


@pytest.fixture
def gate(monkeypatch):
    gate = Gate()
    variables = {
        "API_KEY_SECRET": "arn:secret",
        "JOBS_TABLE": "jobs",
        "TOKEN_ISSUER": POOL,
        "JWKS_URL": KEYS,
        "USER_POOL_CLIENT_ID": "client",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    # Endpoints of AWS have no influence on where keys come from.
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://127.0.0.1:4566")
    monkeypatch.setattr(app, "client", {"secretsmanager": gate}.get)
    monkeypatch.setattr("urllib.request.build_opener", lambda *_: gate)
    for module in ("functions.authorizer.app", "jwt.jwks_client", "jwt.jwk_set_cache", "jwt.api_jwk"):
        monkeypatch.setattr(f"{module}.time", gate)
    monkeypatch.setattr(app.logger.registered_handler, "stream", gate.log)
    app._user_pool.cache_clear()
    app._api_key.cache_clear()
    yield gate
    app._user_pool.cache_clear()
    app._api_key.cache_clear()


# --- The API key ---


@pytest.mark.parametrize("name", ["any", "", "é"])
def test_the_api_key_has_all_scopes_whatever_the_user_name(gate, name):
    assert gate.ask(basic("the-key", name)) == {"scopes": "admin read write", "user": "API"}


@pytest.mark.parametrize("name", ["é", "Zoë"])
@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16"])
def test_ignores_a_user_name_in_any_encoding(gate, name, encoding):
    credentials = base64.b64encode(name.encode(encoding) + b":the-key").decode()
    assert gate.ask(f"Basic {credentials}") == {"scopes": "admin read write", "user": "API"}


def test_logs_that_an_api_key_was_rejected_and_never_the_key(gate, capsys):
    wrong = [basic("a-wrong-key"), basic("x" * 1000), "Basic ////", "Basic é", "Basic"]
    for header in wrong:
        assert gate.ask(header) == {}
    gate.ask(basic("the-key"))
    gate.ask(id_token())
    gate.ask(f"Bearer {id_token(iss='https://elsewhere')}")
    gate.ask()
    printed = capsys.readouterr()
    logged = [json.loads(line)["message"] for line in gate.log.getvalue().splitlines()]
    assert logged.count("API key rejected") == len(wrong)
    everything = printed.out + printed.err + gate.log.getvalue()
    for secret in ("a-wrong-key", "xxxx", "the-key", basic("a-wrong-key").split()[1]):
        assert secret not in everything


def test_the_scheme_is_read_in_any_case(gate):
    assert gate.ask(basic("the-key").replace("Basic", "bAsIc"))["user"] == "API"
    assert gate.ask(f"bearer {id_token()}")["scopes"] == "read write"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic é",
        "Basic ////",
        "Basic Og==",
        "Basic dGhlLWtleQ==",  # the key without a colon
        "the-key",
        "Digest the-key",
        basic(""),
        basic("the-ke"),
        basic("the-key "),
        basic("THE-KEY"),
        basic("thé-key"),
        basic("the-key") + ", Bearer x",  # how two headers of that name arrive
        "Bearer x, " + basic("the-key"),
    ],
)
def test_nobody_is_known_by_another_header(gate, header):
    assert gate.ask(header) == {}


def test_an_empty_secret_opens_nothing(gate):
    gate.secret = ""
    assert gate.ask(basic("")) == {}


def test_a_new_key_counts_within_a_minute_and_the_old_one_no_longer(gate):
    assert gate.ask(basic("the-key"))
    gate.secret = "another"
    gate.seconds += 60
    assert gate.ask(basic("another"))["user"] == "API"
    assert gate.ask(basic("the-key")) == {}


def test_the_secret_is_asked_for_once_a_minute_whatever_strangers_send(gate):
    for n in range(10):
        gate.ask(basic(f"guess-{n}"))
    assert gate.secret_asked == 1


def test_while_the_secret_cannot_be_read_nobody_passes_and_later_the_key_does(gate):
    gate.secret = None
    with pytest.raises(ConnectionError):
        gate.ask(basic("the-key"))
    assert gate.ask() == {}
    assert gate.bearer(id_token())["scopes"] == "read write", "tokens need no secret"
    gate.secret = "the-key"
    assert gate.ask(basic("the-key"))["user"] == "API"


# --- Tokens that are let in ---


def test_an_id_token_names_scopes_user_and_address(gate):
    assert gate.bearer(id_token()) == {"scopes": "read write", "user": "ann", "email": "ann@example.com"}


def test_an_access_token_names_scopes_and_user(gate):
    assert gate.bearer(access_token()) == {"scopes": "read write", "user": "ann"}


@pytest.mark.parametrize("verified", [False, "true", 1, None, LEFT_OUT])
def test_an_address_that_was_not_verified_gets_no_mail(gate, verified):
    assert gate.bearer(id_token(email_verified=verified)) == {"scopes": "read write", "user": "ann"}


@pytest.mark.parametrize(
    ("groups", "scopes"),
    [
        (["viewers"], "read"),
        (["approvers"], "approve read"),
        (["operators"], "read write"),
        (["administrators"], "admin read"),
        (["viewers", "operators"], "read write"),
        (["operators", "administrators", "approvers"], "admin approve read write"),
        (["Operators", "operators ", "operator", ["operators"], None], "none"),
        ([], "none"),
        (LEFT_OUT, "none"),
    ],
)
@pytest.mark.parametrize("token", [id_token, access_token])
def test_the_groups_together_give_the_scopes(gate, token, groups, scopes):
    assert gate.bearer(token(**{"cognito:groups": groups}))["scopes"] == scopes


def test_clocks_may_differ_by_seconds(gate):
    assert gate.bearer(id_token(iat=int(time.time()) + 5))["scopes"] == "read write"


# --- Tokens that are not ---

NOW = int(time.time())
PUBLIC_PEM = OURS.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
GOOD = id_token()
HEADER, PAYLOAD, SIGNATURE = GOOD.split(".")


def part(content):
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def hs256(secret):
    """Signed with a secret that everybody knows; by hand, for PyJWT will not sign with a public key."""
    head = part({"alg": "HS256", "typ": "JWT", "kid": "one"})
    digest = hmac.digest(secret, f"{head}.{PAYLOAD}".encode(), hashlib.sha256)
    return f"{head}.{PAYLOAD}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


CLAIMS_REJECTED = {
    "expired": {"exp": NOW - 60},
    "never expires": {"exp": LEFT_OUT},
    "expires at a text": {"exp": "tomorrow"},
    "expires at infinity": {"exp": float("inf")},
    "made in the future": {"iat": NOW + 600},
    "made at no time": {"iat": LEFT_OUT},
    "not valid yet": {"nbf": NOW + 600},
    "another pool": {"iss": POOL + "2"},
    "no pool": {"iss": LEFT_OUT},
    "several pools": {"iss": [POOL]},
    "another client": {"aud": "stranger"},
    "no client": {"aud": LEFT_OUT},
    "several clients": {"aud": ["client"]},
    "an access token's client in an id token": {"aud": LEFT_OUT, "client_id": "client"},
    "a refresh token": {"token_use": "refresh"},
    "no use": {"token_use": LEFT_OUT},
    "several uses": {"token_use": ["id"]},
    "nobody": {"sub": LEFT_OUT},
    "several people": {"sub": ["ann"]},
    "groups in a text": {"cognito:groups": "operators"},
}
ACCESS_CLAIMS_REJECTED = {
    "another client": {"client_id": "stranger"},
    "several clients": {"client_id": ["client"]},
    "no client": {"client_id": LEFT_OUT},
    "an id token's client in an access token": {"client_id": LEFT_OUT, "aud": "client"},
}
SPELT_REJECTED = {
    "no signature": f"{HEADER}.{PAYLOAD}.",
    "two parts": f"{HEADER}.{PAYLOAD}",
    "four parts": f"{GOOD}.",
    "half a signature": GOOD[:-20],
    "another payload": f"{HEADER}.{part({'sub': 'eve', 'iss': POOL})}.{SIGNATURE}",
    "another header": f"{part({'alg': 'RS256', 'kid': 'one', 'x': 1})}.{PAYLOAD}.{SIGNATURE}",
    "alg none": f"{part({'alg': 'none', 'kid': 'one'})}.{PAYLOAD}.",
    "alg NONE with a signature": f"{part({'alg': 'NONE', 'kid': 'one'})}.{PAYLOAD}.{SIGNATURE}",
    "no alg": f"{part({'kid': 'one'})}.{PAYLOAD}.{SIGNATURE}",
    "several algs": f"{part({'alg': ['RS256'], 'kid': 'one'})}.{PAYLOAD}.{SIGNATURE}",
    "a header that is a list": f"{part(['RS256'])}.{PAYLOAD}.{SIGNATURE}",
    "claims that are a list": encoded(["ann"], {"kid": "one"}),
    "claims that are a number": encoded(1, {"kid": "one"}),
    "the public key as a secret": hs256(PUBLIC_PEM),
    "the empty secret": hs256(b""),
    "a stronger algorithm": id_token(algorithm="RS512"),
    "signed by a stranger": id_token(key=STRANGERS),
    "a stranger's key in the header": id_token(key=STRANGERS, headers={"jwk": jwk("one", STRANGERS)}),
    "a stranger's keys behind an address": id_token(key=STRANGERS, headers={"jku": "https://evil.example"}),
    "an unknown extension": id_token(headers={"crit": ["exp"], "exp": NOW}),
    "no kid": f"{part({'alg': 'RS256'})}.{PAYLOAD}.{SIGNATURE}",
    "an unknown kid": id_token(kid="two"),
    "several kids": f"{part({'alg': 'RS256', 'kid': ['one']})}.{PAYLOAD}.{SIGNATURE}",
    "longer than any header": id_token(padding="x" * 10_000),
    "line breaks": GOOD[:50] + "\n" + GOOD[50:],
    "not ASCII": GOOD + "é",
    "a lone surrogate": GOOD + "\ud800",
    "two headers": f"{GOOD}, {GOOD}",
    "nothing": "",
    "deeply nested": f"{base64.urlsafe_b64encode(b'[' * 7000).decode().rstrip('=')}.{PAYLOAD}.{SIGNATURE}",
}


@pytest.mark.parametrize("changes", CLAIMS_REJECTED.values(), ids=CLAIMS_REJECTED)
def test_an_id_token_is_rejected_for_its_claims(gate, changes):
    assert gate.bearer(id_token(**changes)) == {}


@pytest.mark.parametrize("changes", ACCESS_CLAIMS_REJECTED.values(), ids=ACCESS_CLAIMS_REJECTED)
def test_an_access_token_is_rejected_for_its_claims(gate, changes):
    assert gate.bearer(access_token(**changes)) == {}


@pytest.mark.parametrize("token", SPELT_REJECTED.values(), ids=SPELT_REJECTED)
def test_a_token_is_rejected_for_how_it_is_made(gate, token):
    assert gate.bearer(token) == {}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # it may serve any number of callers
@given(
    st.sampled_from(["", "Basic ", "Bearer ", f"Bearer {HEADER}.", f"Bearer {HEADER}.{PAYLOAD}."]),
    st.one_of(st.text(), st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("="))),
)
def test_no_header_whatever_opens_anything_or_breaks_anything(gate, scheme, rest):
    assert gate.ask(scheme + rest) == {}


# --- The pool's keys ---


def test_keys_are_fetched_once_and_from_the_pool(gate):
    for token in (GOOD, access_token(), id_token(key=STRANGERS)):
        gate.bearer(token)
    assert gate.keys_asked == [KEYS]


def test_made_up_key_ids_cause_one_request_a_minute(gate):
    gate.bearer(GOOD)
    gate.seconds += 61
    for n in range(10):
        gate.bearer(id_token(kid=f"made-up-{n}"))
    assert len(gate.keys_asked) == 2


def test_a_header_that_no_key_could_verify_causes_no_request(gate):
    for name in ("alg none", "no kid", "the public key as a secret", "longer than any header"):
        gate.bearer(SPELT_REJECTED[name])
    assert gate.keys_asked == []


def test_a_key_that_the_pool_adds_is_found(gate):
    gate.bearer(GOOD)
    gate.keys = [jwk("one"), jwk("two", STRANGERS)]
    gate.seconds += 61
    assert gate.bearer(id_token(key=STRANGERS, kid="two"))["scopes"] == "read write"


def test_a_key_that_the_pool_withdraws_counts_no_longer_than_an_hour(gate):
    assert gate.bearer(GOOD)
    gate.keys = [jwk("two", STRANGERS)]
    gate.seconds += 3601
    assert gate.bearer(GOOD) == {}


def test_keys_of_another_kind_verify_nothing(gate):
    gate.keys = [{"kty": "oct", "kid": "one", "k": part("secret"), "alg": "HS256"}, jwk("other")]
    assert gate.bearer(GOOD) == {}
    assert gate.bearer(hs256(b'"secret"')) == {}


def test_while_the_keys_cannot_be_read_nobody_passes_and_later_the_token_does(gate):
    keys, gate.keys = gate.keys, None
    with pytest.raises(jwt.PyJWKClientConnectionError):
        gate.bearer(GOOD)
    gate.keys = keys
    assert gate.bearer(GOOD)["scopes"] == "read write"


# --- The log ---


def test_neither_key_nor_token_is_ever_logged(gate):
    expired = id_token(exp=NOW - 60)
    for header in (basic("the-key"), basic("a-guess"), f"Bearer {GOOD}", f"Bearer {expired}"):
        gate.ask(header)
    logged = gate.log.getvalue()
    assert "ExpiredSignatureError" in logged
    secrets = ["the-key", "a-guess", basic("the-key")[6:], basic("a-guess")[6:], *GOOD.split("."), expired]
    assert [secret for secret in secrets if secret in logged] == []
