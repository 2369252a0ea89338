// The gallery: batches with their progress, and the jobs of all or one of them with their latest frames, live.

import * as api from "./api.js";
import { BatchHeader, BatchStrip } from "./batches.js";
import { JobCard } from "./cards.js";
import { calmly, fill, h } from "./dom.js";
import { changesJob, onEvent } from "./events.js";
import { STATES, complain, emptyState, errorState, skeletons } from "./widgets.js";

// A wave of events becomes one question.
const CALM = 1200;
// Jobs asked for one by one at the same time; more would crowd out the pictures.
const AT_ONCE = 4;
// Between a job that could not be read and the next attempt.
const AGAIN = 3000;
// The trash is chosen as if it were a state.
const TRASH = "deleted";

export function galleryPage(filter, person) {
  return new Gallery(filter, person);
}

class Gallery {
  constructor({ batch, state }, person) {
    this.filter = { batch, state: STATES.includes(state) ? state : undefined, deleted: state === TRASH };
    this.person = person;
    this.title = batch ? `Batch ${batch}` : "Gallery";
    this.trashed = false;
    this.cards = new Map();
    this.cursor = undefined;
    // Counts beginnings: what was asked before the last one is of a list that is gone.
    this.beginning = 0;
    this.stale = new Set();
    this.asking = new Set();
    this.resting = false;
    // Whether a job came back that belongs between the others, while this was out of sight.
    this.anew = false;
    this.aborter = new AbortController();
    this.top = h("section", { "aria-label": batch ? "Batch" : "Batches" });
    this.grid = h("div", { class: "grid" });
    this.sentinel = h("div", { class: "sentinel", "aria-hidden": "true" });
    this.node = h(
      "div",
      { class: "page" },
      this.top,
      h("section", { "aria-label": "Jobs" }, this.filters(), this.grid, this.sentinel),
    );
    this.refreshTopSoon = calmly(() => this.loadTop(), CALM);
    this.refreshNewSoon = calmly(() => this.loadNew(), CALM);
    this.beginAnewSoon = calmly(() => this.loadFirst(), CALM);
    this.updateStaleSoon = calmly(() => this.updateStale(), 250);
    this.updateStaleAgain = calmly(() => this.updateStale(), AGAIN);
    this.leave = onEvent((event) => this.hear(event));
    this.observer = new IntersectionObserver((entries) => entries[0].isIntersecting && this.loadMore(), {
      rootMargin: "800px",
    });
    this.start();
  }

  close() {
    this.leave();
    this.aborter.abort();
    this.observer.disconnect();
  }

  /** Reads everything again that may have changed unheard. */
  refresh() {
    for (const id of this.cards.keys()) this.stale.add(id);
    if (!this.resting) this.catchUp();
  }

  catchUp() {
    this.loadTop();
    if (this.anew) this.loadFirst();
    else this.loadNew();
    this.anew = false;
    this.updateStale();
  }

  /** Out of sight, but someone may come back: from now on it is only noted what changes. */
  rest() {
    this.resting = true;
    this.left = this.strip?.row.scrollLeft;
    this.observer.disconnect();
  }

  /** In sight again, as it was left; what changed meanwhile is read now. */
  wake() {
    this.resting = false;
    this.observer.observe(this.sentinel);
    if (this.left) this.strip.row.scrollLeft = this.left;
    this.catchUp();
  }

  async start() {
    fill(this.grid, skeletons(8));
    await Promise.all([this.loadTop(), this.loadFirst()]);
  }

  filters() {
    const address = (state) =>
      `#/${this.filter.batch ? `batch/${this.filter.batch}` : ""}${state ? `?state=${state}` : ""}`;
    const chip = (state, label) =>
      h(
        "a",
        {
          class: `chip ${state ?? ""}`,
          href: address(state),
          "aria-current": state === (this.filter.deleted ? TRASH : this.filter.state) ? "true" : false,
        },
        label,
      );
    return h(
      "nav",
      { class: "chips", "aria-label": "Filter by state" },
      chip(undefined, "All"),
      STATES.map((state) => chip(state, state)),
      chip(TRASH, TRASH),
    );
  }

  async loadTop() {
    try {
      if (this.filter.batch) {
        const batch = await api.batch(this.filter.batch, this.aborter.signal);
        // The address may have had a prefix of the ID only.
        this.filter.batch = batch.id;
        this.header ??= new BatchHeader(batch, this.person, () => this.refresh());
        this.header.update(batch);
        this.knowTrashed(Boolean(batch.deleted_at));
        if (!this.top.contains(this.header.node)) fill(this.top, this.header.node);
        this.title = batch.name || `Batch ${batch.id}`;
        if (!this.resting) document.title = `${this.title} · dreamfarm`;
      } else {
        this.strip ??= new BatchStrip(this.aborter.signal);
        await this.strip.refresh();
        if (!this.top.contains(this.strip.node)) fill(this.top, this.strip.node);
      }
    } catch (error) {
      if (this.filter.batch && !this.header && error.name !== "AbortError")
        fill(
          this.top,
          errorState(error, () => this.loadTop()),
        );
      else complain(error);
    }
  }

  /** Whether the jobs of the trash are shown; of a deleted batch there are no others. */
  get deleted() {
    return this.filter.deleted || this.trashed;
  }

  knowTrashed(trashed) {
    if (trashed === this.trashed) return;
    this.trashed = trashed;
    this.loadFirst();
  }

