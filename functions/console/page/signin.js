// Signing in: email and password, and what Cognito may ask besides. The same form fills the page at first,
// and stands in front of it when a session has ended.

import { setupSteps } from "./authenticator.js";
import * as cognito from "./cognito.js";
import { announce, fill, h, newId } from "./dom.js";

const PASSWORD_RULE = "At least 12 characters, with an uppercase letter, a lowercase letter and a digit.";

const STEPS = {
  password: {
    title: "Sign in",
    button: "Sign in",
    fields: [
      { name: "email", label: "Email", type: "email", autocomplete: "username" },
      { name: "password", label: "Password", type: "password", autocomplete: "current-password" },
    ],
  },
  NEW_PASSWORD_REQUIRED: {
    title: "Choose a password",
    text: "You signed in with the password from your invitation. Choose your own password.",
    button: "Save password",
    fields: [
      {
        name: "first",
        label: "New password",
        type: "password",
        autocomplete: "new-password",
        hint: PASSWORD_RULE,
      },
    ],
  },
  SOFTWARE_TOKEN_MFA: {
    title: "Enter your code",
    text: "Enter the six digits that your authenticator app shows.",
    button: "Sign in",
    fields: [
      { name: "code", label: "Code", type: "text", inputmode: "numeric", autocomplete: "one-time-code" },
    ],
  },
  MFA_SETUP: {
    title: "Set up authenticator app",
    text: "Signing in needs your password and a code from an authenticator app.",
    button: "Sign in",
    fields: [
      { name: "code", label: "Code", type: "text", inputmode: "numeric", autocomplete: "one-time-code" },
    ],
  },
  forgotten: {
    title: "Reset your password",
    text: "We send a code to your email address.",
    button: "Send code",
    fields: [{ name: "email", label: "Email", type: "email", autocomplete: "username" }],
  },
  reset: {
    title: "Reset your password",
    text: "If the user exists, we sent a code to that address. It is valid for an hour.",
    button: "Save password",
    fields: [
      {
        name: "code",
        label: "Code from the email",
        type: "text",
        inputmode: "numeric",
        autocomplete: "one-time-code",
      },
      {
        name: "first",
        label: "New password",
        type: "password",
        autocomplete: "new-password",
        hint: PASSWORD_RULE,
      },
    ],
  },
};

