// Batches: the cards in the strip, and the header of one batch's own page.

import { fill, h, icon } from "./dom.js";
import { ago, amount, count, date, duration, percent, plural } from "./format.js";
import { actionButtons, progressBar, statesBar } from "./widgets.js";

const name = (batch) => batch.name || `Batch ${batch.id}`;

const active = (batch) => batch.states.running > 0;

export function batchCard(batch) {
  const { share } = batch.progress;
  return h(
    "a",
    { class: `batch-card ${active(batch) ? "active" : ""}`, href: `#/batch/${batch.id}`, role: "listitem" },
    h(
      "div",
      { class: "ring", style: { "--share": String(share) }, "aria-hidden": "true" },
      h("span", {}, percent(share)),
    ),
    h(
      "div",
      { class: "batch-text" },
      h("strong", {}, name(batch)),
      h("span", { class: "faint" }, `${plural(batch.jobs, "job")} · ${ago(batch.created_at)}`),
      statesBar(batch.states),
    ),
  );
}

/** The header of a batch's page; `update` shows the batch as it is now. */
export class BatchHeader {
  constructor(batch, person, changed) {
    this.person = person;
    this.changed = changed;
    this.bar = progressBar(0, "Progress of the batch");
    this.facts = h("p", { class: "facts" });
    this.states = h("p", { class: "legend" });
    this.actions = h("div", { class: "buttons" });
    this.downloads = h("div", { class: "buttons" });
    this.node = h(
      "header",
      { class: "batch-header panel" },
      h("a", { class: "crumb", href: "#/" }, icon("back"), "All batches"),
      h("h1", {}, name(batch)),
      this.facts,
      this.bar,
      this.states,
      h("div", { class: "batch-buttons" }, this.actions, this.downloads),
    );
  }

  update(batch) {
    const { progress, states } = batch;
    this.bar.set(progress.share);
    const left = batch.open && states.running + states.queued > 0 && progress.seconds_left;
    this.facts.textContent = [
      plural(batch.jobs, "job"),
      `${amount(progress.mpit)} of ${amount(progress.mpit_total)} MP·it (${percent(progress.share)})`,
      `${duration(progress.seconds)} rendered`,
      left ? `about ${duration(left)} left` : "",
      `submitted ${date(batch.created_at)} by ${batch.owner}`,
    ]
      .filter(Boolean)
      .join(" · ");
    fill(
      this.states,
      Object.entries(states)
        .filter(([, number]) => number)
        .map(([state, number]) =>
          h(
            "a",
            { class: `legend-item ${state}`, href: `#/batch/${batch.id}?state=${state}` },
            `${count(number)} ${state}`,
          ),
        ),
    );
    if (this.person.role !== "viewer") fill(this.actions, actionButtons("batches", batch, states, this.changed));
    const { outputs, contact_sheet: sheet } = batch.links;
    fill(
      this.downloads,
      outputs && h("a", { class: "button", href: outputs, download: "" }, icon("archive"), "All outputs (ZIP)"),
      sheet && h("a", { class: "button", href: sheet, target: "_blank" }, icon("sheet"), "Contact sheet"),
    );
  }
}
