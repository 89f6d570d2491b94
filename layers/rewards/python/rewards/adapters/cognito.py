"""Tokens of a Cognito user pool: who signed in, if it is anybody.

Needs PyJWT, which only the layer `tokens` has.
"""

from dataclasses import dataclass
from typing import Any

import jwt

from rewards.domain.errors import RejectedError

# What any caller may make us read. An HTTP API admits no longer headers than this either.
_LONGEST = 10_240
_ALGORITHMS = ("RS256",)
_REQUIRED = ("exp", "iat", "iss", "sub", "token_use")
# Cognito's clock and Lambda's may differ by this.
_LEEWAY_SECONDS = 10
# A key that AWS withdraws counts for no longer than this, and a new one after a minute: strangers who make
# up key ids cause one request a minute.
_KEYS_SECONDS = 3600
_UNKNOWN_KEY_SECONDS = 60
_TIMEOUT_SECONDS = 3


class TokenError(RejectedError):
    """Not a token of this pool and client that is valid now. Says why, but nothing from the token itself."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user: Cognito's id for it, its groups, and its email address if the token has a verified one.

    Only id tokens have addresses, access tokens never do.
    """

    id: str
    groups: tuple[str, ...]
    email: str | None


class UserPool:
    """One user pool's tokens, made for one of its clients.

    `issuer` is the pool's address as its tokens give it, `keys_url` where its public keys are, which are
    kept, so make one of these a container.
    """

    def __init__(self, issuer: str, client_id: str, keys_url: str) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._keys = jwt.PyJWKClient(
            keys_url,
            lifespan=_KEYS_SECONDS,
            cooldown_duration=_UNKNOWN_KEY_SECONDS,
            timeout=_TIMEOUT_SECONDS,
        )

    def signed_in(self, token: str) -> SignedIn:
        """Whose token this is.

        Takes id and access tokens. Raises TokenError for all that is not the pool's own, made for this
        client and valid now; any other error means that the pool's keys could not be read.
        """
        try:
            claims = self._verified(token)
        except jwt.PyJWKClientConnectionError:
            raise
        except jwt.PyJWTError as error:
            raise TokenError(type(error).__name__) from error
        if self._made_for(claims) != self._client_id:
            raise TokenError("made for another client, or another use")
        groups = claims.get("cognito:groups", [])
        if not isinstance(groups, list):
            raise TokenError("groups are not a list")
        email = claims.get("email") if claims.get("email_verified") is True else None
        return SignedIn(claims["sub"], tuple(groups), email)

    def _verified(self, token: str) -> dict[str, Any]:
        """The claims of a token that the pool signed and that is valid now."""
        if len(token) > _LONGEST or not token.isascii():
            raise TokenError("too long, or not a token")
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in _ALGORITHMS or "kid" not in header:
            raise TokenError("not signed as Cognito signs")
        return jwt.decode(
            token,
            self._keys.get_signing_key(header["kid"]),
            algorithms=_ALGORITHMS,
            issuer=self._issuer,
            leeway=_LEEWAY_SECONDS,
            options={
                "require": list(_REQUIRED),
                "verify_aud": False,
            },  # see _made_for: access tokens have none
        )

    @staticmethod
    def _made_for(claims: dict[str, Any]) -> Any:
        """The client, which stands elsewhere in each kind of token; nothing for other kinds."""
        use = claims["token_use"]
        if use == "id":
            return claims.get("aud")
        if use == "access":
            return claims.get("client_id")
        return None
