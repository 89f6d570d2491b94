"""Signing in to the deployed stack: with the API key, and with tokens of its user pool."""

import base64
import json
import time

import jwt
import pytest

from infra.local.users import Users

READ, WRITE = ("GET", "/export/history/list"), ("POST", "/export")
ORDER = {"type": "REDEEMABLE_REWARD_BALANCE"}


class Caller:
    """Somebody who sends what they like in the Authorization header."""

    def __init__(self, service):
        self.service = service
        self.users = service.local.users

    def status(self, request, header):
        method, path = request
        body = ORDER if method == "POST" else None
        response = self.service.call(method, path, body, key="", Authorization=header)
        if response.status >= 400:
            assert response.json["statusCode"] == response.status, "the contract's words, not API Gateway's"
        return response.status

    def statuses(self, token):
        return [self.status(request, f"Bearer {token}") for request in (READ, WRITE)]


@pytest.fixture(scope="module")
def caller(service):
    return Caller(service)


@pytest.fixture(scope="module")
def operator(caller):
    caller.users.add("ann@example.com", "operators")
    return caller.users.sign_in("ann@example.com")


def test_an_operator_reads_and_writes_with_either_token(caller, operator):
    assert caller.statuses(operator.id) == [200, 201]
    assert caller.statuses(operator.access) == [200, 201]


def test_a_viewer_reads(caller):
    caller.users.add("vic@example.com", "viewers")
    signed_in = caller.users.sign_in("vic@example.com")
    assert caller.statuses(signed_in.id) == [200, 403]
    assert caller.statuses(signed_in.access) == [200, 403]


def test_a_user_of_neither_group_does_nothing(caller):
    caller.users.add("new@example.com")
    signed_in = caller.users.sign_in("new@example.com")
    assert caller.statuses(signed_in.id) == [403, 403]
    assert caller.statuses(signed_in.access) == [403, 403]


def test_the_people_whom_make_up_names_can_sign_in(caller):
    assert caller.statuses(caller.service.local.token("operator")) == [200, 201]
    assert caller.statuses(caller.service.local.token("viewer")) == [200, 403]


def test_an_administrator_creates_a_key_and_revokes_it(caller, service):
    token = {"key": "", "Authorization": f"Bearer {service.local.token('administrator')}"}
    assert caller.statuses(service.local.token("administrator")) == [200, 403]
    made = service.call("POST", "/keys", {"name": "payroll", "scopes": ["write"]}, **token)
    assert made.status == 201
    key = made.json["key"]
    assert service.call(*READ, key=key).status == 200
    assert service.call(*WRITE, ORDER, key=key).status == 201
    assert service.call("GET", "/keys", key=key).status == 403
    (listed,) = service.call("GET", "/keys?limit=1", **token).json["data"]
    assert (listed["id"], listed["name"]) == (made.json["id"], "payroll")
    assert listed["dateLastUsed"] >= listed["dateCreated"]
    assert service.call("DELETE", f"/keys/{made.json['id']}", **token).status == 200
    assert service.call(*READ, key=key).status == 401


def test_tokens_of_another_pool_or_another_client_are_rejected(caller, service):
    cognito = service.local.aws.client("cognito-idp")
    other_pool = cognito.create_user_pool(PoolName="other")["UserPool"]["Id"]
    cognito.create_group(UserPoolId=other_pool, GroupName="operators")
    for pool in (other_pool, caller.users.pool_id):
        made = cognito.create_user_pool_client(
            UserPoolId=pool, ClientName="other", ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
        )["UserPoolClient"]
        users = Users(service.local.aws, pool, made["ClientId"])
        users.add("olaf@example.com", "operators")
        signed_in = users.sign_in("olaf@example.com")
        assert caller.statuses(signed_in.id) == [401, 401]
        assert caller.statuses(signed_in.access) == [401, 401]


def test_only_what_the_pool_signed_and_is_valid_now_passes(caller, operator, service):
    """Forged with the pool's own key, which lies in the local stack's folder: only the claims differ."""
    key = service.local.aws.home / f"state/cognito-pool-keys/{caller.users.pool_id}-id.pem"
    kid = jwt.get_unverified_header(operator.id)["kid"]
    claims = jwt.decode(operator.id, options={"verify_signature": False})

    def forged(**changes):
        return jwt.encode({**claims, **changes}, key.read_bytes(), "RS256", {"kid": kid})

    assert caller.status(READ, f"Bearer {forged()}") == 200
    assert caller.status(READ, f"Bearer {forged(exp=int(time.time()) - 60)}") == 401
    assert caller.status(READ, f"Bearer {forged(token_use='refresh')}") == 401


