// A job as a card in the grid, kept up to date by what the farm tells.

import { h, icon, named } from "./dom.js";
import { duration, pixels } from "./format.js";
import { badge, progressBar, progressLine } from "./widgets.js";

export class JobCard {
  constructor(job) {
    this.image = h("img", { alt: "", loading: "lazy", decoding: "async" });
    this.placeholder = h("div", { class: "card-placeholder" }, icon(job.kind === "style" ? "brush" : "moon"));
    this.badge = h("span", { class: "card-badge" });
    this.bar = progressBar(0, `Progress of ${job.name}`);
    this.line = h("span", { class: "card-line" });
    this.node = h(
      "a",
      { class: "card", href: `#/job/${job.id}`, data: { job: job.id } },
      this.placeholder,
      this.image,
      h(
        "div",
        { class: "card-info" },
        h("div", { class: "card-head" }, named("span", "card-name", job.name), this.badge),
        this.line,
        this.bar,
      ),
    );
    this.image.addEventListener("load", () => {
      this.image.className = "loaded";
    });
    // A frame can be gone again between the list and the request; the placeholder says enough.
    this.image.addEventListener("error", () => (this.image.className = ""));
    this.update(job);
  }

  update(job) {
    this.job = job;
    this.node.style.setProperty("--ratio", String(Math.min(2.4, Math.max(0.5, job.width / job.height || 1))));
    this.node.className = `card ${job.state}`;
    this.badge.replaceChildren(badge(job.state));
    this.bar.hidden = !["running", "queued", "paused"].includes(job.state) || job.progress.share === 0;
    this.bar.set(job.progress.share);
    this.line.textContent = this.describe(job);
    if (job.frames && job.frames !== this.shown) {
      this.shown = job.frames;
      // The number makes it another address, so that the browser asks again.
      this.image.src = `/v1/jobs/${job.id}/frames/latest?thumbnail=true&n=${job.frames}`;
    }
  }

  /** What a `job.progress` event tells. */
  progress({ progress, frames, state }) {
    this.update({ ...this.job, progress, frames, state });
  }

  describe(job) {
    if (job.state === "failed") return job.reason;
    if (job.state === "succeeded") return `${pixels(job.width, job.height)} · ${duration(job.progress.seconds)}`;
    if (job.state === "cancelled" || job.state === "queued") return job.reason || `${job.kind} · ${job.preset}`;
    const left = job.state === "running" && job.progress.seconds_left;
    return progressLine(job.progress) + (left ? ` · ${duration(left)} left` : "");
  }
}
