// What is dreamt of: one line for each layer, with a channel and a weight. The first line may stay the preset's own.

import { fill, h, icon } from "./dom.js";

export class Terms {
  constructor(changed) {
    this.changed = changed;
    this.layers = [];
    this.own = "";
    this.lines = [];
    this.list = h("div", { class: "terms" });
    this.more = h(
      "button",
      { type: "button", class: "ghost", onclick: () => this.add().layer.focus() },
      icon("plus"),
      "Another layer",
    );
    this.node = h("div", {}, this.list, this.more);
    this.add();
  }

  /** The layers of another network; `own` is what the first line means when nothing is chosen. */
  offer(layers, own) {
    this.layers = layers;
    this.own = own;
    for (const line of this.lines) this.fillLayers(line);
    this.tell();
  }

  setOwn(own) {
    this.own = own;
    const first = this.lines[0].layer.options[0];
    if (first) first.textContent = own;
  }

  add(term = {}) {
    const { layer = "", channel = null, weight = 1 } = term;
    const number = this.lines.length + 1;
    const id = (name) => (number === 1 ? name : `${name}-${number}`);
    const label = (text) => (number === 1 ? text : `${text} ${number}`);
    const line = {
      term,
      layer: h("select", { id: id("layer"), onchange: () => this.tell() }),
      names: h("datalist", { id: id("channel-names") }),
      channel: h("input", {
        id: id("channel"),
        list: id("channel-names"),
        placeholder: "the whole layer",
        autocomplete: "off",
        value: channel ?? "",
        oninput: this.changed,
      }),
      weight: h("input", {
        id: id("term-weight"),
        type: "number",
        step: "any",
        value: weight,
        oninput: this.changed,
      }),
    };
    line.fields = {
      layer: field(label("Layer"), line.layer, "Early layers: strokes and textures; late ones: eyes, flowers, towers"),
      channel: field(label("Channel"), line.channel, "A number or a name, for one motif only"),
      weight: field(label("Layer weight"), line.weight, "Negative: what to keep away from"),
    };
    line.node = h(
      "div",
      { class: "term", role: "group", "aria-label": label("Dream of") },
      Object.values(line.fields),
      line.names,
      number > 1 &&
        h(
          "button",
          { type: "button", class: "ghost", "aria-label": `Remove layer ${number}`, onclick: () => this.remove(line) },
          icon("close"),
        ),
    );
    this.lines.push(line);
    this.list.append(line.node);
    this.fillLayers(line);
    line.layer.value = layer;
    this.tell();
    return line;
  }

  remove(line) {
    // The lines after it get other numbers, so all are made anew.
    this.take(this.lines.filter((other) => other !== line).map(read));
    this.more.focus();
  }

  /** Shows the terms of a specification; none: the preset's own. */
  take(terms) {
    fill(this.list);
    this.lines = [];
    for (const term of terms.length ? terms : [{}]) this.add(term);
  }

  /** Shows the terms of a job, which name every statistic: the usual ones follow the term, and a guide that may come. */
  takeJob(terms, isGuided) {
    const usual = ({ channel }) => (channel !== null ? "mean" : isGuided ? "guided" : "mean_square");
    this.take(terms.map(({ statistic, ...term }) => (statistic === usual(term) ? term : { ...term, statistic })));
  }

  fillLayers({ layer }) {
    const chosen = layer.value;
    const isFirst = layer === this.lines[0]?.layer;
    fill(
      layer,
      h("option", { value: "" }, isFirst ? this.own : "choose a layer"),
      this.layers.map(({ name, channels }) => h("option", { value: name }, `${name} (${channels} channels)`)),
    );
    layer.value = this.layers.some(({ name }) => name === chosen) ? chosen : "";
  }

  tell() {
    for (const line of this.lines) {
      const layer = this.layers.find(({ name }) => name === line.layer.value);
      line.channel.disabled = line.weight.disabled = !layer;
      fill(
        line.names,
        (layer?.channel_names ?? []).map((name) => h("option", { value: name })),
      );
    }
    this.more.hidden = !this.lines.every(({ layer }) => layer.value);
    this.changed();
  }

  /** The chosen terms, or null when the preset's own stand. */
  get value() {
    const terms = this.lines.map(read).filter(({ layer }) => layer);
    return terms.length ? terms : null;
  }

  /** The fields that mistakes at `objective.N.…` are about. */
  at(number, name) {
    const chosen = this.lines.filter(({ layer }) => layer.value);
    return chosen[number]?.fields[name];
  }

  get fields() {
    return this.lines.flatMap(({ fields }) => Object.values(fields));
  }
}

function read({ term: given, layer, channel, names, weight }) {
  const text = channel.value.trim();
  const term = { layer: layer.value };
  const isName = [...names.options].some(({ value }) => value === text);
  if (text) term.channel = /^\d+$/.test(text) && !isName ? Number(text) : text;
  // What the form does not show of a term (its statistic, its border) stays as long as it is the same term.
  const same = given.layer === term.layer && String(given.channel ?? "") === text;
  const { weight: _, ...rest } = same ? { ...given, ...term } : term;
  return weight.value === "" || Number(weight.value) === 1 ? rest : { ...rest, weight: Number(weight.value) };
}

function field(label, control, help) {
  control.setAttribute("aria-describedby", `${control.id}-help`);
  return h(
    "div",
    { class: "field" },
    h("label", { for: control.id }, label),
    control,
    h("p", { class: "help", id: `${control.id}-help` }, help),
  );
}
