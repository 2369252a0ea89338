// Batches: the cards in the strip, and the header of one batch's own page.

import * as api from "./api.js";
import { fill, h, icon, named } from "./dom.js";
import { ago, amount, count, date, duration, percent, plural } from "./format.js";
import { Actions, TrashNote, complain, progressBar, statesBar } from "./widgets.js";

const name = (batch) => batch.name || `Batch ${batch.id}`;

const active = (batch) => batch.states.running > 0;

function fillCard(card, batch) {
  const { share } = batch.progress;
  card.classList.toggle("active", active(batch));
  return fill(
    card,
    h(
      "div",
      { class: "ring", style: { "--share": String(share) }, "aria-hidden": "true" },
      h("span", {}, percent(share)),
    ),
    h(
      "div",
      { class: "batch-text" },
      named("strong", "batch-name", name(batch)),
      h("span", { class: "faint" }, `${plural(batch.jobs, "job")} · ${ago(batch.created_at)}`),
      statesBar(batch.states),
    ),
  );
}

/** All batches, newest first, in a row that brings older ones as it is scrolled. */
export class BatchStrip {
  constructor(signal) {
    this.signal = signal;
    this.cards = new Map();
    this.title = h("h1", { class: "visually-hidden" }, "Batches");
    this.row = h("div", { class: "batch-strip", hidden: true, onscroll: () => this.scrolled() });
    this.node = h("div", {}, this.title, this.row);
  }

  /** Reads the newest batches again; cards stay the same elements, so that the focus stays where it is. */
  async refresh() {
    const page = await api.batches(undefined, this.signal);
    // More new ones than a page holds: what lies between them and the known ones would be missing.
    if (this.anew || !page.items.some((batch) => this.cards.has(batch.id))) this.clear();
    this.anew = false;
    if (!this.cards.size) this.cursor = page.next;
    for (const batch of [...page.items].reverse()) this.show(batch, "prepend");
    this.dropMissing(page);
    this.row.hidden = !this.cards.size;
    this.title.className = this.cards.size ? "" : "visually-hidden";
  }

  /** A batch came back that belongs between the others: the next look puts all in order. */
  beginAnew() {
    this.anew = true;
  }

  /** Takes away what the newest page should have and has not: batches that were deleted. */
  dropMissing({ items, next }) {
    const there = new Set(items.map((batch) => batch.id));
    const oldest = items.at(-1)?.created_at ?? "";
    for (const [id, card] of this.cards) {
      if (there.has(id) || (next && card.dataset.since < oldest)) continue;
      card.remove();
      this.cards.delete(id);
    }
  }

  clear() {
    this.cards.clear();
    this.row.replaceChildren();
  }

  show(batch, place) {
    let card = this.cards.get(batch.id);
    if (!card) {
      card = h("a", { class: "batch-card", href: `#/batch/${batch.id}`, data: { since: batch.created_at } });
      this.cards.set(batch.id, card);
      this.row[place](card);
    }
    fillCard(card, batch);
  }

  async scrolled() {
    const left = this.row.scrollWidth - this.row.clientWidth - this.row.scrollLeft;
    if (!this.cursor || this.loading || left > 600) return;
    this.loading = true;
    try {
      const page = await api.batches(this.cursor, this.signal);
      this.cursor = page.next;
      for (const batch of page.items) this.show(batch, "append");
    } catch (error) {
      complain(error);
    } finally {
      this.loading = false;
    }
  }
}

/** The header of a batch's page; `update` shows the batch as it is now. */
export class BatchHeader {
  constructor(batch, person, changed) {
    this.person = person;
    this.bar = progressBar(0, "Progress of the batch");
    this.facts = h("p", { class: "facts" });
    this.states = h("p", { class: "legend" });
    this.trash = new TrashNote();
    this.actions = new Actions("batches", batch, changed);
    this.downloads = h("div", { class: "buttons" });
    this.node = h(
      "header",
      { class: "batch-header panel" },
      h("a", { class: "crumb", href: "#/" }, icon("back"), "All batches"),
      h("h1", {}, name(batch)),
      this.trash.node,
      this.facts,
      this.bar,
      this.states,
      h("div", { class: "batch-buttons" }, this.actions.node, this.downloads),
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
    this.trash.update(batch);
    if (this.person.role !== "viewer") this.actions.update(states, batch.deleted_at);
    const { outputs, contact_sheet: sheet } = batch.links;
    const offered = `${outputs} ${sheet}`;
    if (offered === this.offered) return;
    this.offered = offered;
    fill(
      this.downloads,
      outputs && h("a", { class: "button", href: outputs, download: "" }, icon("archive"), "All outputs (ZIP)"),
      sheet && h("a", { class: "button", href: sheet, target: "_blank" }, icon("sheet"), "Contact sheet"),
    );
  }
}
