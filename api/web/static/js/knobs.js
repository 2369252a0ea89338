// The recipe: preset, network, what to dream of, and the numbers. What is left empty stays the preset's own.

import * as api from "./api.js";
import { fill, h } from "./dom.js";
import { CHOICES, DIGITS, ELSEWHERE, FALLBACK, NONE, NUMBERS, SIZES, at, merged, put, without } from "./specfields.js";
import { Terms } from "./terms.js";
import { complain } from "./widgets.js";

// A farm that did not answer is asked for a network's layers again after so long.
const AGAIN = 2000;

export class Knobs {
  constructor(presets, models, changed) {
    this.presets = presets;
    this.models = models;
    this.changed = changed;
    this.inputs = new Map();
    // Fields of the job that one started from, which the form does not show.
    this.unseen = {};
    this.presetBox = h("div", { class: "presets", role: "radiogroup", "aria-label": "Preset" });
    this.model = h(
      "select",
      {
        id: "model",
        onchange: () => {
          this.unseen = {};
          this.modelChanged();
        },
      },
      models.map((model) => h("option", { value: model.name, title: model.summary }, model.name)),
    );
    this.modelText = h("p", { class: "help" });
    this.look = h("a", { class: "help" }, "See what it dreams of");
    this.terms = new Terms(() => this.changed());
    this.dreamOf = h("fieldset", { class: "dream-of" }, h("legend", {}, "Dream of"), this.terms.node);
    this.keepColors = h("input", {
      type: "checkbox",
      onchange: () => {
        this.keepChosen = true;
        changed();
      },
    });
    this.keepLine = h("label", { class: "check" }, this.keepColors, "Keep the picture's own colours");
    this.format = this.choice("format", [
      ["png", "PNG"],
      ["png16", "PNG, 16 bit"],
      ["jpeg", "JPEG"],
      ["webp", "WebP"],
      ["tiff", "TIFF"],
      ["tiff16", "TIFF, 16 bit"],
    ]);
    this.numbers = new Map(
      NUMBERS.map(([path, label, min, max, step, help, kind]) => [
        path,
        { node: this.number(path, label, min, max, step, help), kind },
      ]),
    );
    this.choices = new Map(CHOICES.map(([path, ...rest]) => [path, this.own(path, ...rest)]));
    const { animation, ...chosen } = Object.fromEntries([...this.choices].map(([path, { node }]) => [path, node]));
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
          animation,
        ),
        this.keepLine,
      ),
      h("details", {}, h("summary", {}, "More knobs"), h("div", { class: "fields" }, others, Object.values(chosen))),
    );
  }

  field(name, label, control, help) {
    if (help) control.setAttribute("aria-describedby", `${control.id}-help`);
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
      ...(DIGITS.includes(path) ? { type: "text", inputmode: "numeric" } : { type: "number", min, max, step }),
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
    this.unseen = {};
    this.keepChosen = false;
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
    this.unseen = {};
    this.showDefaults();
    this.changed();
  }

  /** Whether the network's layers are still on their way: until then, the form says less than was asked for. */
  get pending() {
    return this.turn !== this.settled;
  }

  async modelChanged() {
    const turn = (this.turn = {});
    this.changed();
    const model = this.models.find(({ name }) => name === this.model.value);
    this.modelText.textContent = model?.summary ?? "";
    this.look.href = `#/network/${encodeURIComponent(this.model.value)}`;
    this.look.hidden = !model?.portraits;
    let layers;
    try {
      layers = await api.layers(this.model.value);
    } catch (error) {
      complain(error);
      if (error.status !== 401) setTimeout(() => turn === this.turn && this.modelChanged(), AGAIN);
      return;
    }
    // Another network was chosen meanwhile: its answer counts, whichever comes first.
    if (turn !== this.turn) return;
    this.layers = layers;
    this.terms.offer(layers, this.ownTerms());
    if (this.wanted) this.terms.takeJob(this.wanted.terms, this.wanted.isGuided);
    this.wanted = null;
    this.settled = turn;
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
    if (!this.keepChosen) this.keepColors.checked = defaults.keep_colors ?? false;
    this.terms.setOwn(this.ownTerms());
  }

  /** The fields that were filled in, as a specification without its pictures. */
  spec(kind) {
    const spec = { ...structuredClone(this.unseen), kind, preset: this.preset.name, model: this.model.value };
    for (const [path, input] of this.inputs) {
      const { kind: only } = this.numbers.get(path);
      if (input.value.trim() !== "" && (only === undefined || only === kind))
        put(spec, path, DIGITS.includes(path) ? input.value.trim() : Number(input.value));
    }
    for (const [path, { select, kind: only }] of this.choices)
      if (select.value && (only === undefined || only === kind))
        put(spec, path, select.value === NONE[path] ? null : select.value);
    const objective = this.terms.value;
    if (objective) spec.objective = objective;
    if (kind === "style") spec.keep_colors = this.keepColors.checked;
    const [, format, deep] = /^([a-z]+)(16)?$/.exec(this.format.value);
    put(spec, "output.format", format);
    put(spec, "output.bits", deep ? 16 : 8);
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
  takeMotif({ preset, model, layer, channel = null }) {
    this.choose(preset, model);
    this.wanted = { terms: [{ layer, channel }] };
    this.modelChanged();
  }

  /** Fills the form with another job's specification. What it has no field for stays, as long as the recipe does. */
  take(spec) {
    this.choose(spec.preset, spec.model);
    const shown = [...this.inputs.keys(), ...this.choices.keys(), ...ELSEWHERE];
    this.unseen = without(spec, shown);
    for (const [path, input] of this.inputs) input.value = at(spec, path) ?? "";
    for (const [path, { select }] of this.choices) select.value = at(spec, path) ?? NONE[path] ?? "";
    this.keepColors.checked = spec.keep_colors ?? false;
    this.keepChosen = true;
    this.format.value = spec.output.format + (spec.output.bits === 16 ? "16" : "");
    this.wanted = { terms: spec.objective, isGuided: Boolean(spec.guide) };
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
