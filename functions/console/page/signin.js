// Signing in: email and password, and what Cognito may ask besides. The same form fills the page at first,
// and stands in front of it when a session has ended.

import * as cognito from "./cognito.js";
import { announce, fill, h, newId } from "./dom.js";

const PASSWORD_RULE = "At least 12 characters, with a capital letter, a small letter and a digit.";

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
    text: "You signed in with the password from your invitation. Choose one of your own.",
    button: "Save and go on",
    fields: [
      { name: "first", label: "New password", type: "password", autocomplete: "new-password", hint: PASSWORD_RULE },
    ],
  },
  SOFTWARE_TOKEN_MFA: {
    title: "Enter your code",
    text: "Open your authenticator app and type the six digits that it shows.",
    button: "Go on",
    fields: [{ name: "code", label: "Code", type: "text", inputmode: "numeric", autocomplete: "one-time-code" }],
  },
  forgotten: {
    title: "Reset your password",
    text: "We send a code to your email address.",
    button: "Send the code",
    fields: [{ name: "email", label: "Email", type: "email", autocomplete: "username" }],
  },
  reset: {
    title: "Reset your password",
    text: "If there is such a user, a code is on its way to that address. It works for an hour.",
    button: "Save the password",
    fields: [
      { name: "code", label: "Code from the email", type: "text", inputmode: "numeric", autocomplete: "one-time-code" },
      { name: "first", label: "New password", type: "password", autocomplete: "new-password", hint: PASSWORD_RULE },
    ],
  },
};

// A form that gives `done` the tokens of whoever signs in. `level` is its heading's.
export function signInForm(done, { level = "h1", note = "", email = "" } = {}) {
  const place = h("div", { class: "signin" });
  const known = { email };
  show("password", { note });
  return place;

  function show(name, { note: told = "", step = null, error = "" } = {}) {
    const look = STEPS[name];
    const problem = h("p", { class: "problem", role: "alert", id: newId("problem") }, error);
    const button = h("button", { class: "primary wide", type: "submit" }, look.button);
    const inputs = look.fields.map((field) => fieldOf(field, known[field.name] || ""));
    const form = h(
      "form",
      { novalidate: true, on: { submit } },
      h(level, { tabindex: "-1", id: newId("title"), class: "title" }, look.title),
      told || look.text ? h("p", { class: "mute" }, told || look.text) : null,
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
      if (empty) return refuse(`${empty.label} is missing.`, empty.input);
      if (given.email) known.email = given.email.trim();
      button.disabled = true;
      problem.textContent = "";
      announce("One moment");
      try {
        await advance(name, given, step);
      } catch (error) {
        if (error.code === "PasswordResetRequiredException") return show("forgotten");
        if (step && error.code === "NotAuthorizedException" && name !== "SOFTWARE_TOKEN_MFA") {
          return show("password", { error: "That took too long. Sign in once more." });
        }
        const ofCode = /^(CodeMismatch|ExpiredCode)/.test(error.code);
        refuse(inWords(error, name), (ofCode ? inputs[0] : inputs.at(-1)).input);
      } finally {
        button.disabled = false;
        announce("");
      }
    }

    function refuse(words, input) {
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
    const next = await (name === "password"
      ? cognito.signIn(known.email, given.password)
      : name === "NEW_PASSWORD_REQUIRED"
        ? cognito.setFirstPassword(step, given.first)
        : cognito.giveCode(step, given.code.trim()));
    if (next.tokens) return done(next.tokens);
    if (!STEPS[next.challenge]) throw new Error(`This page does not know the challenge ${next.challenge}.`);
    return show(next.challenge, { step: next });
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
  const input = h("input", { ...attributes, id, value, required: true, "aria-describedby": hint && `${id}-hint` });
  const told = hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null;
  return { label, input, row: h("div", { class: "field" }, h("label", { for: id }, label), input, told) };
}

function inWords(error, step) {
  switch (error.code) {
    case "OFFLINE":
    case "InvalidPasswordException":
      return error.message;
    case "NotAuthorizedException":
      if (/exceeded|disabled|expired/i.test(error.message)) return `${error.message}.`.replace("..", ".");
      if (step === "forgotten") return "This password cannot be reset yet: sign in with the one from your invitation, or ask for a new invitation.";
      return step === "SOFTWARE_TOKEN_MFA" ? "That code is not right." : "Email or password is not right.";
    case "UserNotFoundException":
      return "Email or password is not right.";
    case "CodeMismatchException":
      return step === "reset" ? "That code is not right. Look at the newest email again." : "That code is not right. Wait for the next one, or look again.";
    case "ExpiredCodeException":
      return "That code is too old. Ask for a new one.";
    case "TooManyRequestsException":
    case "LimitExceededException":
      return "Too many attempts. Wait a few minutes, then try again.";
    default:
      return `That did not work: ${error.message || error.code}`;
  }
}