  /** A page of jobs. What changed while the answer was on its way, it may not know: that is read again soon. */
  async ask(query) {
    const heard = new Set();
    this.asking.add(heard);
    try {
      return await api.jobs({ ...query, deleted: this.deleted }, this.aborter.signal);
    } finally {
      this.asking.delete(heard);
      for (const id of heard) this.stale.add(id);
      if (heard.size) this.updateStaleSoon();
    }
  }

  async loadFirst() {
    const beginning = ++this.beginning;
    try {
      const page = await this.ask(this.filter);
      if (beginning !== this.beginning) return;
      this.cursor = page.next;
      this.cards.clear();
      fill(this.grid);
      this.append(page.items);
      this.observer.observe(this.sentinel);
      this.sayIfEmpty();
    } catch (error) {
      if (error.name !== "AbortError")
        fill(this.grid, error.status === 404 ? null : errorState(error, () => this.start()));
    }
  }

  async loadMore() {
    if (!this.cursor || this.loading) return;
    this.loading = true;
    const { beginning } = this;
    try {
      const page = await this.ask({ ...this.filter, cursor: this.cursor });
      if (beginning !== this.beginning) return;
      this.cursor = page.next;
      this.append(page.items);
    } catch (error) {
      complain(error);
    } finally {
      this.loading = false;
    }
    // The end may still be in sight, and the observer only tells changes.
    this.observer.unobserve(this.sentinel);
    if (this.cursor) this.observer.observe(this.sentinel);
  }

  append(jobs) {
    for (const job of jobs) {
      if (this.cards.has(job.id)) continue;
      const card = new JobCard(job);
      this.cards.set(job.id, card);
      this.grid.append(card.node);
    }
  }

  /** Puts jobs that came since at the front. */
  async loadNew() {
    try {
      const page = await this.ask(this.filter);
      const fresh = page.items.filter((job) => !this.cards.has(job.id));
      // None is known any more: there is a gap, so begin anew.
      if (this.cards.size && fresh.length === page.items.length && page.next) return this.loadFirst();
      if (!this.cards.size) this.cursor = page.next;
      if (fresh.length) this.grid.querySelector(".empty")?.remove();
      for (const job of fresh.reverse()) {
        const card = new JobCard(job);
        this.cards.set(job.id, card);
        this.grid.prepend(card.node);
      }
      this.observer.observe(this.sentinel);
      this.sayIfEmpty();
    } catch (error) {
      complain(error);
    }
  }

  hear(event) {
    if (this.filter.batch && !event.batch?.startsWith(this.filter.batch)) return;
    if (event.type === "batch.restored") this.strip?.beginAnew();
    const card = this.cards.get(event.job);
    const comesBack = !card && event.type === (this.deleted ? "job.deleted" : "job.restored");
    if (this.resting) {
      if (card || this.asking.size) this.stale.add(event.job);
      this.anew ||= comesBack;
      return;
    }
    this.refreshTopSoon();
    if (event.type === "batch.submitted") this.refreshNewSoon();
    else if (event.type === "job.progress" && card) card.progress(event);
    else if (changesJob(event)) {
      for (const heard of this.asking) heard.add(event.job);
      if (card) {
        this.stale.add(event.job);
        this.updateStaleSoon();
      } else if (comesBack) this.beginAnewSoon();
      else if (this.filter.state) this.refreshNewSoon();
    }
  }

  async updateStale() {
    const ids = [...this.stale].filter((id) => this.cards.has(id));
    this.stale.clear();
    let trouble = null;
    const next = async () => {
      while (ids.length) {
        const id = ids.pop();
        try {
          this.settle(await api.job(id, this.aborter.signal));
        } catch (error) {
          if (error.status === 404) this.drop(id);
          else {
            trouble = error;
            for (const unread of [id, ...ids.splice(0)]) this.stale.add(unread);
          }
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));
    this.sayIfEmpty();
    if (trouble) this.putOff(trouble);
    else this.troubled = false;
  }

  /** Reads what is stale later, and says why once, however often it fails. */
  putOff(error) {
    if (this.aborter.signal.aborted || error.status === 401) return;
    if (!this.troubled) complain(error);
    this.troubled = true;
    this.updateStaleAgain();
  }

  /** Shows a job as it is now, or takes it away when it left the state that is asked for. */
  settle(job) {
    const card = this.cards.get(job.id);
    if (!card) return;
    const { state } = this.filter;
    if (Boolean(job.deleted_at) === this.deleted && (!state || job.state === state)) return card.update(job);
    this.drop(job.id);
  }

  drop(id) {
    this.cards.get(id)?.node.remove();
    this.cards.delete(id);
  }

  sayIfEmpty() {
    if (this.cards.size || this.grid.querySelector(".empty")) return;
    const { state, batch, deleted } = this.filter;
    if (deleted)
      fill(this.grid, emptyState("trash", "Nothing is deleted", "What is deleted can be restored here for a while."));
    else if (state)
      fill(this.grid, emptyState("picture", `Nothing is ${state}`, "Jobs in this state appear here by themselves."));
    else if (!batch) {
      const start =
        this.person.role !== "viewer" && h("a", { class: "button primary", href: "#/new" }, "Make the first one");
      fill(
        this.grid,
        emptyState(
          "moon",
          "No dreams yet",
          "Drop a picture, choose what the network should see in it, and watch it happen.",
          start,
        ),
      );
    }
  }
}