def test_a_token_that_was_tampered_with_is_rejected(caller, operator):
    header, payload, signature = operator.id.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    other = base64.urlsafe_b64encode(json.dumps({**claims, "sub": "eve"}).encode()).decode().rstrip("=")
    none = base64.urlsafe_b64encode(b'{"alg": "none"}').decode().rstrip("=")
    for token in (f"{header}.{other}.{signature}", f"{header}.{payload}.", f"{none}.{payload}.", "x", ""):
        assert caller.status(READ, f"Bearer {token}") == 401


@pytest.mark.parametrize("header", ["", "Basic", "Basic Og==", "Digest x", "Basic x, Bearer y"])
def test_another_header_is_rejected(caller, header):
    assert caller.status(READ, header) == 401


def test_without_a_header_the_response_says_how_to_authenticate(service):
    response = service.call(*READ, key="")
    assert response.status == 401
    assert response.headers["WWW-Authenticate"].startswith("Basic")


def test_nobody_signs_up(caller):
    """MiniStack lets them all the same; AWS does not."""
    cognito = caller.service.local.aws.client("cognito-idp")
    pool = cognito.describe_user_pool(UserPoolId=caller.users.pool_id)["UserPool"]
    assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True


def test_passwords_do_not_travel_in_the_clear(caller):
    cognito = caller.service.local.aws.client("cognito-idp")
    with pytest.raises(cognito.exceptions.InvalidParameterException, match="not enabled"):
        cognito.initiate_auth(
            ClientId=caller.users.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "ann@example.com", "PASSWORD": "Local-stack-1"},
        )


def test_a_rotated_key_counts_and_the_old_one_no_longer(service):
    """In a new container; that an old one asks again within a minute is tested without waiting for it."""
    old, new = service.local.api_key, "another-key-of-the-same-secret"
    service.local.aws.client("secretsmanager").put_secret_value(
        SecretId=service.local.outputs["ApiKeySecret"], SecretString=new
    )
    client, name = service.local.aws.client("lambda"), service.local.resources["AuthorizerFunction"]
    variables = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    client.update_function_configuration(
        FunctionName=name, Environment={"Variables": {**variables, "STARTED": "anew"}}
    )
    assert service.call(*READ, key=new).status == 200
    assert service.call(*READ, key=old).status == 401


def test_neither_key_nor_token_stands_in_any_log(caller, operator, service):
    caller.status(READ, f"Bearer {operator.access}x")
    service.call(*READ, key=service.local.api_key)
    token = {"key": "", "Authorization": f"Bearer {service.local.token('administrator')}"}
    made = service.call("POST", "/keys", {"name": "x", "scopes": ["read"]}, **token).json["key"]
    service.call(*READ, key=made)
    service.call("DELETE", f"/keys/{made}", **token)
    logs = service.local.aws.client("logs")

    def logged():
        groups = [name for kind, name in service.local.resources.items() if kind.endswith("LogGroup")]
        pages = (logs.filter_log_events(logGroupName=group)["events"] for group in groups)
        text = "\n".join(event["message"] for events in pages for event in events)
        return text if "token rejected" in text else None

    text = service.wait(logged)
    tokens = (*operator.access.split("."), *operator.id.split(".")[1:])
    for secret in (service.local.api_key, made[21:], *tokens):
        assert secret not in text


def test_an_invitation_links_to_the_console(service):
    cognito = service.local.aws.client("cognito-idp")
    attributes = [{"Name": "email", "Value": "invited@example.com"}]
    cognito.admin_create_user(
        UserPoolId=service.local.users.pool_id, Username="invited@example.com", UserAttributes=attributes
    )
    outbox = service.local.aws.outbox
    invitation = service.wait(
        lambda: next((mail for mail in outbox() if mail.to == ["invited@example.com"]), None)
    )
    assert f'href="{service.local.outputs["ConsoleUrl"]}"' in invitation.html
    assert "invited@example.com" in invitation.html
