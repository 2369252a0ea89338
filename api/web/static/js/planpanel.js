// What a submission will do and cost, asked of the farm again after every change.

import * as api from "./api.js";
import { fill, h, icon } from "./dom.js";
import { amount, bytes, duration, pixels, plural } from "./format.js";

// Typing is not planned letter by letter.
const PAUSE = 250;

export class PlanPanel {
  /** `told` is called with the mistakes found ([{field, message}]), and whether the plan stands. */
  constructor(told) {
    this.told = told;
    this.node = h("div", { class: "plan", "aria-live": "polite" });
    this.idle("Choose a picture to see what it will cost.");
  }

  close() {
    clearTimeout(this.timer);
    this.aborter?.abort();
  }

  /** Nothing to plan yet, and why. */
  idle(text) {
    this.close();
    fill(this.node, h("p", { class: "faint" }, text));
    this.told([], false);
  }

  ask(specs) {
    this.close();
    this.node.classList.add("thinking");
    this.aborter = new AbortController();
    this.timer = setTimeout(() => this.plan(specs, this.aborter.signal), PAUSE);
  }

  async plan(specs, signal) {
    try {
      this.show(await api.plan(specs, signal));
      this.told([], true);
    } catch (error) {
      if (error.name === "AbortError") return;
      fill(
        this.node,
        h(
          "div",
          { class: "problem" },
          icon("alert"),
          h("p", {}, error.errors.length ? "This cannot be rendered yet:" : error.message),
        ),
      );
      if (error.errors.length) {
        const unique = new Map(error.errors.map((mistake) => [plain(mistake.field) + mistake.message, mistake]));
        this.node.append(
          h(
            "ul",
            { class: "problems" },
            [...unique.values()].map((m) =>
              h("li", {}, m.field ? h("code", {}, plain(m.field)) : null, " ", m.message),
            ),
          ),
        );
      }
      this.told(
        error.errors.map((mistake) => ({ ...mistake, field: plain(mistake.field) })),
        false,
      );
    } finally {
      if (!signal.aborted) this.node.classList.remove("thinking");
    }
  }

  show({ total, jobs }) {
    const [first] = jobs;
    const fact = (name, value, title) => h("div", { title }, h("dt", {}, name), h("dd", {}, value));
    fill(
      this.node,
      octaveDrawing(first),
      h(
        "dl",
        { class: "facts-list" },
        total.jobs > 1 && fact("Jobs", plural(total.jobs, "job")),
        fact(total.jobs > 1 ? "First output" : "Output", pixels(first.width, first.height)),
        fact("Octaves", first.octaves.map((octave) => octave.width).join(" → ") + " px wide"),
        fact("Work", `${amount(total.mpit)} MP·it`, "Megapixel-iterations: megapixels rendered, times iterations"),
        fact(
          "Time",
          total.seconds === null ? "known after the first job" : `about ${duration(total.seconds)}`,
          total.workers ? `On ${plural(total.workers, "worker")}` : "",
        ),
        fact("Memory", `up to ${bytes(total.peak_bytes)}`),
      ),
      total.notes.length > 0 &&
        h(
          "ul",
          { class: "notes" },
          total.notes.map(({ note, jobs: of }) => h("li", {}, note, total.jobs > 1 ? ` (${plural(of, "job")})` : "")),
        ),
    );
  }
}

/** `jobs.3.octaves.scale` is `octaves.scale` to people who filled one form. */
const plain = (field) => field.replace(/^jobs\.\d+\.?/, "");

/** The octaves as frames within frames, to scale. */
function octaveDrawing(plan) {
  const largest = plan.octaves.at(-1);
  return h(
    "div",
    { class: "nest", "aria-hidden": "true", style: { "--ratio": `${largest.width} / ${largest.height}` } },
    [...plan.octaves]
      .reverse()
      .map((octave) => h("span", { style: { "--size": `${(100 * octave.width) / largest.width}%` } })),
  );
}
