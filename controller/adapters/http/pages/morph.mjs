// Makes the page like a newer one by changing only what differs: what a person reads, marks, has
// opened or is about to press stays where it is.

/**
 * What a node is recognised by among its siblings.
 * @param {Node} node
 * @returns {string} its id, or nothing
 */
function key(node) {
  return node instanceof Element ? node.id : "";
}

/**
 * Whether one node can become the other without being replaced.
 * @param {Node} old
 * @param {Node} fresh
 * @returns {boolean}
 */
function alike(old, fresh) {
  return old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && key(old) === key(fresh);
}

/**
 * Whether a person has marked a part of it: then it waits, and is brought up to date later.
 * @param {Node} node
 * @returns {boolean}
 */
function isMarked(node) {
  const marked = getSelection();
  return Boolean(marked && !marked.isCollapsed && marked.containsNode(node, true));
}

/**
 * What the person changed stays theirs: what is folded open, and what was typed.
 * @param {Element} old
 * @param {string} name
 * @returns {boolean}
 */
function isTheirs(old, name) {
  return name === "open" && (old.localName === "details" || old.localName === "dialog");
}

/**
 * @param {Element} old
 * @param {Element} fresh
 */
function attributes(old, fresh) {
  for (const { name } of [...old.attributes])
    if (!fresh.hasAttribute(name) && !isTheirs(old, name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes)
    if (old.getAttribute(name) !== value && !isTheirs(old, name)) old.setAttribute(name, value);
}

/**
 * Makes one node like another.
 * @param {Node} old in the page
 * @param {Node} fresh from the server
 * @returns {boolean} whether all of it could be done; what is marked is left for later
 */
export function become(old, fresh) {
  if (!(old instanceof Element) || !(fresh instanceof Element)) {
    if (old.nodeValue === fresh.nodeValue) return true;
    if (isMarked(old)) return false;
    old.nodeValue = fresh.nodeValue;
    return true;
  }
  attributes(old, fresh);
  // Somebody else draws in there.
  return old.hasAttribute("data-keep") || children(old, fresh);
}

/**
 * Makes the children of one element like those of another.
 * @param {Element} old
 * @param {Element} fresh
 * @returns {boolean} whether all of it could be done
 */
export function children(old, fresh) {
  let done = true;
  const wanted = new Set([...fresh.childNodes].map(key).filter(Boolean));
  const named = new Map([...old.childNodes].filter(key).map((node) => [key(node), node]));
  let place = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    // What is gone for good makes room, so that those after it stay in their places.
    while (place && key(place) && !wanted.has(key(place))) {
      const gone = place;
      place = place.nextSibling;
      if (isMarked(gone)) done = false;
      else gone.remove();
    }
    const same = key(next) ? named.get(key(next)) : place && !key(place) ? place : null;
    if (same && alike(same, next)) {
      if (same === place) place = place.nextSibling;
      else old.insertBefore(same, place);
      done = become(same, next) && done;
    } else old.insertBefore(document.importNode(next, true), place);
  }
  while (place) {
    const gone = place;
    place = place.nextSibling;
    if (isMarked(gone)) done = false;
    else gone.remove();
  }
  return done;
}

/**
 * HTML of our own server as elements. What is in it is text wherever it was text there.
 * @param {string} html
 * @returns {HTMLElement}
 */
export function parsed(html) {
  return new DOMParser().parseFromString(html, "text/html").body;
}
