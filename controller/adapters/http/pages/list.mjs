// The list, live: lines come, change, move between its groups and go.
import { become, children, parsed } from "./morph.mjs";
import { follow } from "./stream.mjs";
import { keepTimes, localise, setClock } from "./times.mjs";

const { stream, at, onlyNamespace, onlyPhase } = document.body.dataset;
const GROUPS = ["needs", "runs", "quiet"];
const list = (group) => document.getElementById(group);

/** Puts a line where it belongs: the larger its order, the further up. */
function place(line) {
  const within = list(line.dataset.group);
  const order = Number(line.dataset.order);
  const after = [...within.children].find((one) => one !== line && Number(one.dataset.order) < order);
  if (line.parentElement === within && line.nextElementSibling === (after ?? null)) return;
  // Where it can be moved without being taken out, whoever is on it stays on it.
  const focused = line.contains(document.activeElement) ? document.activeElement : null;
  within.insertBefore(line, after ?? null);
  focused?.focus({ preventScroll: true });
}

/** One Canary's line, as the server says it now. */
function show(html) {
  const fresh = parsed(html).firstElementChild;
  if (!fresh) return;
  setClock(fresh.dataset.at);
  localise(fresh);
  const { namespace, phase, group } = fresh.dataset;
  const old = document.getElementById(fresh.id);
  const unwanted = (onlyNamespace && onlyNamespace !== namespace) || (onlyPhase && onlyPhase !== phase);
  if (unwanted) {
    old?.remove();
  } else if (old) {
    if (old.dataset.phase !== phase) flash(old);
    become(old, fresh);
    place(old);
  } else if (group !== "quiet" || !document.body.hasAttribute("data-cut")) {
    flash(fresh);
    place(document.importNode(fresh, true));
  }
  count();
}

/** A line that has just changed is seen from the corner of an eye. */
function flash(line) {
  line.classList.remove("told");
  requestAnimationFrame(() => document.getElementById(line.id)?.classList.add("told"));
}

function count() {
  for (const group of GROUPS) {
    const lines = list(group).children.length;
    document.getElementById(`no-${group}`).hidden = lines > 0;
    if (!document.body.hasAttribute("data-cut"))
      document.getElementById(`count-${group}`).textContent = lines;
  }
  const waiting = list("needs").children.length;
  document.getElementById("count-needs").parentElement.classList.toggle("wait", waiting > 0);
  document.title = `${waiting ? `(${waiting}) ` : ""}Releases · canary-controller`;
}

follow(stream, ["glance", "gone"], {
  heard(event, data) {
    if (event === "gone") document.getElementById(`${data.namespace}.${data.name}`)?.remove();
    else if (data?.html) show(data.html);
    count();
  },
  fresh(page) {
    setClock(page.body.dataset.at);
    localise(page);
    for (const group of GROUPS) {
      const lines = page.getElementById(group);
      // A line may have changed its group: it is moved, and then made like the fresh one.
      for (const line of lines.children) {
        const old = document.getElementById(line.id);
        if (old && old.parentElement !== list(group)) list(group).append(old);
      }
    }
    for (const group of GROUPS) children(list(group), page.getElementById(group));
    count();
  },
});
setClock(at);
localise(document);
keepTimes();
