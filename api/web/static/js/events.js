// What happens on the farm, live: one stream of server-sent events for the whole page, brought back when it breaks.

const TYPES = [
  "batch.submitted",
  "batch.finished",
  "batch.deleted",
  "batch.restored",
  "job.started",
  "job.progress",
  "job.frame",
  "job.saved",
  "job.requeued",
  "job.succeeded",
  "job.failed",
  "job.cancelled",
  "job.paused",
  "job.resumed",
  "job.retried",
  "job.priority",
  "job.deleted",
  "job.restored",
];

// After these a job is another one than before; the others (progress, frames) tell all that changed.
const CHANGES = new Set(
  TYPES.filter((type) => type.startsWith("job.") && !["job.progress", "job.frame", "job.saved"].includes(type)),
);
export const changesJob = (event) => CHANGES.has(event.type);

// Between attempts when the farm is gone: soon at first, then calmer.
const DELAYS = [500, 1000, 2000, 4000, 8000];

const listeners = new Set();
const watchers = new Set();
let source = null;
let timer = null;
let attempts = 0;
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

function become(next) {
  if (next === status) return;
  const before = status;
  status = next;
  for (const watcher of watchers) watcher(next, before);
}

export function connect() {
  if (source) return;
  source = new EventSource("/v1/events");
  source.onopen = () => {
    attempts = 0;
    become("live");
  };
  source.onerror = () => {
    become("lost");
    // The browser reconnects by itself after a broken connection, but not after an answer that is an error.
    if (source?.readyState === EventSource.CLOSED) again();
  };
  for (const type of TYPES) source.addEventListener(type, (message) => tell(JSON.parse(message.data)));
}

function tell(event) {
  for (const listener of listeners) listener(event);
}

function again() {
  source?.close();
  source = null;
  clearTimeout(timer);
  timer = setTimeout(connect, DELAYS[Math.min(attempts++, DELAYS.length - 1)]);
}

/** Try at once, now that there is reason to hope. */
export function hurry() {
  if (status !== "lost") return;
  attempts = 0;
  again();
}

export function disconnect() {
  clearTimeout(timer);
  source?.close();
  source = null;
  become("closed");
}
