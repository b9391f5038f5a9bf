// Refreshes the page in place. Without it the page is the same, and reloads by itself.
const EVERY_MS = 1000;
const PATIENCE_MS = 4000;
const SILENT_MAX = 2;
const banner = document.getElementById("unreachable");
let reached = Date.now();
let failed = 0;

async function fresh() {
  const answer = await fetch(location.href, {
    headers: { accept: "text/html" },
    cache: "no-store",
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  // A release that is gone is news, told by the page itself.
  if (!answer.ok && answer.status !== 404) throw new Error(`answered ${answer.status}`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

// What a person is reading, marking or has opened stays as it is.
function busy(part) {
  const marked = getSelection();
  return !marked.isCollapsed && part.contains(marked.anchorNode);
}

function replace(old, now) {
  if (old.innerHTML === now.innerHTML || busy(old)) return;
  const open = [...old.querySelectorAll("details[open][id]")].map((one) => one.id);
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  const scrolled = [...old.querySelectorAll("[id]")].filter((one) => one.scrollLeft || one.scrollTop);
  old.replaceChildren(...now.childNodes);
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  for (const one of scrolled) document.getElementById(one.id)?.scrollTo(one.scrollLeft, one.scrollTop);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

async function refresh() {
  try {
    const page = await fresh();
    document.title = page.title;
    const kept = new Set();
    const main = document.querySelector("main");
    for (const now of page.querySelectorAll("[data-live]")) {
      kept.add(now.id);
      const old = document.getElementById(now.id);
      if (old) replace(old, now);
    }
    const added = [...page.querySelectorAll("[data-live]")].some((now) => !document.getElementById(now.id));
    const removed = [...document.querySelectorAll("[data-live]")].some((old) => !kept.has(old.id));
    if (added || removed) main.replaceChildren(...page.querySelector("main").childNodes);
    reached = Date.now();
    failed = 0;
    banner.hidden = true;
  } catch {
    failed += 1;
    if (failed >= SILENT_MAX) {
      const seconds = Math.round((Date.now() - reached) / 1000);
      banner.textContent = `✕ The server cannot be reached. What you see is ${seconds} s old; trying again.`;
      banner.hidden = false;
    }
  }
  setTimeout(refresh, document.hidden ? 5 * EVERY_MS : EVERY_MS);
}

setTimeout(refresh, EVERY_MS);
