// Choosing pictures: dropped, browsed, pasted or taken from the bundled ones. Each is uploaded at once.

import * as api from "./api.js";
import { fill, h, icon } from "./dom.js";
import { pixels } from "./format.js";
import { drop, maskField, storedMask } from "./mask.js";
import { toast } from "./widgets.js";

let samples = null;
/** The bundled pictures; none while the farm does not answer, and then it is asked again. */
async function bundled() {
  try {
    return await (samples ??= api.samples());
  } catch {
    samples = null;
    return {};
  }
}

/** The styles are named last in the list of bundled pictures and described as such. */
const isStyle = (text) => text.startsWith("A style");

/**
 * A field of pictures. `styles`: whether they are styles, each with a weight and a mask, and which bundled pictures to
 * offer; `single`: a picture takes the place of the one before; `changed` is called whenever the list or an upload
 * changes.
 */
export class Picker {
  constructor({ label, hint, styles = false, single = false, changed }) {
    this.items = [];
    this.styles = styles;
    this.single = single;
    this.changed = changed;
    const browse = h("input", {
      type: "file",
      accept: "image/*",
      multiple: !single,
      class: "visually-hidden",
      "aria-label": label,
      onchange: () => {
        this.take(browse.files);
        // The same file may be chosen again after it was removed.
        browse.value = "";
      },
    });
    this.zone = h(
      "label",
      {
        class: "drop",
        ondragover: (event) => {
          event.preventDefault();
          this.zone.classList.add("over");
        },
        ondragleave: () => this.zone.classList.remove("over"),
        ondrop: (event) => {
          event.preventDefault();
          this.zone.classList.remove("over");
          this.take(event.dataTransfer.files);
        },
      },
      browse,
      icon("picture"),
      h("span", {}, hint),
    );
    this.list = h("ul", { class: "picked", "aria-label": label });
    this.offers = h("div", { class: "offers" });
    this.node = h("fieldset", { class: "picker" }, h("legend", {}, label), this.zone, this.list, this.offers);
    this.offer(styles);
  }

  async offer(styles) {
    const names = Object.entries(await bundled()).filter(([, text]) => isStyle(text) === styles);
    if (!names.length) return;
    fill(
      this.offers,
      h("span", { class: "faint" }, "or one of ours"),
      names.map(([name, text]) =>
        h(
          "button",
          {
            type: "button",
            class: "offer",
            title: text,
            "aria-label": `Use the bundled picture: ${text}`,
            onclick: () => this.takeSample(name),
          },
          h("img", { src: api.sampleAddress(name), alt: "", loading: "lazy" }),
        ),
      ),
    );
  }

  async takeSample(name) {
    try {
      this.take([await api.sample(name)]);
    } catch (error) {
      toast(`The bundled picture could not be taken: ${error.message}`, { tone: "error" });
    }
  }

  take(files) {
    for (const file of files) this.add({ name: file.name, weight: 1, preview: URL.createObjectURL(file), file });
  }

  /** A picture that is on the farm already. */
  takeAsset(id, name, weight = 1, mask = null) {
    const preview = `${api.asset(id)}?thumbnail=true`;
    this.add({ name, weight, preview, asset: id, mask: mask && storedMask(mask) });
  }

  add(item) {
    if (this.single) this.clear();
    this.items.push(item);
    this.draw(item);
    if (item.file) this.upload(item);
    this.changed();
  }

  async upload(item) {
    item.error = null;
    this.draw(item);
    try {
      const answer = await api.upload(item.file);
      item.asset = answer.id;
      item.size = pixels(answer.width, answer.height);
    } catch (error) {
      item.error = error.message;
    }
    if (!this.items.includes(item)) return;
    this.draw(item);
    this.changed();
  }

  remove(item) {
    this.items.splice(this.items.indexOf(item), 1);
    if (item.file) URL.revokeObjectURL(item.preview);
    drop(item, () => {});
    item.node.remove();
    this.changed();
  }

  clear() {
    for (const item of [...this.items]) this.remove(item);
  }

  get ready() {
    return this.items.filter((item) => item.asset);
  }

  get pending() {
    const waits = ({ asset, error }) => !asset && !error;
    return this.items.some((item) => waits(item) || (item.mask && waits(item.mask)));
  }

  get broken() {
    return this.items.some((item) => item.error || item.mask?.error);
  }

  /** Shows one of them as it is now; the others, and what is being typed there, are left alone. */
  draw(item) {
    // The field of the weight is one and the same in each row: an upload may end while somebody types there.
    const typing = item.input && item.input === document.activeElement;
    const row = this.row(item);
    if (item.node) item.node.replaceWith(row);
    else this.list.append(row);
    item.node = row;
    if (typing) item.input.focus();
  }

  weightField(item) {
    return h("input", {
      type: "number",
      class: "weight",
      min: 0.01,
      max: 100,
      step: "any",
      value: item.weight,
      "aria-label": `Weight of ${item.name}`,
      title: "Weight",
      oninput: (event) => {
        item.weight = Number(event.target.value) || 1;
        this.changed();
      },
    });
  }

  row(item) {
    const state = item.error ? "error" : item.asset ? "ready" : "pending";
    return h(
      "li",
      { class: state },
      h("img", { src: item.preview, alt: "" }),
      h(
        "div",
        { class: "picked-text" },
        h("span", { class: "picked-name" }, item.name),
        h(
          "span",
          { class: item.error ? "problem" : "faint", role: item.error ? "alert" : null },
          item.error ?? (item.asset ? (item.size ?? "ready") : "uploading…"),
        ),
      ),
      item.error &&
        item.file &&
        h(
          "button",
          {
            type: "button",
            class: "ghost",
            "aria-label": `Upload ${item.name} again`,
            onclick: () => this.upload(item),
          },
          icon("retry"),
        ),
      this.styles &&
        maskField(item, () => {
          if (!this.items.includes(item)) return;
          this.draw(item);
          this.changed();
        }),
      this.styles && (item.input ??= this.weightField(item)),
      h(
        "button",
        { type: "button", class: "ghost", "aria-label": `Remove ${item.name}`, onclick: () => this.remove(item) },
        icon("close"),
      ),
    );
  }
}
