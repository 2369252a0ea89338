// The strip at the top: which workers there are, and what each one is doing.

import * as api from "./api.js";
import { calmly, fill, h, icon } from "./dom.js";
import { onEvent } from "./events.js";
import { ago, amount, plural } from "./format.js";

// Workers come and go without an event of their own.
const EVERY = 10_000;

export function workersStrip(node) {
  const list = h("div", { id: "worker-list", class: "worker-list panel", popover: "auto" });
  const label = h("span", {}, "…");
  const dots = h("span", { class: "dots", "aria-hidden": "true" });
  const button = h(
    "button",
    { type: "button", class: "ghost workers-button", popovertarget: "worker-list" },
    dots,
    label,
  );
  fill(node, button, list);

  const row = (worker) =>
    h(
      "li",
      { class: worker.live ? "" : "gone" },
      h("span", { class: `dot ${worker.live ? (worker.job ? "busy" : "idle") : "gone"}`, "aria-hidden": "true" }),
      h(
        "div",
        {},
        h("strong", {}, worker.name),
        h(
          "div",
          { class: "faint" },
          [worker.device, worker.flops_per_second && `${amount(worker.flops_per_second / 1e9)} GFLOP/s`]
            .filter(Boolean)
            .join(" · "),
        ),
      ),
      !worker.live
        ? h("span", { class: "faint" }, `last seen ${ago(worker.seen_at)}`)
        : worker.job
          ? h("a", { href: `#/job/${worker.job}`, onclick: () => list.hidePopover() }, "renders")
          : h("span", { class: "faint" }, "idle"),
    );

  async function refresh() {
    try {
      const found = await api.workers();
      const live = found.filter((worker) => worker.live);
      const busy = live.filter((worker) => worker.job).length;
      node.classList.toggle("none", live.length === 0);
      const text = live.length === 0 ? "no worker" : `${plural(live.length, "worker")}${busy ? `, ${busy} busy` : ""}`;
      label.textContent = text;
      // On a small screen only the dots are shown.
      button.setAttribute("aria-label", `Workers: ${text}`);
      fill(
        dots,
        live.slice(0, 12).map((worker) => h("span", { class: `dot ${worker.job ? "busy" : "idle"}` })),
      );
      fill(
        list,
        h("h2", {}, "Workers"),
        found.length
          ? h("ul", {}, found.map(row))
          : h(
              "p",
              {},
              icon("alert"),
              " No worker has come yet. Jobs wait until one does: start it with ",
              h("code", {}, "dreamfarm worker"),
              ".",
            ),
      );
    } catch (error) {
      if (error.status !== 401) label.textContent = "workers unknown";
    }
  }

  const soon = calmly(refresh, 500);
  const leave = onEvent(
    (event) => ["job.started", "job.saved", "job.succeeded", "job.failed"].includes(event.type) && soon(),
  );
  const timer = setInterval(refresh, EVERY);
  refresh();
  return {
    close() {
      leave();
      clearInterval(timer);
      fill(node);
    },
  };
}
