// Times in the reader's own time zone, and how long ago something was, by the server's clock.

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });
const EVERY_MS = 5000;

let server = Date.now();
let heard = performance.now();

/**
 * Sets our idea of the server's clock.
 * @param {string | null | undefined} at an instant that the server has just named
 */
export function setClock(at) {
  const instant = Date.parse(at ?? "");
  if (Number.isNaN(instant)) return;
  server = instant;
  heard = performance.now();
}

/** @returns {number} the server's time in milliseconds, as far as we know it */
export function now() {
  return server + performance.now() - heard;
}

/**
 * A time of day for the reader; with the date where it is another day.
 * @param {number} instant in milliseconds
 * @returns {string}
 */
export function clock(instant) {
  const at = new Date(instant);
  const today = DAY.format(at) === DAY.format(now());
  return today ? CLOCK.format(at) : `${DAY.format(at)}, ${CLOCK.format(at)}`;
}

/**
 * How long ago it was, as a person says it.
 * @param {number} instant in milliseconds
 * @returns {string}
 */
export function ago(instant) {
  const seconds = Math.max(0, Math.round((now() - instant) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ago` : `${Math.floor(hours / 24)} days ago`;
}

/**
 * Says the times within an element in the reader's way; the title keeps the time in UTC.
 * @param {ParentNode} within
 */
export function localise(within) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const instant = Date.parse(time.getAttribute("datetime") ?? "");
    if (Number.isNaN(instant)) continue;
    const said = time.hasAttribute("data-ago") ? ago(instant) : clock(instant);
    if (time.textContent !== said) time.textContent = said;
  }
}

/** Keeps what is said of how long ago something was true. */
export function keepTimes() {
  setInterval(() => {
    if (!document.hidden) localise(document);
  }, EVERY_MS);
}
