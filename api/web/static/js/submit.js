// New jobs: pictures, a recipe, a few knobs, and the plan beside them before anything is submitted.

import * as api from "./api.js";
import { fill, h, icon } from "./dom.js";
import { plural } from "./format.js";
import { Knobs } from "./knobs.js";
import { Picker } from "./picker.js";
import { PlanPanel } from "./planpanel.js";
import { complain, errorState, toast } from "./widgets.js";

const KINDS = {
  dream: ["moon", "Dream", "A network amplifies what it sees in a picture"],
  style: ["brush", "Style transfer", "One picture, painted in the manner of another"],
};

export function submitPage(person) {
  return new SubmitPage(person);
}

class SubmitPage {
  constructor(person) {
    this.person = person;
    this.title = "New";
    this.kind = "dream";
    this.noise = false;
    this.key = api.newKey();
    this.node = h("div", { class: "page submit-page" });
    this.plan = new PlanPanel((mistakes, stands) => this.told(mistakes, stands));
    this.onPaste = (event) => this.paste(event);
    document.addEventListener("paste", this.onPaste);
    this.start();
  }

  close() {
    document.removeEventListener("paste", this.onPaste);
    this.plan.close();
    for (const picker of [this.inputs, this.guide, this.styles]) picker?.clear();
  }

  async start() {
    try {
      const [presets, models] = await Promise.all([api.presets(), api.models()]);
      this.build(presets, models);
      const given = Object.fromEntries(new URLSearchParams(location.hash.split("?")[1]));
      if (given.from) await this.begin(given.from);
      else if (given.layer) this.knobs.takeMotif(given);
      else this.changed();
    } catch (error) {
      fill(
        this.node,
        errorState(error, () => this.start()),
      );
    }
  }

  build(presets, models) {
    const changed = () => this.changed();
    this.knobs = new Knobs(presets, models, changed);
    this.inputs = new Picker({
      label: "Pictures",
      hint: "Drop or paste pictures here, or click to choose; each becomes a job",
      changed,
    });
    this.guide = new Picker({
      label: "Guide",
      hint: "Drop a picture: the dream grows towards what it is made of",
      single: true,
      changed,
    });
    this.guideBox = h("details", {}, h("summary", {}, "Guided by another picture"), this.guide.node);
    this.styles = new Picker({
      label: "Styles",
      hint: "Drop one or more paintings whose style to take over",
      styles: true,
      changed,
    });
    this.noiseBox = h("input", {
      type: "checkbox",
      onchange: () => {
        this.noise = this.noiseBox.checked;
        this.showKind();
      },
    });
    this.noiseLine = h("label", { class: "check" }, this.noiseBox, "Start from noise instead of a picture");
    this.name = h("input", {
      type: "text",
      maxlength: 200,
      placeholder: "A name for the batch (optional)",
      "aria-label": "Name of the batch",
    });
    this.button = h("button", { type: "submit", class: "primary big", disabled: true }, "Submit");
    const kinds = h(
      "div",
      { class: "kinds", role: "radiogroup", "aria-label": "What to make" },
      Object.keys(KINDS).map((kind) => this.kindCard(kind)),
    );
    const side = h(
      "aside",
      { class: "side panel", "aria-label": "Plan" },
      h("h2", {}, "Plan"),
      this.plan.node,
      this.name,
      this.button,
    );
    const form = h(
      "form",
      { class: "submit-form", novalidate: true, onsubmit: (event) => this.submit(event) },
      h(
        "div",
        { class: "submit-main" },
        h("h1", {}, "Make something"),
        kinds,
        this.inputs.node,
        this.noiseLine,
        this.guideBox,
        this.styles.node,
        this.knobs.node,
      ),
      side,
    );
    fill(this.node, form);
    this.showKind();
  }

  kindCard(kind) {
    const [picture, title, text] = KINDS[kind];
    const input = h("input", {
      type: "radio",
      name: "kind",
      value: kind,
      checked: kind === this.kind,
      onchange: () => this.setKind(kind),
    });
    return h(
      "label",
      { class: "kind" },
      input,
      icon(picture),
      h("strong", {}, title),
      h("span", { class: "faint" }, text),
    );
  }

  setKind(kind) {
    this.kind = kind;
    this.node.querySelector(`input[name=kind][value=${kind}]`).checked = true;
    this.showKind();
  }