// A form that gives `done` the tokens of whoever signs in. `level` is its heading's.
export function signInForm(done, { level = "h1", note = "", email = "" } = {}) {
  const place = h("div", { class: "signin" });
  const known = { email };
  show("password", { note });
  return place;

  function show(name, { note: hintText = "", step = null, error = "" } = {}) {
    const look = STEPS[name];
    const problem = h("p", { class: "problem", role: "alert", id: newId("problem") }, error);
    const button = h("button", { class: "primary wide", type: "submit" }, look.button);
    const inputs = look.fields.map((field) => fieldOf(field, known[field.name] || ""));
    const form = h(
      "form",
      { novalidate: true, on: { submit } },
      h(level, { tabindex: "-1", id: newId("title"), class: "title" }, look.title),
      hintText || look.text ? h("p", { class: "mute" }, hintText || look.text) : null,
      name === "MFA_SETUP" ? setupSteps(step.secret, known.email) : null,
      inputs.map((each) => each.row),
      problem,
      button,
      name === "password" ? link("Forgot your password?", "forgotten") : null,
      name === "reset" ? link("Send another code", "forgotten") : null,
      name === "forgotten" || name === "reset" ? link("Back to sign in", "password") : null,
    );
    fill(place, form);
    const first = inputs.find((each) => !each.input.value) || inputs[0];
    queueMicrotask(() => first.input.focus());

    async function submit(event) {
      event.preventDefault();
      if (button.disabled) return;
      const given = Object.fromEntries(inputs.map(({ input }) => [input.name, input.value]));
      const empty = inputs.find(({ input }) => !input.value.trim());
      if (empty) return reject(`${empty.label} is missing.`, empty.input);
      if (given.email) known.email = given.email.trim();
      button.disabled = true;
      problem.textContent = "";
      announce("One moment");
      try {
        await advance(name, given, step);
      } catch (error) {
        if (error.code === "PasswordResetRequiredException") return show("forgotten");
        if (step && error.code === "NotAuthorizedException" && name !== "SOFTWARE_TOKEN_MFA") {
          return show("password", { error: "The sign-in expired. Sign in again." });
        }
        const ofCode = /^(CodeMismatch|ExpiredCode)/.test(error.code);
        reject(signInProblem(error, name), (ofCode ? inputs[0] : inputs.at(-1)).input);
      } finally {
        button.disabled = false;
        announce("");
      }
    }

    function reject(words, input) {
      problem.textContent = words;
      input.setAttribute("aria-invalid", "true");
      input.setAttribute("aria-describedby", problem.id);
      input.focus();
      if (input.type === "password") input.select();
    }
  }

  async function advance(name, given, step) {
    if (name === "forgotten") {
      await cognito.sendResetCode(known.email);
      return show("reset");
    }
    if (name === "reset") {
      await cognito.resetPassword(known.email, given.code.trim(), given.first);
      return show("password", { note: "The new password is saved. Sign in with it." });
    }
    const next = await nextStep(name, given, step);
    if (next.tokens) return done(next.tokens);
    if (!STEPS[next.challenge])
      throw new Error(`The console does not support the challenge ${next.challenge}.`);
    return show(next.challenge, {
      step: next.challenge === "MFA_SETUP" ? await cognito.beginSetup(next) : next,
    });
  }

  function nextStep(name, given, step) {
    if (name === "password") return cognito.signIn(known.email, given.password);
    if (name === "NEW_PASSWORD_REQUIRED") return cognito.setFirstPassword(step, given.first);
    const code = given.code.trim();
    return name === "MFA_SETUP" ? cognito.finishSetup(step, code) : cognito.giveCode(step, code);
  }

  function link(label, to) {
    return h("p", { class: "aside" }, h("button", { class: "quiet", type: "button", on: { click } }, label));

    function click() {
      const typed = place.querySelector("[name=email]")?.value.trim();
      if (typed) known.email = typed;
      show(to);
    }
  }
}

function fieldOf({ label, hint, ...attributes }, value) {
  const id = newId("field");
  const input = h("input", {
    ...attributes,
    id,
    value,
    required: true,
    "aria-describedby": hint && `${id}-hint`,
  });
  const hintText = hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null;
  return { label, input, row: h("div", { class: "field" }, h("label", { for: id }, label), input, hintText) };
}

/** Why signing in, or setting up a second factor, failed. */
export function signInProblem(error, step) {
  switch (error.code) {
    case "OFFLINE":
    case "InvalidPasswordException":
      return error.message;
    case "NotAuthorizedException":
      return notAuthorized(error, step);
    case "UserNotFoundException":
      return WRONG;
    case "CodeMismatchException":
    case "EnableSoftwareTokenMFAException":
      if (step === "reset") return "The code is wrong. Enter the code from the newest email.";
      return "The code is wrong. Enter the code that the app shows now.";
    case "ExpiredCodeException":
      return "The code has expired. Request a new one.";
    case "TooManyRequestsException":
    case "LimitExceededException":
      return "Too many attempts. Wait a few minutes, then try again.";
    default:
      return `Something went wrong: ${error.message || error.code}`;
  }
}

const WRONG = "Email or password is wrong.";

function notAuthorized(error, step) {
  if (/exceeded|disabled|expired/i.test(error.message)) return `${error.message}.`.replace("..", ".");
  if (step === "forgotten") {
    return "This password cannot be reset: sign in with the one from your invitation, or request a new invitation.";
  }
  return step === "SOFTWARE_TOKEN_MFA" ? "The code is wrong." : WRONG;
}
