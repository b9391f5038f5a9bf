// Commands: a question that says what will happen, one request however often it is pressed, and
// the answer, until it is known what came of it.

const ASKED_EVERY_MS = 700;
const ASKED_MAX = 60;
const PATIENCE_MS = 15_000;
const may = document.body.dataset.may?.split(" ") ?? [];
const { namespace, name } = document.body.dataset;
const part = (id) => document.getElementById(`confirm-${id}`);
const dialog = document.getElementById("confirm");

/**
 * @typedef {object} Order
 * @property {string} id of the button
 * @property {string} label
 * @property {string} path
 * @property {string} key the same for every try of this one command
 * @property {object} body
 * @property {boolean} sent
 */
/** @type {Order | null} */
let order = null;

/**
 * Takes away what this person has no right to: the server paints one page for all.
 * @param {ParentNode} within
 */
export function restrict(within) {
  for (const button of within.querySelectorAll("#actions button[data-verb]")) {
    const { verb } = button.dataset;
    if (may.includes(verb) || button.getAttribute("aria-disabled") === "true") continue;
    const said = `you may not: ask an administrator for the verb ${verb} on canaries in ${namespace}`;
    const word = button.id.slice("do-".length);
    const why = Object.assign(document.createElement("span"), {
      className: "why-not",
      id: `why-not-${word}`,
      textContent: `Not possible: ${said}.`,
    });
    button.setAttribute("aria-disabled", "true");
    button.setAttribute("aria-describedby", why.id);
    button.title = said;
    within.querySelector(`#effects-${word}`)?.replaceChildren();
    within.querySelector(`#effects-${word}`)?.before(why);
  }
}

/**
 * Opens the question for a button.
 * @param {HTMLElement} button
 */
export function ask(button) {
  const said = document.getElementById("said");
  if (button.getAttribute("aria-disabled") === "true") {
    said.textContent = `${button.textContent}: ${button.title}`;
    document.getElementById("why-not").open = true;
    return;
  }
  const { revision, step } = document.getElementById("actions").dataset;
  const full = button.hasAttribute("data-full") ? { full: true } : {};
  order = {
    id: button.id,
    label: button.textContent,
    path: button.dataset.path,
    key: key(),
    body: { revision, step: Number(step), ...full },
    sent: false,
  };
  part("title").textContent = `${order.label}: ${namespace}/${name}?`;
  explain(order.id);
  part("facts").replaceChildren(...facts());
  part("reason").value = "";
  part("do").textContent = order.label;
  part("do").className = button.classList.contains("danger") ? "danger" : "primary";
  part("cancel").textContent = "Cancel";
  for (const id of ["moved", "answer"]) part(id).hidden = true;
  for (const id of ["ask", "do"]) part(id).hidden = false;
  part("do").disabled = false;
  dialog.showModal();
  part("reason").focus();
}

/** The release may move on while a person thinks: then the question is no longer the right one. */
export function refresh() {
  if (!dialog.open || !order || order.sent) return;
  const now = document.getElementById("actions")?.dataset;
  const button = document.getElementById(order.id);
  const moved =
    now?.revision !== order.body.revision || Number(now?.step) !== order.body.step;
  const over = button?.getAttribute("aria-disabled") !== null;
  part("moved").hidden = !(moved || over);
  part("do").disabled = moved || over;
  if (!(moved || over)) explain(order.id);
  else {
    const sentence = document.getElementById("sentence")?.textContent ?? "";
    part("moved").textContent = `The release has moved on meanwhile: ${sentence} Close this, and look again.`;
  }
}

async function send() {
  if (!order || order.sent) return;
  const mine = order;
  mine.sent = true;
  part("do").disabled = true;
  tell("wait", "… Sending the command.");
  let answer;
  try {
    answer = await fetch(mine.path, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": mine.key },
      body: JSON.stringify({ ...mine.body, reason: part("reason").value.trim() }),
      redirect: "error",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch {
    again(mine, "The server cannot be reached: whether it got the command is not known. Try again: however often you do, it is carried out once.");
    return;
  }
  const said = await answer.json().catch(() => ({}));
  if (mine !== order) return;
  if (answer.status === 202) await outcome(mine, said);
  else refused(mine, answer, said);
}

/** It was written down: what comes of it is asked for until it is known. */
async function outcome(mine, receipt) {
  ended();
  let state = receipt;
  for (let count = 0; mine === order && count <= ASKED_MAX; count += 1) {
    if (state.state === "taken") return tell("good", `✓ Taken: ${state.answer || "it is done."}`);
    if (state.state === "refused") return tell("bad", `✕ Refused: ${state.answer}`);
    tell("wait", "… Waiting: the command is written down on the Canary, and is acted on in a moment.");
    await new Promise((done) => setTimeout(done, ASKED_EVERY_MS));
    const answer = await fetch(receipt.command, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) }).catch(() => null);
    if (answer?.ok) state = await answer.json().catch(() => state);
  }
  if (mine === order) tell("wait", "… It still waits. You may close this: the page will show what comes of it.");
}

function refused(mine, answer, problem) {
  const detail = problem.detail || `the server answered ${answer.status}`;
  if (answer.status === 401) {
    ended();
    tell("bad", "✕ Your session is over. Nothing was done. ", {
      text: "Sign in again",
      href: `/sign-in?next=${encodeURIComponent(location.pathname)}`,
    });
  } else if (answer.status === 429 || answer.status >= 500) {
    const seconds = answer.headers.get("retry-after");
    again(mine, `${detail}${seconds ? ` (in ${seconds} s)` : ""}.`);
  } else {
    ended();
    const title = { 403: "You may not", 404: "It is gone", 409: "Nothing was done" }[answer.status] ?? "Refused";
    tell("bad", `✕ ${title}: ${detail}.`);
  }
}

/** The same command may be sent once more, under the same key. */
function again(mine, text) {
  mine.sent = false;
  part("do").disabled = false;
  part("do").textContent = "Try again";
  tell("bad", `✕ ${text}`);
}

/** There is nothing more to confirm. */
function ended() {
  for (const id of ["ask", "do", "moved"]) part(id).hidden = true;
  part("cancel").textContent = "Close";
  part("cancel").focus();
}

function tell(kind, text, link) {
  const answer = part("answer");
  answer.className = `answer ${kind}`;
  answer.textContent = text;
  if (link) answer.append(Object.assign(document.createElement("a"), { href: link.href, textContent: link.text }));
  answer.hidden = false;
  document.getElementById("said").textContent = text;
}

const effects = (id) =>
  [...document.querySelectorAll(`#${id.replace("do-", "effects-")} .effect`)].map((one) => one.textContent);

/** Says what will happen, and changes nothing where it is said already. */
function explain(id) {
  const said = effects(id);
  const shown = [...part("effects").children].map((one) => one.textContent);
  if (said.join("\n") === shown.join("\n")) return;
  part("effects").replaceChildren(
    ...said.map((text) => Object.assign(document.createElement("li"), { textContent: text })),
  );
}

/** The revisions, as the page shows them now. */
function facts() {
  const shown = [...document.querySelectorAll("#release > .facts > div")];
  return shown.slice(0, 2).map((fact) => fact.cloneNode(true));
}

/** Not to be guessed; crypto.randomUUID is there over HTTPS only. */
function key() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `page-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

dialog.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
part("cancel").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => {
  const opener = order && document.getElementById(order.id);
  order = null;
  opener?.focus();
});
