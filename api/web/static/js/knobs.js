// The recipe: preset, network, what to dream of, and the numbers. What is left empty stays the preset's own.

import * as api from "./api.js";
import { fill, h } from "./dom.js";
import { CHOICES, FALLBACK, NUMBERS, SIZES, at, merged, put } from "./specfields.js";
import { Terms } from "./terms.js";
import { complain } from "./widgets.js";

export class Knobs {
  constructor(presets, models, changed) {
    this.presets = presets;
    this.models = models;
    this.changed = changed;
    this.inputs = new Map();
    this.presetBox = h("div", { class: "presets", role: "radiogroup", "aria-label": "Preset" });
    this.model = h(
      "select",
      { id: "model", onchange: () => this.modelChanged() },
      models.map((model) => h("option", { value: model.name, title: model.summary }, model.name)),
    );
    this.modelText = h("p", { class: "help" });
    this.look = h("a", { class: "help" }, "See what it dreams of");
    this.terms = new Terms(() => this.changed());
    this.dreamOf = h("fieldset", { class: "dream-of" }, h("legend", {}, "Dream of"), this.terms.node);
    this.keepColors = h("input", { type: "checkbox", onchange: changed });
    this.keepLine = h("label", { class: "check" }, this.keepColors, "Keep the picture's own colours");
    this.format = this.choice("format", [
      ["png", "PNG"],
      ["png16", "PNG, 16 bit"],
      ["jpeg", "JPEG"],
      ["webp", "WebP"],
      ["tiff", "TIFF"],
      ["tiff16", "TIFF, 16 bit"],
    ]);
    this.animation = this.choice("animation", [
      ["", "none"],
      ["mp4", "MP4"],
      ["webp", "WebP"],
      ["gif", "GIF"],
    ]);
    this.numbers = new Map(
      NUMBERS.map(([path, label, min, max, step, help, kind]) => [
        path,
        { node: this.number(path, label, min, max, step, help), kind },
      ]),
    );
    this.choices = new Map(CHOICES.map(([path, ...rest]) => [path, this.own(path, ...rest)]));
    const chosen = [...this.choices.values()].map(({ node }) => node);
    const [size, ...others] = [...this.numbers.values()].map(({ node }) => node);
    this.node = h(
      "div",
      { class: "knobs" },
      h("fieldset", {}, h("legend", {}, "Preset"), this.presetBox),
      h(
        "fieldset",
        {},
        h("legend", {}, "Network"),
        h("div", { class: "fields" }, this.field("model", "Model", this.model)),
        this.modelText,
        this.look,
      ),
      this.dreamOf,
      h(
        "fieldset",
        {},
        h("legend", {}, "Output"),
        h(
          "div",
          { class: "fields" },
          size,
          this.field("format", "Format", this.format),
          this.field("animation", "Animation", this.animation),
        ),
        this.keepLine,
      ),
      h("details", {}, h("summary", {}, "More knobs"), h("div", { class: "fields" }, others, chosen)),
    );
  }

  field(name, label, control, help) {
    return h(
      "div",
      { class: "field", data: { field: name } },
      h("label", { for: control.id }, label),
      control,
      help && h("p", { class: "help", id: `${control.id}-help` }, help),
    );
  }

  choice(id, options) {
    return h(
      "select",
      { id, onchange: this.changed },
      options.map(([value, label]) => h("option", { value }, label)),
    );
  }

  /** A choice with the preset's own as its first. */
  own(path, label, values, help, kind) {
    const select = this.choice(path.replace(".", "-"), [["", ""], ...values.map((value) => [value, value])]);
    return { select, kind, node: this.field(path, label, select, help) };
  }

  number(path, label, min, max, step, help) {
    const id = path.replace(".", "-");
    const sizes =
      path === "size.long_edge" &&
      h(
        "datalist",
        { id: "sizes" },
        SIZES.map((value) => h("option", { value })),
      );
    const input = h("input", {
      id,
      type: "number",
      min,
      max,
      step,
      list: sizes ? "sizes" : null,
      "aria-describedby": `${id}-help`,
      oninput: this.changed,
    });
    this.inputs.set(path, input);
    const node = this.field(path, label, input, help);
    if (sizes) node.append(sizes);
    return node;
  }

  setKind(kind) {
    if (kind === this.kind) return;
    this.kind = kind;
    const mine = this.presets.filter((preset) => preset.kind === kind);
    this.preset = mine[0];
    fill(
      this.presetBox,
      mine.map((preset, index) =>
        h(
          "label",
          { class: "preset" },
          h("input", {
            type: "radio",
            name: "preset",
            value: preset.name,
            checked: index === 0,
            onchange: () => this.presetChanged(preset),
          }),
          h("strong", {}, preset.name),
          h("span", { class: "faint" }, preset.summary),
        ),
      ),
    );
    this.terms.take([]);
    this.dreamOf.firstChild.textContent = kind === "dream" ? "Dream of" : "Dream inside the style";
    this.keepLine.hidden = kind !== "style";
    for (const { node, kind: only } of [...this.numbers.values(), ...this.choices.values()])
      node.hidden = only !== undefined && only !== kind;
    this.modelChanged();
  }

