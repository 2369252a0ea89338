// One job: its picture through all frames, how far it is, what it is made of, and what happened to it.

import * as api from "./api.js";
import { calmly, fill, h, icon, oneByOne } from "./dom.js";
import { changesJob, onEvent } from "./events.js";
import { amount, bytes, clock, date, duration, pixels } from "./format.js";
import { octaveBar } from "./octaves.js";
import { recipe } from "./recipe.js";
import { Viewer } from "./viewer.js";
import { Actions, TrashNote, badge, complain, errorState, progressLine, toast } from "./widgets.js";

const UNFINISHED = ["queued", "running", "paused"];
const PRIORITIES = { 0: "0, most urgent", 5: "5, as usual", 9: "9, when nothing else waits" };

export function jobPage(id, person) {
  return new JobPage(id, person);
}

class JobPage {
  constructor(id, person) {
    this.id = id;
    this.person = person;
    this.title = "Job";
    this.aborter = new AbortController();
    this.speed = new Speed();
    this.frames = [];
    this.node = h(
      "div",
      { class: "page job-page" },
      h("div", { class: "stage skeleton" }),
      h("div", { class: "panel skeleton side" }),
    );
    this.loadFrames = oneByOne(() => this.readFrames());
    this.loadLog = oneByOne(() => this.readLog());
    // Of two answers on their way, the older one could come last.
    this.refresh = oneByOne(() => this.readJob());
    this.loadFramesSoon = calmly(() => this.loadFrames(), 300);
    this.loadLogSoon = calmly(() => this.loadLog(), 2000);
    this.refreshSoon = calmly(() => this.refresh(), 200);
    // The ID may be the beginning of one until the job is known.
    this.leave = onEvent((event) => event.job?.startsWith(this.id) && this.hear(event));
    this.start();
  }

  close() {
    this.leave();
    this.viewer?.close();
    this.aborter.abort();
  }

  async start() {
    this.loading = true;
    this.behind = false;
    try {
      this.job = await api.job(this.id, this.aborter.signal);
      // The address may have had a prefix of the ID only.
      this.id = this.job.id;
      this.title = this.job.name;
      document.title = `${this.title} · dreamfarm`;
      this.build();
      this.loading = false;
      // Not after all the rest: a long log takes its time.
      if (this.behind) this.refreshSoon();
      await Promise.all([this.loadFrames(), this.loadLog()]);
    } catch (error) {
      this.loading = false;
      if (error.name !== "AbortError")
        fill(
          this.node,
          errorState(error, () => this.start()),
        );
    }
  }

  async readJob() {
    if (this.loading) {
      this.behind = true;
      return;
    }
    if (!this.job) {
      await this.start();
      return;
    }
    try {
      this.job = await api.job(this.id, this.aborter.signal);
      this.show();
    } catch (error) {
      complain(error);
      return;
    }
    Promise.all([this.loadFrames(), this.loadLog()]).catch(complain);
  }

  hear(event) {
    if (!this.job) {
      // The answer that is on its way may be older than this.
      this.behind = true;
      return;
    }
    if (event.type === "job.progress") {
      const { progress, frames, state, worker } = event;
      const before = this.job.frames;
      this.job = { ...this.job, progress, frames, state, worker };
      this.speed.hear(progress, event.at);
      this.show();
      if (frames !== before) this.loadFramesSoon();
    } else if (event.type === "job.frame") {
      this.loadFramesSoon();
      this.loadLogSoon();
    } else if (changesJob(event)) this.refreshSoon();
  }

  build() {
    const { job } = this;
    this.viewer = new Viewer(job);
    this.state = h("div", { class: "job-state" });
    this.reason = h("p", { class: "reason" });
    this.trash = new TrashNote();
    this.octaves = octaveBar(job);
    this.line = h("p", { class: "progress-line" });
    this.facts = h("dl", { class: "facts-list" });
    this.actions = new Actions("jobs", job, () => this.refresh());
    this.priority = this.priorityField();
    this.downloads = h("div", { class: "buttons downloads" });
    this.notes = h(
      "ul",
      { class: "notes" },
      job.notes.map((note) => h("li", {}, note)),
    );
    this.log = h("ol", { class: "log" });
    this.animation = h("div", {});
    const side = h(
      "div",
      { class: "side panel" },
      h("a", { class: "crumb", href: `#/batch/${job.batch}` }, icon("back"), "Its batch"),
      h("h1", {}, job.name),
      h("p", { class: "faint" }, `${job.kind} · ${job.preset} · ${job.model}`),
      this.state,
      this.trash.node,
      this.reason,
      this.octaves.node,
      this.line,
      this.facts,
      this.priority,
      this.actions.node,
      this.downloads,
      job.notes.length > 0 && this.notes,
    );
    const below = h(
      "div",
      { class: "below" },
      this.animation,
      h("section", { class: "panel" }, h("h2", {}, "Recipe"), recipe(job, this.person)),
      h("section", { class: "panel" }, h("h2", {}, "Log"), this.log),
    );
    fill(this.node, this.viewer.node, side, below);
    this.show();
  }

