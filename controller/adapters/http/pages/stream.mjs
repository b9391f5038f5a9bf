// The stream of what changes: says when it is cut and since when what is shown is old, and tries
// again by itself, at growing and uneven intervals, until the server is back.
import { clock, now } from "./times.mjs";

const FIRST_MS = 1000;
const LONGEST_MS = 30_000;
// A blip that is over at once is not worth a word.
const SILENT_MS = 1500;
// The server sends something every 15 s; a connection that says nothing for longer is dead.
const DEAD_MS = 40_000;
const PATIENCE_MS = 8000;
// A browser has six connections for all its tabs: one that nobody looks at gives its own back.
const HIDDEN_MS = 30_000;

/**
 * @typedef {object} Listener
 * @property {(event: string, data: any) => void} heard something changed
 * @property {(page: Document) => void} fresh the whole page anew, with what was missed
 */

/**
 * Follows the stream as long as the page is open.
 * @param {string} url
 * @param {string[]} events what to listen to
 * @param {Listener} listener
 */
export function follow(url, events, listener) {
  new Stream(url, events, listener).open();
}

class Stream {
  /** @type {EventSource | null} */ #source = null;
  #failed = 0;
  #reached = now();
  #beats = false;
  #since = document.body.dataset.at;
  #retry = 0;
  #telling = 0;
  #watch = 0;
  #rest = 0;

  constructor(url, events, listener) {
    this.url = url;
    this.events = events;
    this.listener = listener;
    addEventListener("online", () => this.#again(0));
    addEventListener("pagehide", () => this.#close());
    addEventListener("pageshow", (event) => event.persisted && this.#again(0));
    document.addEventListener("visibilitychange", () => {
      clearTimeout(this.#rest);
      if (document.hidden) this.#rest = setTimeout(() => this.#close(), HIDDEN_MS);
      else if (!this.#source) this.#wake();
    });
  }

  /** Begins where the page that is shown ends. */
  open() {
    this.#close();
    const source = new EventSource(`${this.url}&since=${encodeURIComponent(this.#since)}`);
    this.#source = source;
    source.onopen = () => this.#opened();
    source.onerror = () => source === this.#source && this.#lost();
    for (const name of this.events)
      source.addEventListener(name, (event) => {
        this.#alive();
        this.listener.heard(name, read(event.data));
      });
    source.addEventListener("beat", () => {
      this.#beats = true;
      this.#alive();
    });
    this.#alive();
  }

  #close() {
    this.#source?.close();
    this.#source = null;
    clearTimeout(this.#retry);
    clearTimeout(this.#watch);
  }

  /** Something was heard. Where the server beats, its silence is noticed. */
  #alive() {
    this.#reached = now();
    clearTimeout(this.#watch);
    if (this.#beats) this.#watch = setTimeout(() => this.#lost(), DEAD_MS);
  }

  #opened() {
    this.#failed = 0;
    clearTimeout(this.#telling);
    this.#telling = 0;
    this.#alive();
    say("live", "● live");
    banner("");
  }

  #lost() {
    this.#close();
    this.#failed += 1;
    this.#telling ||= setTimeout(() => this.#tell(), SILENT_MS);
    const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** (this.#failed - 1));
    this.#again(longest * (0.5 + Math.random() / 2));
  }

  #wake() {
    say("", "… catching up");
    this.#again(0);
  }

  #again(pause) {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#try(), pause);
  }

  /** The page anew: it has what was missed, and says why it is not to be had, unlike a stream. */
  async #try() {
    this.#close();
    const answer = await asked(location.href).catch(() => null);
    const text = await answer?.text().catch(() => null);
    if (isSignedOut(answer)) this.#signedOut();
    else if (!answer || typeof text !== "string" || (!answer.ok && answer.status !== 404)) this.#lost();
    else {
      const page = new DOMParser().parseFromString(text, "text/html");
      this.#since = page.body.dataset.at ?? this.#since;
      this.listener.fresh(page);
      if (answer.ok) this.open();
    }
  }

  #tell() {
    const since = clock(this.#reached);
    say("lost", `✕ cut off since ${since}`);
    banner(`✕ The connection is cut: what you see is as it was at ${since}. Trying again by itself.`);
  }

  #signedOut() {
    this.#close();
    clearTimeout(this.#telling);
    say("lost", "✕ signed out");
    banner(`✕ Your session is over: what you see is as it was at ${clock(this.#reached)}. `, {
      text: "Sign in again",
      href: `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`,
    });
  }
}

const asked = (url) =>
  fetch(url, {
    headers: { accept: "text/html" },
    cache: "no-store",
    redirect: "manual",
    signal: AbortSignal.timeout(PATIENCE_MS),
  });

const isSignedOut = (answer) =>
  Boolean(answer) && (answer.type === "opaqueredirect" || answer.status === 401);

function read(data) {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}

function say(kind, text) {
  const line = document.getElementById("connection");
  if (line.textContent === text) return;
  line.className = kind;
  line.textContent = text;
}

function banner(text, link) {
  const cut = document.getElementById("cut");
  cut.textContent = text;
  if (link) cut.append(Object.assign(document.createElement("a"), { href: link.href, textContent: link.text }));
  cut.hidden = !text;
}
