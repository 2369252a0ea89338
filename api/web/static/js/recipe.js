// What a job is made of: its pictures, the fields people look for, and the whole specification.

import * as api from "./api.js";
import { h, icon } from "./dom.js";
import { stringify } from "./json.js";
import { toast } from "./widgets.js";

const layer = ({ layer, channel, weight }) =>
  `${layer}${channel === null || channel === undefined ? "" : `:${channel}`}${weight === 1 ? "" : ` × ${weight}`}`;

function fields(spec) {
  const common = {
    Octaves: `${spec.octaves.count}, each ${spec.octaves.scale} times larger`,
    Iterations: `${spec.iterations} per octave`,
    Tiling: spec.tiling.mode + (spec.tiling.tile ? `, ${spec.tiling.tile} px` : ""),
    Precision: spec.precision,
    Seed: String(spec.seed),
  };
  if (spec.kind === "dream") {
    return {
      Dreams: spec.objective.map(layer).join(", "),
      Step: String(spec.step),
      Gradient: spec.gradient.normalise,
      ...common,
    };
  }
  return {
    Content: spec.content_layers.map(layer).join(", "),
    Style: spec.style_layers.map(layer).join(", "),
    ...(spec.objective?.length && { Dreams: spec.objective.map(layer).join(", ") }),
    Loss: `${spec.loss}, by ${spec.optimizer.method === "adam" ? "Adam" : "L-BFGS"}`,
    Weights: `content ${spec.content_weight}, style ${spec.style_weight}, smoothness ${spec.tv_weight}`,
    ...common,
  };
}

const picture = (id, label) =>
  h(
    "figure",
    {},
    h(
      "a",
      { href: api.asset(id), target: "_blank" },
      h("img", { src: `${api.asset(id)}?thumbnail=true`, alt: label, loading: "lazy" }),
    ),
    h("figcaption", {}, label),
  );

function pictures(spec) {
  if (spec.kind === "dream")
    return [spec.input && picture(spec.input, "Input"), spec.guide && picture(spec.guide, "Guide")];
  return [
    picture(spec.content, "Content"),
    ...spec.styles.flatMap(({ asset, weight, mask }) => [
      picture(asset, weight === 1 ? "Style" : `Style × ${weight}`),
      ...(mask ? [picture(mask, "Where it is laid")] : []),
    ]),
  ];
}

export function recipe(job, person) {
  const text = stringify(job.spec, 2);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      toast("Copied the specification");
    } catch {
      toast("The browser does not let this page copy; select the text instead", { tone: "error" });
    }
  };
  return h(
    "div",
    { class: "recipe" },
    h("div", { class: "ingredients" }, pictures(job.spec)),
    h(
      "dl",
      { class: "facts-list" },
      Object.entries(fields(job.spec)).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    ),
    h(
      "div",
      { class: "buttons" },
      person.role !== "viewer" &&
        h("a", { class: "button", href: `#/new?from=${job.id}` }, icon("retry"), "Use as a start"),
      h("button", { type: "button", class: "ghost", onclick: copy }, "Copy as JSON"),
    ),
    h("details", {}, h("summary", {}, "The whole specification"), h("pre", { tabindex: "0" }, text)),
  );
}
