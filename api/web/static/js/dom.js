// Building the page. Text only ever becomes text nodes, so nothing that people type can become markup.

/**
 * An element. Properties: `class`, `on*` listeners, `style` (an object of CSS properties, set through the CSSOM so that
 * the content security policy can forbid inline styles), `data` (an object); all others are attributes, of which
 * `false`, `null` and `undefined` are left out. Children: nodes, strings, numbers, arrays; nothing for null and false.
 */
export function h(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.className = value;
    else if (name === "style") for (const [key, css] of Object.entries(value)) node.style.setProperty(key, css);
    else if (name === "data") Object.assign(node.dataset, value);
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in BY_PROPERTY) node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...flat(children));
  return node;
}

// What has no attribute, or one that only gives the first value.
const BY_PROPERTY = { value: 1, checked: 1, selected: 1, disabled: 1, hidden: 1, muted: 1 };

function flat(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

/** Put `children` in place of everything inside `node`. */
export function fill(node, ...children) {
  node.replaceChildren(...flat(children));
  return node;
}

const PATHS = {
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  play: "M8 5l11 7-11 7z",
  pause: "M8 5v14M16 5v14",
  retry: "M4 12a8 8 0 1 0 2.6-5.9M4 4v5h5",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  back: "M15 5l-7 7 7 7",
  next: "M9 5l7 7-7 7",
  picture: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.5h.01",
  film: "M4 5h16v14H4zM8 5v14M16 5v14M4 9h4M4 15h4M16 9h4M16 15h4",
  sheet: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  archive: "M4 4h16v4H4zM5 8v12h14V8M10 12h4",
  compare: "M12 3v18M5 6h4v12H5zM15 6h4v12h-4z",
  moon: "M20 14.5A8 8 0 1 1 9.5 4a6.5 6.5 0 0 0 10.5 10.5z",
  brush: "M14 4l6 6-8 8H6v-6zM4 21h16",
  clock: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16M12 8v4l3 2",
  chip: "M7 7h10v10H7zM10 4v3M14 4v3M10 17v3M14 17v3M4 10h3M4 14h3M17 10h3M17 14h3",
  alert: "M12 4l9 16H3zM12 10v4M12 17h.01",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  leave: "M10 4H5v16h5M14 8l4 4-4 4M18 12H9",
};

// So much of a long name's end is always shown: names of a sweep differ there.
const NAME_END = 14;
const LONG_NAME = 2 * NAME_END;

/** A name in a line of its own, which is cut in its middle where it is too long, and whole when it is pointed at. */
export function named(tag, className, name) {
  const letters = Array.from(name);
  if (letters.length < LONG_NAME) return h(tag, { class: className, title: name }, name);
  return h(
    tag,
    { class: `${className} split-name`, title: name },
    h("span", { class: "name-start" }, letters.slice(0, -NAME_END).join("")),
    h("span", { class: "name-end" }, letters.slice(-NAME_END).join("")),
  );
}

/** A line drawing; hidden from screen readers, whose words stand beside it or in the button's label. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** Runs `action` when called, but never twice at a time: calls while it runs are answered by one more run after it. */
export function oneByOne(action) {
  let running = null;
  let next = null;
  const run = () => {
    next = null;
    running = action().finally(() => (running = null));
    return running;
  };
  return () => (running ? (next ??= running.then(run, run)) : run());
}

/** Runs `action` once, `milliseconds` after a call; whatever is called until then is part of it. */
export function calmly(action, milliseconds) {
  let timer = null;
  return () => {
    timer ??= setTimeout(() => {
      timer = null;
      action();
    }, milliseconds);
  };
}
