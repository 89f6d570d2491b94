// The user pool's own API, called straight from the browser: the password goes nowhere else, and not even there.

import * as srp from "./srp.js";
import { stack } from "./stack.js";

const pool = stack.pool.split("_")[1];

export class CognitoError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

const wrongCode = () => new CognitoError("CodeMismatchException", "The code is wrong.");

async function ask(action, body) {
  let response;
  try {
    response = await fetch(stack.cognito + "/", {
      method: "POST",
      credentials: "omit",
      cache: "no-store",
      headers: {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": `AWSCognitoIdentityProviderService.${action}`,
      },
      body: JSON.stringify(body),
    });
  } catch {
    throw new CognitoError("OFFLINE", "There is no connection. Check your network and try again.");
  }
  const content = await response.json().catch(() => ({}));
  if (!response.ok) {
    const code = String(content.__type || `HTTP ${response.status}`)
      .split("#")
      .pop();
    throw new CognitoError(code, content.message || content.Message || "");
  }
  return content;
}

// Signing in is a conversation: each step gives { tokens }, or { challenge, ...what it needs }.
export async function signIn(email, password) {
  const own = srp.ephemeral();
  const started = await ask("InitiateAuth", {
    AuthFlow: "USER_SRP_AUTH",
    ClientId: stack.client,
    AuthParameters: { USERNAME: email, SRP_A: own.shared },
  });
  const responses = await srp.answer(own, started.ChallengeParameters, pool, password);
  return respond("PASSWORD_VERIFIER", started.Session, responses);
}

export function setFirstPassword(step, password) {
  return respond(step.challenge, step.session, { USERNAME: step.user, NEW_PASSWORD: password });
}

export function giveCode(step, code) {
  return respond(step.challenge, step.session, { USERNAME: step.user, SOFTWARE_TOKEN_MFA_CODE: code });
}

/** A sign-in that requires an authenticator app: the step with a new secret for it. */
export async function beginSetup(step) {
  const { SecretCode, Session } = await ask("AssociateSoftwareToken", { Session: step.session });
  return { ...step, session: Session, secret: SecretCode };
}

/** Ends that sign-in with a code of the app that has the secret. */
export async function finishSetup(step, code) {
  const checked = await ask("VerifySoftwareToken", { Session: step.session, UserCode: code });
  if (checked.Status !== "SUCCESS") throw wrongCode();
  return respond(step.challenge, checked.Session, { USERNAME: step.user });
}

async function respond(challenge, session, responses) {
  const response = await ask("RespondToAuthChallenge", {
    ClientId: stack.client,
    ChallengeName: challenge,
    Session: session,
    ChallengeResponses: responses,
  });
  if (response.AuthenticationResult) return { tokens: tokens(response.AuthenticationResult) };
  const user = response.ChallengeParameters?.USER_ID_FOR_SRP || responses.USERNAME;
  return { challenge: response.ChallengeName, session: response.Session, user };
}

export async function refresh(refreshToken) {
  const response = await ask("InitiateAuth", {
    AuthFlow: "REFRESH_TOKEN_AUTH",
    ClientId: stack.client,
    AuthParameters: { REFRESH_TOKEN: refreshToken },
  });
  return { ...tokens(response.AuthenticationResult), refresh: refreshToken };
}

// From here on the refresh token, and what was made with it, is worth nothing to Cognito.
export function revoke(refreshToken) {
  return ask("RevokeToken", { Token: refreshToken, ClientId: stack.client });
}

export function sendResetCode(email) {
  return ask("ForgotPassword", { ClientId: stack.client, Username: email });
}

export function resetPassword(email, code, password) {
  return ask("ConfirmForgotPassword", {
    ClientId: stack.client,
    Username: email,
    ConfirmationCode: code,
    Password: password,
  });
}

/** Whether the user signs in with a code of an authenticator app. */
export async function hasSecondFactor(accessToken) {
  const found = await ask("GetUser", { AccessToken: accessToken });
  return (found.UserMFASettingList || []).includes("SOFTWARE_TOKEN_MFA");
}

/** A new secret for an authenticator app; it counts once a code of it is verified. */
export async function newSecret(accessToken) {
  return (await ask("AssociateSoftwareToken", { AccessToken: accessToken })).SecretCode;
}

/** Turns the second factor on, with a code of the app that has the new secret. */
export async function turnOnSecondFactor(accessToken, code) {
  const checked = await ask("VerifySoftwareToken", { AccessToken: accessToken, UserCode: code });
  if (checked.Status !== "SUCCESS") throw wrongCode();
  await prefer(accessToken, true);
}

export function turnOffSecondFactor(accessToken) {
  return prefer(accessToken, false);
}

function prefer(accessToken, enabled) {
  const settings = { Enabled: enabled, PreferredMfa: enabled };
  return ask("SetUserMFAPreference", { AccessToken: accessToken, SoftwareTokenMfaSettings: settings });
}

function tokens(result) {
  const made = Date.now();
  const { IdToken: id, AccessToken: access, RefreshToken: refreshToken } = result;
  return { id, access, refresh: refreshToken, made, expires: made + result.ExpiresIn * 1000 };
}
