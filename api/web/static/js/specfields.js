// The numbers of a specification that the form offers, and how to read and write them by their paths.

export const SIZES = [1024, 2048, 4096, 8192];

/** `fields` of a preset with what it says of `model` laid over. */
export function merged(base, over) {
  const result = { ...base };
  for (const [key, value] of Object.entries(over ?? {})) {
    const both =
      value && base[key] && typeof value === "object" && typeof base[key] === "object" && !Array.isArray(value);
    result[key] = both ? merged(base[key], value) : value;
  }
  return result;
}

export const at = (object, path) => path.split(".").reduce((inner, key) => inner?.[key], object);

export function put(object, path, value) {
  const keys = path.split(".");
  const last = keys.pop();
  let inner = object;
  for (const key of keys) inner = inner[key] ??= {};
  inner[last] = value;
}

/** `object` without the fields at these paths, and without what has no fields left. */
export function without(object, paths, before = "") {
  const left = {};
  for (const [key, value] of Object.entries(object)) {
    const path = before + key;
    if (paths.includes(path)) continue;
    const isObject = value && typeof value === "object" && !Array.isArray(value);
    const rest = isObject ? without(value, paths, `${path}.`) : value;
    if (!isObject || Object.keys(rest).length) left[key] = rest;
  }
  return left;
}

// Fields that are numbers: path, label, smallest, largest, step, what it does, and for which kind.
export const NUMBERS = [
  ["size.long_edge", "Size", 16, 65536, 1, "Longer side of the output in pixels; empty keeps the picture's own"],
  ["octaves.count", "Octaves", 1, 16, 1, "Scales from small to large: more makes larger shapes"],
  ["octaves.scale", "Octave scale", 1.05, 4, "any", "How much larger each octave is than the one before"],
  ["iterations", "Iterations", 1, 100000, 1, "Steps in each octave: more goes deeper"],
  ["step", "Step", 0.01, 1000, "any", "How strong each step is", "dream"],
  ["gradient.blur", "Blur", 0, 64, "any", "Smooths each step, in pixels: softer, larger shapes", "dream"],
  ["gradient.decorrelate", "Natural colours", 0, 1, "any", "0: a rainbow's; 1: as in photographs", "dream"],
  ["content_weight", "Content weight", 0, 1e9, "any", "How much of the picture itself stays", "style"],
  ["style_weight", "Style weight", 0, 1e9, "any", "How much of the style comes over", "style"],
  ["tv_weight", "Smoothness", 0, 1e9, "any", "More is smoother", "style"],
  ["learning_rate", "Learning rate", 0.01, 1000, "any", "How far each step goes", "style"],
  ["noise", "Noise", 0, 1, "any", "How much of the start is noise: 0 starts from the picture, 1 from nothing", "style"],
  ["seed", "Seed", null, null, null, "Another number, another variant"],
  ["frames.every", "Frames every", 0, 100000, 1, "Keep an intermediate picture every N iterations; 0: one per octave"],
  ["priority", "Priority", 0, 9, 1, "0 is the most urgent"],
];

// Numbers that can have more digits than JavaScript's: they are text in the page.
export const DIGITS = ["seed"];

// Fields that are a choice: path, label, what there is to choose, what it does, and for which kind.
export const CHOICES = [
  ["animation", "Animation", ["none", "mp4", "webp", "gif"], "How it came about, as a film"],
  [
    "gradient.normalise",
    "Gradient",
    ["std", "mean_abs", "laplacian"],
    "laplacian: fine and coarse shapes equally strong",
    "dream",
  ],
  ["detail", "Detail", ["before", "after", "none"], "When an octave gets the picture's fine detail back", "dream"],
  ["loss", "Loss", ["energy", "gatys", "sums"], "How differences are weighed; each recipe has its own", "style"],
  ["optimizer.method", "Optimiser", ["adam", "lbfgs"], "L-BFGS: fewer iterations, much more memory", "style"],
];

// Choices that stand for nothing.
export const NONE = { animation: "none" };

// Fields of a specification that other parts of the page show.
export const ELSEWHERE = [
  ...["kind", "name", "preset", "model", "input", "content", "styles", "guide", "objective", "keep_colors"],
  ...["output.format", "output.bits"],
];

export const FALLBACK = {
  animation: "none",
  "octaves.count": 4,
  "octaves.scale": 1.4,
  iterations: 10,
  step: 1.5,
  "gradient.blur": 0,
  "gradient.decorrelate": 0,
  "gradient.normalise": "mean_abs",
  detail: "before",
  seed: 0,
  "frames.every": 5,
  priority: 5,
  "size.long_edge": "as the picture",
  content_weight: 1,
  style_weight: 1,
  tv_weight: 0,
  learning_rate: 4,
  noise: 0,
  loss: "energy",
  "optimizer.method": "adam",
};
