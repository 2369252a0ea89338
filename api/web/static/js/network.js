// What a network dreams of: a portrait of each of its classes, layers and channels, to choose from.

import * as api from "./api.js";
import { fill, h } from "./dom.js";
import { count, plural } from "./format.js";
import { errorState } from "./widgets.js";

export function networkPage(name, person) {
  return new NetworkPage(name, person);
}

class NetworkPage {
  constructor(name, person) {
    this.name = name;
    this.person = person;
    this.title = "Networks";
    this.node = h("div", { class: "page network-page" });
    this.aborter = new AbortController();
    this.start();
  }

  close() {
    this.aborter.abort();
  }

  async start() {
    try {
      const models = await api.models(this.aborter.signal);
      const model = this.name
        ? models.find(({ name }) => name === this.name)
        : (models.find(({ portraits }) => portraits) ?? models[0]);
      if (!model) throw new Error(`There is no network ${this.name ?? ""} on this farm.`);
      this.build(models, model, await api.portraits(model.name, this.aborter.signal));
    } catch (error) {
      if (error.name === "AbortError") return;
      fill(
        this.node,
        errorState(error, () => this.start()),
      );
    }
  }

  build(models, model, portraits) {
    this.model = model;
    document.title = `${model.name} · dreamfarm`;
    const groups = new Map();
    for (const portrait of portraits) {
      if (!groups.has(portrait.layer)) groups.set(portrait.layer, []);
      groups.get(portrait.layer).push(portrait);
    }
    this.groups = [...groups].map(([layer, members]) => this.group(layer, members));
    this.none = h("p", { class: "faint", role: "status", hidden: true });
    const find = h("input", {
      type: "search",
      class: "find",
      placeholder: "Find: owl, mixed4…",
      "aria-label": "Find a motif or layer",
      oninput: () => this.find(find.value.trim().toLowerCase()),
    });
    fill(
      this.node,
      h(
        "header",
        { class: "network-head" },
        h("h1", {}, model.name),
        models.length > 1 &&
          h(
            "nav",
            { class: "chips", "aria-label": "Networks" },
            models.map(({ name }) =>
              h(
                "a",
                { class: "chip", href: link(name), "aria-current": name === model.name ? "page" : null },
                name,
              ),
            ),
          ),
        h("p", {}, `${model.summary}.`),
        h(
          "p",
          { class: "faint" },
          `${count(model.parameters)} weights in ${plural(model.layers, "layer")} · ${model.licence}`,
        ),
      ),
      portraits.length
        ? [
            h(
              "div",
              { class: "network-tools" },
              find,
              model.links.contact_sheet &&
                h("a", { class: "button ghost", href: model.links.contact_sheet, target: "_blank" }, "All on one page"),
            ),
            this.groups.map(({ node }) => node),
            this.none,
          ]
        : h(
            "p",
            { class: "panel" },
            "Nobody has looked into this network yet. On the farm's machine, ",
            h("code", {}, `dreamfarm models portray ${model.name}`),
            " draws what its layers and channels dream of.",
          ),
    );
  }

  group(layer, members) {
    const cells = members.map((portrait) => this.cell(portrait));
    const isClasses = layer === this.model.logits;
    const node = h(
      "section",
      { "aria-label": layer },
      h("h2", {}, isClasses ? "Motifs" : layer),
      h("div", { class: "portraits", role: "list" }, cells.map(({ node }) => node)),
    );
    return { layer, cells, node };
  }

  cell(portrait) {
    const { layer, channel, name } = portrait;
    const whole = channel === null;
    const caption = whole ? "the whole layer" : name;
    const children = [
      h("img", { src: portrait.links.picture, alt: "", loading: "lazy", decoding: "async" }),
      h("span", {}, caption),
    ];
    const given = { preset: "motif", model: this.model.name, layer, ...(whole ? {} : { channel: name }) };
    const node =
      this.person.role === "viewer"
        ? h("div", { class: "portrait", role: "listitem" }, children)
        : h(
            "div",
            { role: "listitem" },
            h(
              "a",
              {
                class: "portrait",
                href: `#/new?${new URLSearchParams(given)}`,
                title: `Dream of ${whole ? layer : `${layer}: ${name}`}`,
              },
              children,
            ),
          );
    return { words: `${layer} ${caption}`.toLowerCase(), node };
  }

  find(text) {
    let found = 0;
    for (const { cells, node } of this.groups) {
      const hits = cells.filter((cell) => !(cell.node.hidden = !cell.words.includes(text))).length;
      node.hidden = !hits;
      found += hits;
    }
    this.none.hidden = found > 0;
    this.none.textContent = found ? "" : `Nothing here is called “${text}”.`;
  }
}

const link = (name) => `#/network/${encodeURIComponent(name)}`;
