// One stream that is kept open: back-off with jitter, Last-Event-ID, an apply a frame, none for a hidden tab.
import { ApiError, request } from "./api.js";
import { serverSentEvents } from "./sse.js";

const HIDDEN_MS = 60_000;
/** The server sends a heartbeat after 10 s without a change. */
const SILENCE_MS = 30_000;
const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;

/** Keeps a stream open until `close()`.
 *
 * `onEvents(events)` gets parsed events, those of one animation frame together. `onState(state, detail)` gets
 * "connecting", "live", "waiting" (detail: { seconds, error }), "hidden" or "denied" (detail: an ApiError; the stream has ended). */
export class Stream {
  constructor(path, params, { onEvents, onState }) {
    this._path = path;
    this._params = params;
    this._onEvents = onEvents;
    this._onState = onState;
    this._lastId = null;
    this._failures = 0;
    this._queue = [];
    this._scheduled = false;
    this._closed = false;
    this._abort = null;
    this._wake = null;
    this._visibility = () => this._onVisibility();
    this._online = () => this._wake?.();
    document.addEventListener("visibilitychange", this._visibility);
    addEventListener("online", this._online);
    if (document.hidden) this._hideSoon();
    this._run();
  }

  close() {
    this._closed = true;
    this._queue = [];
    clearTimeout(this._hiding);
    document.removeEventListener("visibilitychange", this._visibility);
    removeEventListener("online", this._online);
    this._abort?.abort();
    this._wake?.();
  }

  async _run() {
    while (!this._closed) {
      if (this._isHidden) {
        this._onState("hidden");
        await this._sleep(null);
        continue;
      }
      this._onState("connecting");
      let error;
      try {
        await this._read();
      } catch (caught) {
        error = caught;
      }
      if (this._closed || this._isHidden) continue;
      if (error instanceof ApiError && [400, 401, 403, 404].includes(error.status)) {
        this.close();
        this._onState("denied", error);
        return;
      }
      const seconds = this._pause(error);
      this._onState("waiting", { seconds, error: error instanceof ApiError ? error : null });
      await this._sleep(seconds * 1000);
    }
  }

  /** Seconds until the next attempt: what the server asks for, or a random part of a doubled time. */
  _pause(error) {
    const most = Math.min(LONGEST_MS, FIRST_MS * 2 ** this._failures) / 1000;
    this._failures += 1;
    return Math.max(error?.retryAfter ?? 0, most * (0.5 + Math.random() / 2)) + (error?.retryAfter ? Math.random() : 0);
  }

  async _read() {
    const abort = (this._abort = new AbortController());
    const headers = {
      Accept: "text/event-stream",
      ...(this._lastId === null ? {} : { "Last-Event-ID": this._lastId }),
    };
    let silence = setTimeout(() => abort.abort(), SILENCE_MS);
    try {
      const response = await request(this._path, {
        params: this._params,
        headers,
        signal: abort.signal,
        cache: "no-store",
      });
      for await (const event of serverSentEvents(response.body)) {
        clearTimeout(silence);
        silence = setTimeout(() => abort.abort(), SILENCE_MS);
        if (this._closed) return;
        if (event !== null) this._take(event);
      }
    } finally {
      clearTimeout(silence);
      this._flush();
    }
  }

  _take(event) {
    if (event.data === null) return;
    const data = JSON.parse(event.data);
    if (event.type === "error") throw new ApiError(data.code === 4001 ? 401 : 403, data.code, data.message);
    if (event.type === "snapshot" || event.type === "change") {
      if (event.id !== undefined) this._lastId = event.id;
      // What came before a snapshot is in it.
      if (event.type === "snapshot") this._queue = [];
    }
    this._queue.push({ type: event.type, data });
    this._failures = 0;
    if (this._scheduled) return;
    this._scheduled = true;
    // A hidden tab has no frames.
    if (document.hidden) setTimeout(() => this._flush(), 1000);
    else requestAnimationFrame(() => this._flush());
  }

  _flush() {
    this._scheduled = false;
    if (this._closed || !this._queue.length) return;
    const events = this._queue;
    this._queue = [];
    this._onEvents(events);
    this._onState("live");
  }

  get _isHidden() {
    return this._letGo === true;
  }

  _onVisibility() {
    if (document.hidden) {
      this._hideSoon();
      return;
    }
    clearTimeout(this._hiding);
    this._flush();
    if (!this._letGo) return;
    this._letGo = false;
    this._failures = 0;
    this._wake?.();
  }

  _hideSoon() {
    clearTimeout(this._hiding);
    this._hiding = setTimeout(() => {
      this._letGo = true;
      this._abort?.abort();
      this._wake?.();
    }, HIDDEN_MS);
  }

  /** Wait, for ever without a time, or until something wakes it. */
  _sleep(ms) {
    return new Promise((resolve) => {
      const timer = ms === null ? null : setTimeout(resolve, ms);
      this._wake = () => {
        clearTimeout(timer);
        this._wake = null;
        resolve();
      };
    });
  }
}
