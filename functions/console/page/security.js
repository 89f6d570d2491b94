// Sign-in security: the second factor, an authenticator app (TOTP).

import { action } from "./actions.js";
import { setupSteps } from "./authenticator.js";
import * as cognito from "./cognito.js";
import { announce, fill, h } from "./dom.js";
import { dialog } from "./errors.js";
import * as session from "./session.js";
import { signInProblem } from "./signin.js";
import { stack } from "./stack.js";
import { card, field, heading, into, loading, notice, paragraph, titled } from "./ui.js";

export function view(root, { signal }) {
  titled("Sign-in security");
  const place = h("div", {}, h("section", { class: "card" }, loading(3)));
  fill(root, heading("Sign-in security"), h("p", { class: "mute about" }, session.user().email || ""), place);
  show(place, signal);
}

function show(place, signal, note = "") {
  return into(place, signal, async () => {
    const isOn = await cognito.hasSecondFactor(await session.accessToken());
    const done = note ? notice("good", null, paragraph(note)) : null;
    return card("Second factor", done, isOn ? turnedOn(place, signal) : turnedOff(place, signal));
  });
}

function turnedOff(place, signal) {
  const words =
    "Signing in needs your password only. With an authenticator app it also needs a code from your phone.";
  const button = action("Set up authenticator app", () => setUp(place, signal), { kind: "primary" });
  return [notice("info", "Off", paragraph(words)), h("div", { class: "buttons" }, button)];
}

function turnedOn(place, signal) {
  const replace = action("Replace authenticator app", () => setUp(place, signal));
  const off = stack.requiresMfa ? null : action("Turn off", () => turnOff(place, signal), { kind: "danger" });
  const words = "Signing in needs your password and a code from your authenticator app.";
  return [notice("good", "On", paragraph(words)), h("div", { class: "buttons" }, replace, off)];
}

async function turnOff(place, signal) {
  const sure = await dialog(
    "Turn off the second factor?",
    paragraph(
      "Your password alone will be enough to sign in. The codes of your authenticator app no longer work.",
    ),
    [
      ["Keep second factor", "", ""],
      ["Turn off", "yes", "danger"],
    ],
    { tone: "danger" },
  );
  if (!sure) return;
  await cognito.turnOffSecondFactor(await session.accessToken());
  show(place, signal, "The second factor is off.");
}

async function setUp(place, signal) {
  const token = await session.accessToken();
  const secret = await cognito.newSecret(token);
  if (signal.aborted) return;
  const code = h("input", { inputmode: "numeric", autocomplete: "one-time-code", maxlength: "6" });
  const problem = h("p", { class: "problem", role: "alert" });
  const button = action("Turn on", () => finish(), { kind: "primary" });
  const form = h(
    "form",
    { on: { submit: (event) => (event.preventDefault(), button.click()) } },
    field("Code", code, "The six digits that the app shows now."),
    problem,
    h(
      "div",
      { class: "buttons" },
      button,
      h("button", { type: "button", on: { click: () => show(place, signal) } }, "Cancel"),
    ),
  );
  const steps = setupSteps(secret, session.user().email || "");
  fill(place, card("Set up authenticator app", steps, form));
  code.focus();

  async function finish() {
    problem.textContent = "";
    try {
      await cognito.turnOnSecondFactor(token, code.value.trim());
    } catch (error) {
      problem.textContent = signInProblem(error, "setup");
      code.setAttribute("aria-invalid", "true");
      code.focus();
      return;
    }
    announce("The second factor is on");
    show(place, signal, "The second factor is on. The next time you sign in, you need a code from the app.");
  }
}