  show() {
    const { job } = this;
    const { progress } = job;
    fill(this.state, badge(job.state));
    this.reason.textContent = job.reason;
    this.reason.className = `reason ${job.state}`;
    this.reason.hidden = !job.reason;
    this.trash.update(job);
    this.priority.hidden = this.person.role === "viewer" || !UNFINISHED.includes(job.state);
    if (!this.choosing) this.choice.value = String(job.priority);
    this.octaves.set(job);
    this.line.textContent = progressLine(progress);
    if (job.state !== "running") this.speed = new Speed();
    const speed = this.speed.of(progress);
    const left = progress.seconds_left ?? (speed ? (progress.mpit_total - progress.mpit) / speed : null);
    const facts = {
      Left: job.state === "running" && left !== null ? `about ${duration(left)}` : null,
      Rendered: progress.seconds ? duration(progress.seconds) : null,
      Speed: speed ? `${amount(speed)} MP·it/s` : null,
      Work: `${amount(progress.mpit)} of ${amount(progress.mpit_total)} MP·it`,
      Output: pixels(job.width, job.height),
      Score: progress.score === null ? null : amount(progress.score),
      Worker: job.worker,
      Attempt: job.attempt > 1 ? String(job.attempt) : null,
      Priority: this.priority.hidden ? String(job.priority) : null,
      Submitted: `${date(job.created_at)} by ${job.owner}`,
    };
    fill(
      this.facts,
      Object.entries(facts)
        .filter(([, value]) => value !== null)
        .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    );
    if (this.person.role !== "viewer") this.actions.update({ [job.state]: 1 }, job.deleted_at);
    this.showDownloads();
  }

  /** Lets an unfinished job go before others, or after them. */
  priorityField() {
    this.choice = h(
      "select",
      { id: "priority", onchange: () => this.prioritise() },
      Array.from({ length: 10 }, (_, value) => h("option", { value }, PRIORITIES[value] ?? String(value))),
    );
    return h("div", { class: "priority" }, h("label", { for: "priority" }, "Priority"), this.choice);
  }

  /** Sets the priority that was chosen, one after the other where the keyboard goes through several. */
  async prioritise() {
    if (this.choosing) return;
    this.choosing = true;
    try {
      let sent;
      do {
        sent = this.choice.value;
        const { job } = await api.setPriority(this.id, Number(sent));
        this.job = { ...this.job, priority: job.priority };
      } while (this.choice.value !== sent);
      toast(`Priority ${this.job.priority}`);
    } catch (error) {
      complain(error);
    } finally {
      this.choosing = false;
      this.show();
    }
  }

  showDownloads() {
    const { links, output } = this.job;
    const offered = JSON.stringify(links);
    if (offered === this.offered) return;
    this.offered = offered;
    const link = (href, picture, label, name) =>
      href && h("a", { class: "button", href, download: name ?? "" }, icon(picture), label);
    fill(
      this.downloads,
      output &&
        h(
          "a",
          { class: "button primary", href: links.output, download: output.file_name },
          icon("download"),
          `Output (${output.format.toUpperCase()}, ${bytes(output.bytes)})`,
        ),
      link(links.animation, "film", "Animation"),
      link(links.manifest, "archive", "Manifest"),
    );
    if (links.animation && !this.animation.hasChildNodes()) {
      const video = this.job.spec.animation === "mp4";
      const film = video
        ? h("video", {
            src: links.animation,
            controls: true,
            loop: true,
            muted: true,
            playsinline: true,
            preload: "metadata",
            "aria-label": "Animation of the frames",
          })
        : h("img", { src: links.animation, alt: "Animation of the frames", loading: "lazy" });
      fill(this.animation, h("section", { class: "panel" }, h("h2", {}, "Animation"), film));
    }
  }

  async readFrames() {
    try {
      this.frames = await moreFrames(this.id, this.frames, this.aborter.signal);
      this.viewer.setFrames(this.frames, this.job);
    } catch (error) {
      complain(error);
    }
  }

  async readLog() {
    try {
      const entries = await api.log(this.id, this.aborter.signal);
      fill(
        this.log,
        entries.map((entry) =>
          h(
            "li",
            {},
            h("time", { datetime: entry.at, title: date(entry.at) }, clock(entry.at)),
            " ",
            h("span", {}, entry.text),
          ),
        ),
      );
    } catch (error) {
      complain(error);
    }
  }
}

/**
 * `known` frames, and those that came since. The last one is asked for again: when it is not there, or another one, the
 * job was started over, and all are.
 */
async function moreFrames(id, known, signal) {
  const last = known.at(-1);
  if (!last) return api.frames(id, undefined, signal);
  const [same, ...fresh] = await api.frames(id, last.number - 1, signal);
  const stands = same?.number === last.number && same.created_at === last.created_at;
  return stands ? [...known, ...fresh] : api.frames(id, undefined, signal);
}

/** Megapixel-iterations a second over the last moments; before there are two, over all slices that are saved. */
class Speed {
  constructor() {
    this.heard = [];
  }

  hear({ mpit }, at) {
    const now = Date.parse(at);
    // Going back to a checkpoint is no speed.
    if (this.heard.length && mpit < this.heard.at(-1).mpit) this.heard = [];
    this.heard.push({ mpit, now });
    this.heard = this.heard.filter((moment) => now - moment.now <= 15_000);
  }

  of({ mpit, seconds }) {
    const [first] = this.heard;
    const last = this.heard.at(-1);
    if (first && last.now - first.now > 1000) return ((last.mpit - first.mpit) * 1000) / (last.now - first.now);
    return seconds > 0 ? mpit / seconds : null;
  }
}
