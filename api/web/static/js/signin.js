// The page for those whom the farm does not know yet.

import * as api from "./api.js";
import { h } from "./dom.js";
import { renew } from "./events.js";

export function signInPage(signedIn) {
  const field = h("input", {
    id: "key",
    type: "password",
    name: "key",
    autocomplete: "current-password",
    required: true,
    spellcheck: "false",
    "aria-describedby": "key-help key-error",
  });
  const problem = h("p", { id: "key-error", class: "problem", role: "alert", hidden: true });
  const button = h("button", { class: "primary" }, "Open the gallery");

  async function enter(event) {
    event.preventDefault();
    button.disabled = true;
    problem.hidden = true;
    try {
      await api.signIn(field.value.trim());
      renew();
      signedIn(await api.whoAmI());
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
      field.select();
    } finally {
      button.disabled = false;
    }
  }

  const node = h(
    "div",
    { class: "signin" },
    h(
      "form",
      { class: "panel", onsubmit: enter },
      h("h1", {}, "What does your machine dream of?"),
      h(
        "p",
        { id: "key-help" },
        "The gallery opens with a key. ",
        h("code", {}, "dreamfarm up"),
        " prints a link that has it; on a shared farm, ask whoever runs it.",
      ),
      h("label", { for: "key" }, "Key"),
      field,
      problem,
      button,
    ),
  );
  return { node, title: "Sign in", close() {} };
}
