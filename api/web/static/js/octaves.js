// Progress as octaves: one part for each scale, as wide as its share of the work.

import { h } from "./dom.js";

export function octaveBar(job) {
  const count = Math.max(1, job.progress.octaves || job.spec.octaves.count);
  const { scale } = job.spec.octaves;
  // Each octave has `scale`² times the pixels of the one before.
  const parts = Array.from({ length: count }, (_, index) =>
    h("span", {
      class: "octave",
      style: { "--part": String(Math.max(scale ** (2 * index), scale ** (2 * (count - 1)) / 14)) },
    }),
  );
  const node = h(
    "div",
    { class: "octaves", role: "progressbar", "aria-label": "Progress", "aria-valuemin": 0, "aria-valuemax": 100 },
    parts,
  );
  return {
    node,
    set({ progress, state }) {
      node.setAttribute("aria-valuenow", String(Math.floor(progress.share * 100)));
      node.setAttribute(
        "aria-valuetext",
        `octave ${progress.octave} of ${progress.octaves}, ${Math.floor(progress.share * 100)} percent`,
      );
      parts.forEach((part, index) => {
        const here = progress.octave - 1;
        const share =
          state === "succeeded" || index < here
            ? 1
            : index > here
              ? 0
              : progress.iteration / (progress.iterations || 1);
        part.style.setProperty("--share", String(share));
        part.classList.toggle("now", index === here && state === "running");
      });
    },
  };
}
