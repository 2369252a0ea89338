// Small parts that several pages use.

import * as api from "./api.js";
import { fill, h, icon } from "./dom.js";
import { ago, count, date, percent } from "./format.js";

export const STATES = ["running", "queued", "paused", "succeeded", "failed", "cancelled"];

export const badge = (state) => h("span", { class: `badge ${state}` }, state);

/** A bar of `share` (0–1); `set(share)` moves it. */
export function progressBar(share, label) {
  const bar = h("div", {
    class: "bar",
    role: "progressbar",
    "aria-label": label,
    "aria-valuemin": 0,
    "aria-valuemax": 100,
  });
  bar.append(h("div", { class: "bar-fill" }));
  bar.set = (next) => {
    bar.style.setProperty("--share", String(next));
    bar.setAttribute("aria-valuenow", String(Math.floor(next * 100)));
  };
  bar.set(share);
  return bar;
}

/** A batch's jobs as one bar of coloured parts, with the numbers for those who cannot see it. */
export function statesBar(states) {
  const shown = ["succeeded", "running", "paused", "queued", "failed", "cancelled"].filter((state) => states[state]);
  const label = shown.map((state) => `${count(states[state])} ${state}`).join(", ");
  return h(
    "div",
    { class: "states-bar", role: "img", "aria-label": label, title: label },
    shown.map((state) => h("span", { class: state, style: { "--part": String(states[state]) } })),
  );
}

/** A short message that goes away by itself; with `undo` ({label, action}) it stays longer and offers a way back. */
export function toast(message, { undo, tone = "plain" } = {}) {
  const close = () => node.remove();
  const node = h(
    "div",
    { class: `toast ${tone}` },
    h("span", {}, message),
    undo &&
      h(
        "button",
        {
          type: "button",
          onclick: () => {
            close();
            undo.action();
          },
        },
        undo.label,
      ),
    h("button", { type: "button", class: "ghost", "aria-label": "Dismiss", onclick: close }, icon("close")),
  );
  document.getElementById("toasts").append(node);
  setTimeout(close, undo || tone === "error" ? 12_000 : 5_000);
}

/** What went wrong, said to the person; a sign-out shows its own page, and leaving a page is no error. */
export function complain(error) {
  if (error.name === "AbortError" || error.status === 401) return;
  toast(error.message, { tone: "error" });
}

/** Asks before something is done that is hard to undo; true when the person agrees. */
export function confirmed(title, text, agree, decline = "Keep going") {
  const { promise, resolve } = Promise.withResolvers?.() ?? deferred();
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "dialog-title", onclose: () => finish(dialog.returnValue === "yes") },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "dialog-title" }, title),
      h("p", {}, text),
      h(
        "div",
        { class: "buttons end" },
        h("button", { value: "no", class: "ghost" }, decline),
        h("button", { value: "yes", class: "danger" }, agree),
      ),
    ),
  );
  const finish = (answer) => {
    dialog.remove();
    resolve(answer);
  };
  document.body.append(dialog);
  dialog.showModal();
  return promise;
}

function deferred() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}

const DONE = { pause: "Paused", resume: "Resumed", retry: "Sent again:", restore: "Restored" };
const UNDONE = { cancel: ["Cancelled", "retry"], delete: ["Deleted", "restore"] };

/**
 * Does `action` to a job or batch and says so. Cancelling asks first, because what runs stops; cancelling and deleting
 * can be undone, for the jobs that they changed. `done` gets the answer; for `since` see api.js.
 */
export async function steer(kind, thing, action, done, since) {
  const name = thing.name || (kind === "batches" ? `batch ${thing.id}` : thing.id);
  try {
    if (action === "cancel") {
      const what = kind === "batches" ? "every unfinished job of this batch" : "this job";
      const text = `It stops ${what} within seconds. Frames and checkpoints are kept, so it can go on later.`;
      if (!(await confirmed(`Cancel ${name}?`, text, "Cancel it"))) return;
    }
    const answer = await (action === "delete" ? api.remove(kind, thing.id) : api.steer(kind, thing.id, action, since));
    done(answer);
    if (UNDONE[action]) {
      const [said, back] = UNDONE[action];
      toast(`${said} ${name}`, { undo: { label: "Undo", action: () => steer(kind, thing, back, done, answer.at) } });
    } else toast(`${since ? "Undone:" : DONE[action]} ${name}`);
  } catch (error) {
    complain(error);
  }
}

/** The actions that make sense for jobs in these states ({state: number}), or for what is deleted. */
function actionsFor(states, deleted) {
  if (deleted) return [["restore", "Restore", "retry"]];
  const actions = [];
  if (states.queued || states.running) actions.push(["pause", "Pause", "pause"]);
  if (states.paused) actions.push(["resume", "Resume", "play"]);
  if (states.failed || states.cancelled) actions.push(["retry", "Retry", "retry"]);
  if (states.queued || states.running || states.paused) actions.push(["cancel", "Cancel", "close"]);
  else if (states.succeeded || states.failed || states.cancelled) actions.push(["delete", "Delete", "trash"]);
  return actions;
}

/** The buttons to steer a job or batch; they stay the same elements until other actions make sense. */
export class Actions {
  constructor(kind, thing, done) {
    this.node = h("div", { class: "buttons", role: "group", "aria-label": "Actions" });
    this.button = ([action, label, picture]) =>
      h(
        "button",
        {
          type: "button",
          class: UNDONE[action] ? "danger-quiet" : "",
          onclick: () => steer(kind, thing, action, done),
        },
        icon(picture),
        label,
      );
  }

  /** `states`: how many jobs are in each state; `deleted`: since when they are in the trash. */
  update(states, deleted) {
    const actions = actionsFor(states, deleted);
    const shown = actions.map(([action]) => action).join();
    if (shown === this.shown) return;
    this.shown = shown;
    fill(this.node, actions.map(this.button));
  }
}

/** What a deleted job or batch says of itself; hidden for others. */
export class TrashNote {
  constructor() {
    this.node = h("p", { class: "reason trash-note", role: "status", hidden: true });
  }

  update({ deleted_at: deleted, restorable_until: until }) {
    this.node.hidden = !deleted;
    this.node.textContent = deleted ? `Deleted ${ago(deleted)}. It can be restored until ${date(until)}.` : "";
  }
}

/** A page for when there is nothing to show. */
export const emptyState = (picture, title, text, ...more) =>
  h(
    "div",
    { class: "empty" },
    h("div", { class: "empty-icon" }, icon(picture)),
    h("h2", {}, title),
    h("p", {}, text),
    more,
  );

/** The page of an error, with a way to try again. */
export function errorState(error, again) {
  const title = error.status === 404 ? "Not here" : "That did not work";
  const button = h("button", { type: "button", class: "primary", onclick: again }, icon("retry"), "Try again");
  return emptyState(
    "alert",
    title,
    error.message,
    error.status === 404 ? h("a", { class: "button", href: "#/" }, "To the gallery") : button,
  );
}

/** Placeholders while a list is on its way. */
export const skeletons = (number) =>
  Array.from({ length: number }, () => h("div", { class: "card skeleton", "aria-hidden": "true" }));

/** What is told of progress in a line: "octave 3/4 · iteration 7/10 · 62 %". */
export function progressLine(progress) {
  if (!progress.octave) return percent(progress.share);
  return `octave ${progress.octave}/${progress.octaves} · iteration ${progress.iteration}/${progress.iterations} · ${percent(progress.share)}`;
}
