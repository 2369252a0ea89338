// Where the gallery starts: who is looking, which page, and the parts around it (workers, connection, account).

import * as api from "./api.js";
import { fill, h, icon } from "./dom.js";
import { connect, disconnect, hurry, onStatus, renew } from "./events.js";
import { galleryPage } from "./gallery.js";
import { jobPage } from "./job.js";
import { networkPage } from "./network.js";
import { signInPage } from "./signin.js";
import { submitPage } from "./submit.js";
import { confirmed, toast } from "./widgets.js";
import { workersStrip } from "./workers.js";

const main = document.getElementById("main");
const nav = document.getElementById("nav");
const account = document.getElementById("account");
const banner = document.getElementById("banner");

// Galleries that were left stay as they are, by the number of their visit, which stands in the browser's history: Back
// leads to the same cards, at the same place. More than a few would be memory for what hardly anyone goes back to.
const RESTING = 4;
const resting = new Map();
let visits = Date.now();

let page = null;
let visit = null;
let strip = null;
let person = null;

/** `#/batch/ID?state=failed` as its parts. */
function route() {
  const [path, search] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, id] = path.split("/");
  return { name, id: id && decoded(id), search: new URLSearchParams(search) };
}

/** What a part of an address says; one that is no address at all stands for itself, and is not found. */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function open(next) {
  leavePage();
  page = next;
  fill(main, page.node);
  document.title = page.title ? `${page.title} · dreamfarm` : "dreamfarm";
}

function leavePage() {
  if (page?.rest) {
    page.rest();
    resting.set(visit, { page, top: scrollY, focus: document.activeElement });
    const [oldest] = resting.keys();
    if (resting.size > RESTING) closeResting(oldest);
  } else page?.close();
  page = null;
}

function closeResting(number) {
  resting.get(number).page.close();
  resting.delete(number);
}

/** Another person may come: nothing of the one before is kept. */
function closeAll() {
  leavePage();
  for (const number of [...resting.keys()]) closeResting(number);
}

/** Opens a new gallery, or the one that was left at this place of the browser's history. */
function openGallery(filter) {
  const left = resting.get(history.state?.visit);
  if (!left) {
    open(galleryPage(filter, person));
    visit = ++visits;
    history.replaceState({ visit }, "");
    return { top: 0, focus: main };
  }
  resting.delete(history.state.visit);
  open(left.page);
  visit = history.state.visit;
  left.page.wake();
  return { top: left.top, focus: page.node.contains(left.focus) ? left.focus : main };
}

function show({ focus = true } = {}) {
  if (!person) return;
  const { name, id, search } = route();
  for (const link of nav.querySelectorAll("a")) {
    const here = link.dataset.page === (["new", "network"].includes(name) ? name : "gallery");
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  let place = { top: 0, focus: main };
  if (name === "job" && id) open(jobPage(id, person));
  else if (name === "network") open(networkPage(id, person));
  else if (name === "new") open(submitPage(person));
  else place = openGallery({ batch: name === "batch" ? id : undefined, state: search.get("state") });
  // Screen readers and the Tab key go on from the new page, not from the link that is gone.
  if (focus) place.focus.focus({ preventScroll: true });
  scrollTo(0, place.top);
}

function signedOut() {
  person = null;
  disconnect();
  strip?.close();
  strip = null;
  nav.hidden = true;
  fill(account);
  closeAll();
  open(signInPage(signedIn));
}

function signedIn(who) {
  // Another person may have been looking: nothing of theirs goes on.
  disconnect();
  strip?.close();
  closeAll();
  person = who;
  nav.hidden = false;
  nav.querySelector('[data-page="new"]').hidden = who.role === "viewer";
  fill(
    account,
    h("span", { class: "who", title: `Signed in as ${who.owner} (${who.role})` }, who.owner),
    h(
      "button",
      { type: "button", class: "ghost", "aria-label": "Sign out", title: "Sign out", onclick: leave },
      icon("leave"),
    ),
  );
  connect();
  strip = workersStrip(document.getElementById("workers"));
  show({ focus: false });
}

async function leave() {
  try {
    await api.signOut();
  } catch (error) {
    toast(`You are still signed in: ${error.message}`, { tone: "error" });
    return;
  }
  signedOut();
}

function tellStatus(status, before) {
  banner.hidden = status !== "lost";
  if (status === "lost") {
    const offline = navigator.onLine === false;
    fill(
      banner,
      h("span", { class: "spinner", "aria-hidden": "true" }),
      offline ? "This machine is offline. " : "The connection to the farm is lost; trying again. ",
      h("button", { type: "button", onclick: hurry }, "Now"),
    );
  } else if (status === "live") {
    if (before === "lost") toast("Back in touch with the farm");
    // Also the first time: what happened between the page's questions and the stream's beginning was not told.
    page?.refresh?.();
    for (const left of resting.values()) left.page.refresh();
  }
}

/** Signs in with a link's key. Anybody can make such a link: whoever is signed in does not become somebody else unasked. */
async function enter(key) {
  const before = await api.whoAmI().catch((error) => {
    if (error.status === 401) return null;
    throw error;
  });
  if (before) {
    const { owner } = await api.whoseKey(key);
    const text = `This link has a key of ${owner}'s. What you upload and submit would be ${owner}'s, who sees it.`;
    const title = `Change from ${before.owner} to ${owner}?`;
    if (owner !== before.owner && !(await confirmed(title, text, "Change", `Stay ${before.owner}`))) return;
  }
  await api.signIn(key);
  renew();
}

/** `#key=…` is how `dreamfarm up` hands the key over: the part after # never leaves the browser by itself. */
async function start() {
  const given = new URLSearchParams(location.hash.replace(/^#\/?/, "")).get("key");
  if (given) {
    history.replaceState(null, "", location.pathname + location.search + "#/");
    try {
      await enter(given);
    } catch (error) {
      toast(error.message, { tone: "error" });
    }
  }
  try {
    signedIn(await api.whoAmI());
  } catch (error) {
    signedOut();
    if (error.status !== 401) toast(error.message, { tone: "error" });
  }
}

api.whenSignedOut(signedOut);
// A link to a place on the page would be taken for the address of another page.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", () => {
  if (location.hash.startsWith("#key=") || location.hash.startsWith("#/key=")) start();
  else show();
});
addEventListener("online", hurry);
// The browser would scroll before the page is there.
history.scrollRestoration = "manual";
onStatus(tellStatus);
start();
