// The farm's HTTP API. The browser is known by a cookie that scripts cannot read (POST /v1/session).

import { parse, stringify } from "./json.js";

/** An answer that is an error: problem details (RFC 9457), or no answer at all (status 0). */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || "the farm did not answer");
    this.status = status;
    this.errors = body.errors ?? [];
  }
}

// Proves that a change was asked for by this page: other sites can send the cookie along, but not this header.
const HEADERS = { "X-Dreamfarm": "1", Accept: "application/json" };

let onSignedOut = () => {};
/** What happens when the farm no longer knows the browser. */
export const whenSignedOut = (action) => (onSignedOut = action);

async function reach(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { detail: "the farm cannot be reached" });
  }
}

async function call(method, path, { json, body, headers, signal, quiet } = {}) {
  const options = { method, headers: { ...HEADERS, ...headers }, signal, credentials: "same-origin" };
  if (json !== undefined) {
    options.body = stringify(json);
    options.headers["Content-Type"] = "application/json";
  } else if (body !== undefined) options.body = body;
  const response = await reach(path, options);
  if (response.ok) return response.status === 204 ? null : parse(await response.text());
  const problem = new Problem(response.status, await response.json().catch(() => ({})));
  if (response.status === 401 && !quiet) onSignedOut();
  throw problem;
}

const query = (values) => {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
};

/** Trades a key for the session cookie. */
export const signIn = (key) =>
  call("POST", "/v1/session", { headers: { Authorization: `Bearer ${key}` }, quiet: true });
/** Whom a key speaks for; nobody is signed in by asking. */
export const whoseKey = (key) =>
  call("GET", "/v1/session", { headers: { Authorization: `Bearer ${key}` }, quiet: true });
export const signOut = () => call("DELETE", "/v1/session", { quiet: true });
export const whoAmI = () => call("GET", "/v1/session", { quiet: true });

export const batches = (cursor, signal) => call("GET", `/v1/batches${query({ cursor, limit: 24 })}`, { signal });
export const batch = (id, signal) => call("GET", `/v1/batches/${id}`, { signal });
export const jobs = ({ state, batch, deleted, cursor, limit = 48 }, signal) =>
  call("GET", `/v1/jobs${query({ state, batch, deleted: deleted || null, cursor, limit })}`, { signal });
export const job = (id, signal) => call("GET", `/v1/jobs/${id}`, { signal });
export const log = (id, signal) => call("GET", `/v1/jobs/${id}/log`, { signal });
export const workers = (signal) => call("GET", "/v1/workers", { signal });
export const models = (signal) => call("GET", "/v1/models", { signal });
export const portraits = (model, signal) =>
  call("GET", `/v1/models/${encodeURIComponent(model)}/portraits`, { signal });
export const layers = (model) => call("GET", `/v1/models/${encodeURIComponent(model)}/layers`);
export const presets = () => call("GET", "/v1/presets");
export const samples = () => call("GET", "/samples");
export const sampleAddress = (name) => `/samples/${name}.jpg`;
/** A bundled picture, as a file to upload. */
export async function sample(name) {
  const response = await reach(sampleAddress(name));
  if (!response.ok) throw new Problem(response.status, { detail: `the farm has no picture ${name}` });
  return new File([await response.blob()], `${name}.jpg`, { type: "image/jpeg" });
}
export const plan = (specs, signal) => call("POST", "/v1/plan", { json: { jobs: specs }, signal });

/** A job's frames whose numbers are above `after`, or all, page by page. */
export async function frames(id, after, signal) {
  const found = [];
  let cursor = after;
  do {
    const page = await call("GET", `/v1/jobs/${id}/frames${query({ cursor, limit: 500 })}`, { signal });
    found.push(...page.items);
    cursor = page.next;
  } while (cursor);
  return found;
}

/** cancel, pause, resume, retry or restore a job or batch; `since`: only jobs that ended or went since then. */
export const steer = (kind, id, action, since) => call("POST", `/v1/${kind}/${id}/${action}${query({ since })}`);
/** Puts a finished job or batch into the trash. */
export const remove = (kind, id) => call("DELETE", `/v1/${kind}/${id}`);
export const setPriority = (id, priority) => call("PATCH", `/v1/jobs/${id}`, { json: { priority } });

export const upload = (file) =>
  call("POST", "/v1/assets", { body: file, headers: { "Content-Type": file.type || "application/octet-stream" } });

/** Submits a batch; the same `key` never submits it twice. */
export const submit = (name, specs, key) =>
  call("POST", "/v1/batches", { json: { name, jobs: specs }, headers: { "Idempotency-Key": key } });

export const newKey = () =>
  Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("-");

export const thumbnail = (id, frame) => `/v1/jobs/${id}/frames/${frame}?thumbnail=true`;
export const frame = (id, number) => `/v1/jobs/${id}/frames/${number}`;
export const asset = (id) => `/v1/assets/${id}`;
