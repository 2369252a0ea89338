// The stream of server-sent events itself, brought back when it breaks.

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

// Between attempts when the farm is gone: soon at first, then calmer.
const DELAYS = [500, 1000, 2000, 4000, 8000];

export class Stream {
  /** `tell` is called with {event} for each event, and with {status} ("live", "lost", "closed") when that changes. */
  constructor(tell) {
    this.tell = tell;
    this.status = "closed";
    this.source = null;
    this.timer = null;
    this.attempts = 0;
  }

  become(status) {
    if (status === this.status) return;
    this.status = status;
    this.tell({ status });
  }

  open() {
    if (this.source) return;
    clearTimeout(this.timer);
    const source = (this.source = new EventSource("/v1/events"));
    source.onopen = () => {
      this.attempts = 0;
      this.become("live");
    };
    source.onerror = () => {
      this.become("lost");
      // The browser reconnects by itself after a broken connection, but not after an answer that is an error.
      if (source.readyState === EventSource.CLOSED && source === this.source) this.again();
    };
    for (const type of TYPES)
      source.addEventListener(type, (message) => this.tell({ event: JSON.parse(message.data) }));
  }

  again() {
    this.source?.close();
    this.source = null;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), DELAYS[Math.min(this.attempts++, DELAYS.length - 1)]);
  }

  /** Try at once, now that there is reason to hope. */
  hurry() {
    if (this.status !== "lost") return;
    this.attempts = 0;
    this.again();
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
    this.become("closed");
  }
}
