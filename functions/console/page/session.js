// Who is signed in, in this tab: the tokens live in its sessionStorage, which goes with the tab.

import * as cognito from "./cognito.js";

const KEY = "session";
const EARLY = 5 * 60_000; // a token is renewed so long before it expires
const FRESH = 60_000; // a token that is rejected so soon after it was made is of no use at all

// Signing out ends the session in every tab of this browser.
const tabs = new BroadcastChannel("session");
tabs.onmessage = () => current && leave();

let current = JSON.parse(sessionStorage.getItem(KEY) || "null");
let asking = null;
let renewing = null;
/** @type {() => Promise<any>} */
let askAgain = () => Promise.reject(new Error("no form to sign in"));

// How a user whose session has ended signs in again: a function that resolves when they have.
export function onEnded(ask) {
  askAgain = ask;
}

// The user of a session, also of one that has ended; null before anybody signed in.
export function user() {
  if (!current) return null;
  const claims = claimsOf(current.id);
  const groups = claims["cognito:groups"] || [];
  const isAdministrator = groups.includes("administrators");
  const isApprover = groups.includes("approvers");
  return { id: claims.sub, email: claims.email, role: roleOf(groups), isAdministrator, isApprover };
}

const READERS = ["viewers", "approvers", "administrators"];

function roleOf(groups) {
  if (groups.includes("operators")) return "operator";
  return READERS.some((group) => groups.includes(group)) ? "viewer" : "none";
}

export function isOperator() {
  return user()?.role === "operator";
}

export function begin(tokens) {
  current = tokens;
  sessionStorage.setItem(KEY, JSON.stringify(tokens));
}

// A token that works now. Waits for the user where nothing else gives one.
export async function token() {
  if (!current.ended && Date.now() < current.expires - EARLY) return current.id;
  if (!current.ended) {
    renewing ||= renew().finally(() => (renewing = null));
    await renewing;
    if (!current.ended) return current.id;
  }
  asking ||= askAgain().finally(() => (asking = null));
  await asking;
  return current.id;
}

/** A new access token, with which users change their own sign-in settings. */
export async function accessToken() {
  await token();
  begin(await cognito.refresh(current.refresh));
  return current.access;
}

async function renew() {
  try {
    begin(await cognito.refresh(current.refresh));
  } catch (error) {
    if (error.code === "NotAuthorizedException") end();
    else if (Date.now() >= current.expires) throw error;
  }
}

// The API rejected this token: it is renewed, or the user signs in, before the next request.
export function rejected(token) {
  if (token !== current.id) return;
  if (Date.now() - current.made < FRESH) end();
  else current = { ...current, expires: 0 };
}

function end() {
  current = { ...current, ended: true };
  sessionStorage.removeItem(KEY);
}

export function signOut() {
  tabs.postMessage("signed out");
  return leave();
}

async function leave() {
  const { refresh } = current;
  sessionStorage.removeItem(KEY);
  try {
    await cognito.revoke(refresh);
  } finally {
    location.hash = "";
    location.reload();
  }
}

function claimsOf(token) {
  const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  const raw = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(raw));
}
