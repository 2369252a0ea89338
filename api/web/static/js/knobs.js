// The recipe: preset, network, what to dream of, and the numbers. What is left empty stays the preset's own.

import * as api from "./api.js";
import { fill, h } from "./dom.js";
import { CHOICES, FALLBACK, NUMBERS, SIZES, at, merged, put } from "./specfields.js";
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
    this.layer = h("select", { id: "layer", onchange: () => this.layerChanged() });
    this.channelNames = h("datalist", { id: "channel-names" });
    this.channel = h("input", {
      id: "channel",
      list: "channel-names",
      placeholder: "the whole layer",
      autocomplete: "off",
      oninput: changed,
    });
    this.dreamOf = h(
      "div",
      { class: "fields" },
      this.field("layer", "Layer", this.layer, "Early layers: strokes and textures; late ones: eyes, flowers, towers"),
      this.field("channel", "Channel", this.channel, "A number or a name, for one motif only"),
    );
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
        this.dreamOf,
      ),
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
    this.dreamOf.hidden = kind !== "dream";
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
    const own = h("option", { value: "" }, "the preset's own");
    fill(
      this.layer,
      own,
      this.layers.map((layer) => h("option", { value: layer.name }, `${layer.name} (${layer.channels} channels)`)),
    );
    if (this.wanted) this.takeObjective(this.wanted);
    this.layerChanged();
    this.showDefaults();
  }

  layerChanged() {
    const layer = this.layers?.find(({ name }) => name === this.layer.value);
    this.channel.disabled = !layer;
    fill(
      this.channelNames,
      (layer?.channel_names ?? []).map((name) => h("option", { value: name })),
    );
    this.changed();
  }

  /** What an empty field means, as its placeholder. */
  showDefaults() {
    const defaults = merged(this.preset.fields, this.preset.models[this.model.value]);
    for (const [path, input] of this.inputs) input.placeholder = String(at(defaults, path) ?? FALLBACK[path] ?? "");
    for (const [path, { select }] of this.choices)
      select.options[0].textContent = `the preset's own: ${at(defaults, path) ?? FALLBACK[path]}`;
    const own = defaults.objective?.[0];
    if (own && this.layer.options[0])
      this.layer.options[0].textContent = `the preset's own: ${own.layer}${own.channel === undefined ? "" : `, ${own.channel}`}`;
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
    if (kind === "dream" && this.layer.value) spec.objective = [{ layer: this.layer.value, ...this.channelField() }];
    if (kind === "style" && this.keepColors.checked) spec.keep_colors = true;
    const [, format, deep] = /^([a-z]+)(16)?$/.exec(this.format.value);
    spec.output = { format, bits: deep ? 16 : 8 };
    if (this.animation.value) spec.animation = this.animation.value;
    return spec;
  }

  channelField() {
    const text = this.channel.value.trim();
    if (!text) return {};
    return { channel: /^\d+$/.test(text) ? Number(text) : text };
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
    this.wanted = spec.kind === "dream" ? spec.objective : null;
    this.modelChanged();
  }

  takeObjective([first, ...others]) {
    this.wanted = null;
    // Several objectives at once are for the command line and the API; the preset's own stand in here.
    if (others.length) return;
    this.layer.value = first.layer;
    this.channel.value = first.channel ?? "";
  }

  /** Shows mistakes at their fields. */
  mark(mistakes) {
    for (const field of this.node.querySelectorAll(".field")) {
      const name = field.dataset.field;
      const found = mistakes.find(
        (mistake) =>
          mistake.field === name ||
          (name === "layer" && /^objective\.\d+\.layer/.test(mistake.field)) ||
          (name === "channel" && /^objective\.\d+\.channel/.test(mistake.field)),
      );
      const control = field.querySelector("input, select");
      field.classList.toggle("wrong", Boolean(found));
      if (found) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    }
  }
}
