"""People of a local stack, and how they sign in.

On AWS an administrator creates them with the same calls (docs/guides/deployment.md).
"""

from dataclasses import dataclass

from infra.local.ministack import MiniStack

# One user for each role; `make up` prints them.
GROUPS = {
    "operator": "operators",
    "viewer": "viewers",
    "approver": "approvers",
    "administrator": "administrators",
}
PASSWORD = "Local-stack-1"  # noqa: S105  # of people who exist on this machine only


@dataclass(frozen=True)
class Tokens:
    """What Cognito gives to who signs in."""

    id: str
    access: str
    refresh: str


@dataclass(frozen=True)
class Users:
    """The users of a pool on this machine, who sign in to one of its clients."""

    aws: MiniStack
    pool_id: str
    client_id: str

    def add(self, email: str, group: str | None = None) -> None:
        """Create somebody, whose password is PASSWORD; somebody who exists stays as they are."""
        cognito = self.aws.client("cognito-idp")
        who = {"UserPoolId": self.pool_id, "Username": email}
        attributes = [{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}]
        try:
            cognito.admin_create_user(**who, UserAttributes=attributes, MessageAction="SUPPRESS")
        except cognito.exceptions.UsernameExistsException:
            return
        cognito.admin_set_user_password(**who, Password=PASSWORD, Permanent=True)
        if group:
            cognito.admin_add_user_to_group(**who, GroupName=group)

    def somebody(self, role: str) -> str:
        """The address of a user who has this role, created if need be."""
        email = f"{role}@example.com"
        self.add(email, GROUPS[role])
        return email

    def sign_in(self, email: str) -> Tokens:
        response = self.aws.client("cognito-idp").admin_initiate_auth(
            UserPoolId=self.pool_id,
            ClientId=self.client_id,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": email, "PASSWORD": PASSWORD},
        )["AuthenticationResult"]
        return Tokens(response["IdToken"], response["AccessToken"], response["RefreshToken"])
