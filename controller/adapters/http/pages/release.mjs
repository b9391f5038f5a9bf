// The page of one release, live.
import { ask, refresh, restrict } from "./actions.mjs";
import { draw } from "./charts.mjs";
import { children, parsed } from "./morph.mjs";
import { follow } from "./stream.mjs";
import { keepTimes, localise, setClock } from "./times.mjs";

const live = document.getElementById("live");
const { stream, at } = document.body.dataset;
let waiting = null;

/**
 * Shows the release as it is now. What a person has marked waits until they let go of it.
 * @param {HTMLElement} fresh
 */
function show(fresh) {
  const release = fresh.querySelector("#release");
  if (!release) return;
  setClock(release.dataset.at);
  localise(fresh);
  restrict(fresh);
  const kept = fresh.cloneNode(true);
  waiting = children(live, fresh) ? null : kept;
  document.title = `${release.dataset.title} · canary-controller`;
  draw(live);
  refresh();
}

document.addEventListener("selectionchange", () => {
  if (waiting && getSelection()?.isCollapsed) show(waiting);
});

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("#actions button") : null;
  if (button) ask(button);
});

follow(stream, ["canary", "gone"], {
  heard(event, data) {
    if (event === "gone") gone();
    else if (data?.html) show(parsed(data.html));
  },
  fresh(page) {
    const now = page.getElementById("live");
    if (now) show(now);
    else gone();
  },
});

function gone() {
  document.getElementById("gone").hidden = false;
  document.getElementById("actions")?.remove();
}

setClock(at);
localise(document);
restrict(document);
draw(live);
keepTimes();
