// What happens on the farm, live: one stream of server-sent events for all pages of the gallery that are open.

import { Stream } from "./stream.js";

// After these a job stands as it did before, or all that changed is told; after the others it is another one.
const PASSING = ["job.progress", "job.frame", "job.saved"];
export const changesJob = ({ type }) => type.startsWith("job.") && !PASSING.includes(type);

// A page that shares no stream lets go of its own when it was out of sight for so long; a look elsewhere is shorter.
const UNSEEN = 5000;

const listeners = new Set();
const watchers = new Set();
let status = "closed";

/** Calls `handler` with every event until the answer is called. */
export function onEvent(handler) {
  listeners.add(handler);
  return () => listeners.delete(handler);
}

/**
 * Calls `handler` with "live", "lost" or "closed" whenever that changes, until the answer is called. When it becomes
 * "live", whoever has read data should read it again: what happened before is not told.
 */
export function onStatus(handler) {
  watchers.add(handler);
  handler(status, status);
  return () => watchers.delete(handler);
}

function hear({ event, status: next }) {
  if (event) for (const listener of listeners) listener(event);
  else if (next !== status) {
    const before = status;
    status = next;
    for (const watcher of watchers) watcher(next, before);
  }
}

/** The stream that all pages share. */
class Shared {
  get wanted() {
    return Boolean(this.port);
  }

  connect() {
    if (this.port) return;
    this.port = reach();
    this.port.onmessage = ({ data }) => hear(data);
    this.port.postMessage("connect");
  }

  disconnect() {
    this.port?.postMessage("disconnect");
    this.port?.close();
    this.port = null;
    hear({ status: "closed" });
  }

  hurry() {
    this.port?.postMessage("hurry");
  }

  renew() {
    const port = reach();
    port.postMessage("renew");
    port.close();
  }
}

function reach() {
  const worker = new SharedWorker("/web/js/streamworker.js", { name: "dreamfarm", type: "module" });
  worker.onerror = shareNothing;
  return worker.port;
}

/** A stream of the page's own, while it can be seen: for browsers that have nothing to share one by (Android's). */
class Own {
  constructor() {
    this.stream = new Stream(hear);
    this.wanted = false;
    document.addEventListener("visibilitychange", () => this.look());
  }

  look() {
    clearTimeout(this.timer);
    if (!this.wanted) return;
    if (document.visibilityState === "visible") this.stream.open();
    else this.timer = setTimeout(() => this.stream.close(), UNSEEN);
  }

  connect() {
    this.wanted = true;
    this.look();
  }

  disconnect() {
    this.wanted = false;
    clearTimeout(this.timer);
    this.stream.close();
  }

  hurry() {
    this.stream.hurry();
  }

  /** Whoever signs in connects anew. */
  renew() {}
}

let line = typeof SharedWorker === "undefined" ? new Own() : new Shared();

/** The browser could not start what is shared. */
function shareNothing() {
  if (line instanceof Own) return;
  const { wanted } = line;
  line.disconnect();
  line = new Own();
  if (wanted) line.connect();
}

export const connect = () => line.connect();
export const disconnect = () => line.disconnect();
/** Try at once, now that there is reason to hope. */
export const hurry = () => line.hurry();
/** To be called when someone has signed in: the stream that is open may be another person's. */
export const renew = () => line.renew();

// A page that is left says so: the stream is not kept for it. The browser may bring it back as it was.
addEventListener("pagehide", () => {
  const { wanted } = line;
  disconnect();
  if (wanted) addEventListener("pageshow", connect, { once: true });
});