  showKind() {
    this.styles.node.hidden = this.kind !== "style";
    this.noiseLine.hidden = this.guideBox.hidden = this.kind !== "dream";
    this.inputs.node.hidden = this.fromNoise;
    this.knobs.setKind(this.kind);
    this.changed();
  }

  /** The pickers that count for what is being made. */
  get pickers() {
    if (this.kind === "style") return [this.inputs, this.styles];
    return this.fromNoise ? [this.guide] : [this.inputs, this.guide];
  }

  get fromNoise() {
    return this.kind === "dream" && this.noise;
  }

  /** Takes pasted pictures where the focus is, or else as those to begin with. Pasted text is left to its field. */
  paste(event) {
    const { files } = event.clipboardData;
    if (!files.length || !this.button) return;
    const isTyped = event.target.matches?.("input:not([type=file])") && event.clipboardData.types.includes("text/plain");
    if (isTyped) return;
    event.preventDefault();
    const [usual] = this.pickers;
    if (usual === this.guide) this.guideBox.open = true;
    const focused = this.pickers.find(({ node }) => node.contains(document.activeElement));
    (focused ?? usual).take(files);
  }

  /** Starts from what another job was made of. */
  async begin(id) {
    const { spec, name } = await api.job(id);
    this.setKind(spec.kind);
    if (spec.kind === "dream") {
      if (spec.input) this.inputs.takeAsset(spec.input, name);
      else this.noiseBox.click();
      if (spec.guide) {
        this.guide.takeAsset(spec.guide, "guide");
        this.guideBox.open = true;
      }
    } else {
      this.inputs.takeAsset(spec.content, name);
      spec.styles.forEach(({ asset, weight, mask }, index) =>
        this.styles.takeAsset(asset, `style ${index + 1}`, weight, mask),
      );
    }
    this.knobs.take(spec);
    this.changed();
  }

  /** The specifications as they stand, or a sentence that says what is missing. */
  specs() {
    if (this.pickers.some(({ pending }) => pending)) return "Waiting for the upload…";
    if (this.knobs.pending) return "Waiting for the network's layers…";
    const common = this.knobs.spec(this.kind);
    if (this.kind === "dream" && this.guide.ready.length) common.guide = this.guide.ready[0].asset;
    if (this.fromNoise) return [common];
    if (!this.inputs.ready.length) return "Choose a picture to see what it will cost.";
    // Kept of a dream out of noise, or of a job of an older farm; pictures have their own.
    delete common.size?.aspect;
    if (this.kind === "dream")
      return this.inputs.ready.map((item) => ({ ...common, input: item.asset, name: item.name }));
    if (!this.styles.ready.length) return "Choose a style: a painting, a pattern, a texture.";
    const styles = this.styles.ready.map(({ asset, weight, mask }) => ({ asset, weight, mask: mask?.asset ?? null }));
    return this.inputs.ready.map((item) => ({ ...common, content: item.asset, styles, name: item.name }));
  }

  changed() {
    if (!this.button) return;
    const specs = this.specs();
    if (typeof specs === "string") this.plan.idle(specs);
    else {
      this.button.textContent = specs.length > 1 ? `Submit ${plural(specs.length, "job")}` : "Submit";
      this.plan.ask(specs);
    }
  }

  told(mistakes, stands) {
    this.knobs?.mark(mistakes);
    if (this.button) this.button.disabled = !stands || this.pickers.some(({ broken }) => broken);
  }

  async submit(event) {
    event.preventDefault();
    const specs = this.specs();
    if (typeof specs === "string" || this.button.disabled) return;
    this.button.disabled = true;
    try {
      const batch = await api.submit(this.name.value.trim() || usualName(specs), specs, this.key);
      toast(`Submitted ${plural(batch.jobs, "job")}`);
      location.hash = batch.job_ids.length === 1 ? `#/job/${batch.job_ids[0]}` : `#/batch/${batch.id}`;
    } catch (error) {
      complain(error);
      // A refusal submitted nothing, so the corrected form is another request; after silence, or a proxy's word for it,
      // it may be the same one.
      if (error.status && error.status < 500) this.key = api.newKey();
      this.button.disabled = false;
    }
  }
}

/** What a batch is called that got no name: after its first picture, or its recipe. */
function usualName([first, ...others]) {
  const name = first.name ?? `${first.preset} out of noise`;
  return others.length ? `${name} and ${plural(others.length, "other")}` : name;
}
