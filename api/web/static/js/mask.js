// Where a style is laid: an optional grey picture beside each style, uploaded at once.

import * as api from "./api.js";
import { h, icon } from "./dom.js";

/** The part of a style's row that offers a mask, or shows it. `changed` is called whenever it becomes another one. */
export function maskField(item, changed) {
  const { mask, name } = item;
  if (mask)
    return h(
      "span",
      { class: "mask" },
      h("img", { src: mask.preview, alt: `Mask of ${name}`, title: mask.error ?? "Laid where this is white" }),
      mask.error && h("span", { class: "problem", role: "alert" }, mask.error),
      h(
        "button",
        {
          type: "button",
          class: "ghost",
          "aria-label": `Remove the mask of ${name}`,
          onclick: () => drop(item, changed),
        },
        icon("close"),
      ),
    );
  const browse = h("input", {
    type: "file",
    accept: "image/*",
    class: "visually-hidden",
    "aria-label": `Mask of ${name}`,
    onchange: () => take(item, browse.files[0], changed),
  });
  return h(
    "label",
    { class: "button ghost", title: "A grey picture: white where this style is laid, black where it is not" },
    browse,
    "Mask…",
  );
}

/** A mask that is on the farm already. */
export const storedMask = (id) => ({ asset: id, preview: `${api.asset(id)}?thumbnail=true` });

async function take(item, file, changed) {
  if (!file) return;
  const mask = { preview: URL.createObjectURL(file), file };
  item.mask = mask;
  changed();
  try {
    mask.asset = (await api.upload(file)).id;
  } catch (error) {
    mask.error = error.message;
  }
  changed();
}

/** Takes a picture's mask away, if it has one. */
export function drop(item, changed) {
  if (item.mask?.file) URL.revokeObjectURL(item.mask.preview);
  item.mask = null;
  changed();
}
