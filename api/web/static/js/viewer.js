// A job's picture, large: a slider through its frames, playing them, and a comparison with what it started from.

import * as api from "./api.js";
import { h, icon } from "./dom.js";

// A frame while playing, in milliseconds: iterations are small steps.
const BEAT = 110;
// The slider shows thumbnails as it moves, and the frame itself where it rests.
const REST = 140;

// What was uploaded may be huge, or a TIFF: a copy that fits screens and that browsers can show.
const screen = (asset) => `${api.asset(asset)}?screen=true`;

export class Viewer {
  constructor(job) {
    this.job = job;
    this.steps = [];
    this.at = 0;
    this.follow = true;
    this.start = job.spec.input ?? job.spec.content ?? null;
    this.image = h("img", { class: "picture", alt: `${job.name}: the picture so far`, hidden: true });
    // Loaded when it is first compared with.
    this.before = h("img", { class: "picture before", alt: "", hidden: true });
    this.waiting = h(
      "div",
      { class: "stage-waiting" },
      icon(job.kind === "style" ? "brush" : "moon"),
      h("p", {}, "The first frame is on its way."),
    );
    this.split = h("input", {
      type: "range",
      class: "split",
      min: 0,
      max: 100,
      value: 50,
      "aria-label": "Compare with the start: share of the start that is shown",
      hidden: true,
      oninput: () => this.showSplit(),
    });
    this.stage = h(
      "div",
      { class: "stage", style: { "--ratio": `${job.width} / ${job.height}`, "--split": "50%" } },
      this.waiting,
      this.image,
      this.before,
      h("div", { class: "split-line", "aria-hidden": "true" }),
      this.split,
    );
    this.slider = h("input", {
      type: "range",
      class: "scrubber",
      min: 0,
      max: 0,
      value: 0,
      "aria-label": "Frame",
      oninput: () => this.scrub(),
    });
    this.label = h("output", { class: "frame-label" });
    this.playButton = h(
      "button",
      { type: "button", class: "ghost", "aria-label": "Play the frames", onclick: () => this.toggle() },
      icon("play"),
    );
    this.compareButton = h(
      "button",
      { type: "button", class: "ghost", "aria-pressed": "false", hidden: !this.start, onclick: () => this.compare() },
      icon("compare"),
      "Compare",
    );
    this.controls = h(
      "div",
      { class: "controls", hidden: true },
      this.playButton,
      this.slider,
      this.label,
      this.compareButton,
    );
    this.node = h("div", { class: "viewer" }, this.stage, this.controls);
    this.image.addEventListener("load", () => {
      this.image.hidden = false;
      this.waiting.hidden = true;
    });
    // Without frames there is the start to look at; with some, the start would only be loaded to be covered.
    if (this.start && !job.frames) this.setFrames([], job);
  }

  close() {
    this.stop();
    clearTimeout(this.resting);
  }

  /** The frames there are by now. The slider stays where it is, or follows when it stands at the end. */
  setFrames(frames, job) {
    const first = this.start
      ? [{ large: screen(this.start), small: `${api.asset(this.start)}?thumbnail=true`, text: "start" }]
      : [];
    const steps = frames.map((frame) => ({
      large: frame.links.self,
      small: frame.links.thumbnail,
      text: `octave ${frame.octave}/${job.progress.octaves || "?"} · iteration ${frame.iteration} · ${frame.width} × ${frame.height}`,
    }));
    const before = this.steps.length;
    this.steps = [...first, ...steps];
    this.controls.hidden = this.steps.length === 0;
    this.slider.max = Math.max(0, this.steps.length - 1);
    if (this.steps.length && this.steps.length !== before && this.follow && !this.playing)
      this.go(this.steps.length - 1);
  }

  scrub() {
    this.stop();
    this.at = Number(this.slider.value);
    this.follow = this.at === this.steps.length - 1;
    this.tell();
    this.image.src = this.steps[this.at].small;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.load(this.at), REST);
  }

  go(index) {
    this.at = index;
    this.follow = index === this.steps.length - 1;
    this.slider.value = index;
    this.tell();
    return this.load(index);
  }

  /** Shows a frame once it is here, so that the one before stays until then. */
  async load(index) {
    const { large } = this.steps[index];
    const next = new Image();
    next.src = large;
    try {
      await next.decode();
    } catch {
      return; // gone or unreadable: the picture before stays
    }
    if (index === this.at) this.image.src = large;
  }

  tell() {
    const { text } = this.steps[this.at];
    this.label.textContent = text;
    this.slider.setAttribute("aria-valuetext", text);
  }

  toggle() {
    if (this.playing) return this.stop();
    if (this.steps.length < 2) return;
    this.playing = true;
    this.playButton.replaceChildren(icon("pause"));
    this.playButton.setAttribute("aria-label", "Stop playing");
    this.play(this.at >= this.steps.length - 1 ? 0 : this.at);
  }

  async play(index) {
    while (this.playing && index < this.steps.length) {
      const beat = new Promise((done) => setTimeout(done, BEAT));
      await this.go(index++);
      await beat;
    }
    this.stop();
  }

  stop() {
    this.playing = false;
    this.playButton.replaceChildren(icon("play"));
    this.playButton.setAttribute("aria-label", "Play the frames");
  }

  compare() {
    const on = this.split.hidden;
    if (on && !this.before.src) this.before.src = screen(this.start);
    this.split.hidden = this.before.hidden = !on;
    this.compareButton.setAttribute("aria-pressed", String(on));
    this.stage.classList.toggle("comparing", on);
    if (on) this.split.focus();
  }

  showSplit() {
    this.stage.style.setProperty("--split", `${this.split.value}%`);
  }
}
