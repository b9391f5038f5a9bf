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

// Parts come, go and change places; those that stay are not taken out, so that nothing is lost.
function arrange(main, fresh) {
  const parts = [...fresh.children];
  const ids = new Set(parts.map((part) => part.id));
  for (const old of [...main.children]) if (!ids.has(old.id)) old.remove();
  parts.forEach((now, place) => {
    const old = document.getElementById(now.id);
    if (old) replace(old, now);
    const part = old ?? now;
    if (main.children[place] !== part) main.insertBefore(part, main.children[place] ?? null);
  });
}

async function refresh() {
  try {
    const page = await fresh();
    document.title = page.title;
    replace(document.getElementById("clock"), page.getElementById("clock"));
    arrange(document.querySelector("main"), page.querySelector("main"));
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
