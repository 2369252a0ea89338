// Shared by all open pages of the gallery: one stream for them all. A stream holds a connection for as long as it is
// open, and browsers allow six to a farm: with one for each page, the seventh would wait for ever.

import { Stream } from "./stream.js";

const pages = new Set();
const stream = new Stream((told) => {
  for (const page of pages) page.postMessage(told);
});

const ACTIONS = {
  connect(page) {
    pages.add(page);
    page.postMessage({ status: stream.status });
    stream.open();
  },
  disconnect(page) {
    pages.delete(page);
    if (!pages.size) stream.close();
  },
  hurry() {
    stream.hurry();
  },
  /** Whoever is signed in now may be another person than the one whose events these are. */
  renew() {
    stream.close();
    if (pages.size) stream.open();
  },
};

self.onconnect = ({ ports: [page] }) => {
  page.onmessage = ({ data }) => ACTIONS[data](page);
};