  presetChanged(preset) {
    this.preset = preset;
    this.showDefaults();
    this.changed();
  }

  async modelChanged() {
    const turn = (this.turn = {});
    const model = this.models.find(({ name }) => name === this.model.value);
    this.modelText.textContent = model?.summary ?? "";
    this.look.href = `#/network/${encodeURIComponent(this.model.value)}`;
    this.look.hidden = !model?.portraits;
    let layers;
    try {
      layers = await api.layers(this.model.value);
    } catch (error) {
      return complain(error);
    }
    // Another network was chosen meanwhile: its answer counts, whichever comes first.
    if (turn !== this.turn) return;
    this.layers = layers;
    this.terms.offer(layers, this.ownTerms());
    if (this.wanted) this.terms.take(this.wanted);
    this.wanted = null;
    this.showDefaults();
    this.changed();
  }

  /** The preset's fields for this network. */
  get defaults() {
    return merged(this.preset.fields, this.preset.models[this.model.value]);
  }

  ownTerms() {
    if (this.kind === "style") return "nothing: the style only";
    const own = (this.defaults.objective ?? []).map(
      ({ layer, channel }) => `${layer}${channel === undefined ? "" : `:${channel}`}`,
    );
    return `the preset's own${own.length ? `: ${own.join(", ")}` : ""}`;
  }

  /** What an empty field means, as its placeholder. */
  showDefaults() {
    const { defaults } = this;
    for (const [path, input] of this.inputs) input.placeholder = String(at(defaults, path) ?? FALLBACK[path] ?? "");
    for (const [path, { select }] of this.choices)
      select.options[0].textContent = `the preset's own: ${at(defaults, path) ?? FALLBACK[path]}`;
    this.terms.setOwn(this.ownTerms());
  }

  /** The fields that were filled in, as a specification without its pictures. */
  spec(kind) {
    const spec = { kind, preset: this.preset.name, model: this.model.value };
    for (const [path, input] of this.inputs) {
      const { kind: only } = this.numbers.get(path);
      if (input.value !== "" && (only === undefined || only === kind)) put(spec, path, Number(input.value));
    }
    for (const [path, { select, kind: only }] of this.choices)
      if (select.value && only === kind) put(spec, path, select.value);
    const objective = this.terms.value;
    if (objective) spec.objective = objective;
    if (kind === "style" && this.keepColors.checked) spec.keep_colors = true;
    const [, format, deep] = /^([a-z]+)(16)?$/.exec(this.format.value);
    spec.output = { format, bits: deep ? 16 : 8 };
    if (this.animation.value) spec.animation = this.animation.value;
    return spec;
  }

  /** Chooses a preset and a network, where there are such. */
  choose(preset, model) {
    const radio = this.presetBox.querySelector(`input[value="${CSS.escape(preset)}"]`);
    if (radio) {
      radio.checked = true;
      this.preset = this.presets.find(({ name, kind }) => name === preset && kind === this.kind);
    }
    if (this.models.some(({ name }) => name === model)) this.model.value = model;
  }

  /** Starts with what was chosen on the page of a network. */
  takeMotif({ preset, model, layer, channel }) {
    this.choose(preset, model);
    this.wanted = [{ layer, channel }];
    this.modelChanged();
  }

  /** Fills the form with another job's specification. */
  take(spec) {
    this.choose(spec.preset, spec.model);
    for (const [path, input] of this.inputs) input.value = at(spec, path) ?? "";
    for (const [path, { select }] of this.choices) select.value = at(spec, path) ?? "";
    this.keepColors.checked = spec.keep_colors ?? false;
    this.format.value = spec.output.format + (spec.output.bits === 16 ? "16" : "");
    this.animation.value = spec.animation ?? "";
    this.wanted = spec.objective;
    this.modelChanged();
  }

  /** Shows mistakes at their fields. */
  mark(mistakes) {
    const wrong = new Set();
    for (const { field } of mistakes) {
      const [, number, name] = /^objective\.(\d+)\.(\w+)/.exec(field) ?? [];
      wrong.add(number === undefined ? this.node.querySelector(`[data-field="${CSS.escape(field)}"]`) : this.terms.at(Number(number), name));
    }
    for (const field of this.node.querySelectorAll(".field")) {
      const control = field.querySelector("input, select");
      field.classList.toggle("wrong", wrong.has(field));
      if (wrong.has(field)) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    }
  }
}
