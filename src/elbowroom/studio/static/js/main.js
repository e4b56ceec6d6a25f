// Router: the hash of the address decides the view. Every module in views/ registers the view that it is.

import { h, setUpPage } from "/static/kit.js";
import { ResponseError } from "./response_error.js";
import { parseAddress, viewHash } from "./address.js";
import { capitalize, copyText, setChildren } from "./dom.js";

export { viewHash };

/**
 * A view, shown at `#/NAME/ID,ID`.
 * @typedef {object} View
 * @property {string} name the first part of its address
 * @property {(container: HTMLElement, ids: string[]) => any} open fills the container; returns its destructor, if any
 * @property {string} [link] its name in the top bar; a view without one is reached from other views
 * @property {string} [tab] its name among the views of one run
 * @property {(run: any) => boolean} [suits] whether it can show a run
 * @property {number} [order] its place among links and tabs, 50 if not given
 */

/** @type {Map<string, View>} */
const views = new Map();
const page = document.getElementById("view");
const status = document.getElementById("link");
const announcer = document.getElementById("announcer");
let destroyView = () => {};
let navigation = 0;
/** @type {?View} */
let openView = null;
/** Whether the view could not be opened for want of a server. */
let isUnreached = false;

/** @param {View} view */
export const registerView = (view) => views.set(view.name, view);

/** @param {string} name @returns {View} */
const noView = (name) => ({
  name,
  open: () => Promise.reject(new ResponseError(`There is no view '${name}' here.`, 404)),
});

const inOrder = (one, other) => (one.order ?? 50) - (other.order ?? 50);

/** The tabs of the views that can show a run. */
export function createViewTabs(run, current) {
  const shown = [...views.values()].filter((view) => view.tab && (view.suits?.(run) ?? true)).sort(inOrder);
  /** @param {View} view */
  const tab = ({ name, tab }) =>
    h("a", { href: viewHash(name, run.run), "aria-current": name === current ? "page" : null }, tab);
  return h("nav.tabs", { "aria-label": "views of this run" }, shown.map(tab));
}

function drawLinks(current) {
  const linked = [...views.values()].filter((view) => view.link).sort(inOrder);
  // A view that the bar does not name belongs to the runs.
  const marked = linked.includes(current) ? current : linked[0];
  const links = linked.map((view) =>
    h("a", { href: viewHash(view.name), "aria-current": view === marked ? "page" : null }, view.link),
  );
  setChildren(document.querySelector("header nav"), links, h("a", { href: "/api" }, "API"));
}

async function showView() {
  const thisNavigation = ++navigation;
  const isCurrent = () => thisNavigation === navigation;
  destroyView();
  destroyView = () => {};
  isUnreached = false;
  const { name, ids } = parseAddress(location.hash);
  openView = views.get(name) ?? noView(name);
  drawLinks(openView);
  const container = h("div.room");
  setChildren(page, container);
  scrollTo(0, 0);
  setTitle();
  // What was focused is gone; the first view leaves the focus where the browser puts it.
  if (thisNavigation > 1) page.focus({ preventScroll: true });
  try {
    const destroy = await openView.open(container, ids);
    // Another view may have been opened while this one loaded.
    if (isCurrent()) destroyView = destroy ?? destroyView;
    else destroy?.();
  } catch (error) {
    showError(container, /** @type {Error} */ (error));
    if (isCurrent()) isUnreached = !(error instanceof ResponseError);
  }
  if (isCurrent()) arrive(thisNavigation > 1);
}

/**
 * Put the scroll position back, say what is shown, and move the focus to its heading unless it is in use already.
 *
 * @param {boolean} isMoved whether another view was shown before
 */
function arrive(isMoved) {
  scrollTo(0, history.state?.scroll ?? 0);
  if (!isMoved) return;
  announcer.textContent = document.title.split(" · ").slice(0, -1).join(", ");
  const heading = page.querySelector("h1");
  if (!heading || (document.activeElement !== page && document.activeElement !== document.body)) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

/** @param {HTMLElement} container @param {Error} error */
function showError(container, error) {
  const heading = error instanceof ResponseError && error.status === 404 ? "Not found" : "This cannot be shown";
  setTitle(heading);
  setChildren(
    container,
    h(
      "section.empty",
      {},
      h("h1", {}, heading),
      h("p", {}, `${capitalize(error.message)}${/[.?!]$/.test(error.message) ? "" : "."}`),
      h("p", {}, h("a", { href: "#/" }, "All runs")),
    ),
  );
}

/** Name the document after what is shown, and the view that shows it. */
export function setTitle(...parts) {
  const view = openView?.tab ?? openView?.link;
  const names = view && !parts.includes(view) ? [...parts, view] : parts;
  document.title = [...names, "elbowroom studio"].join(" · ");
}

/** Say in the bar whether the server answers. */
export function showConnection(isConnected) {
  status.textContent = isConnected ? "" : "no connection, trying again";
  status.classList.toggle("lost", !isConnected);
  document.body.classList.toggle("offline", !isConnected);
  if (isConnected && isUnreached) showView();
}

/** Keep the scroll position in the history: views are drawn after the browser would put it back. */
function keepScroll() {
  history.scrollRestoration = "manual";
  const keep = () => history.replaceState({ ...history.state, scroll: scrollY }, "");
  addEventListener("scrollend", keep);
  addEventListener("click", keep, true);
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  page.focus();
});
document.getElementById("copy-link").addEventListener("click", () => copyText(location.href, "The link is copied"));
setUpPage();
keepScroll();
addEventListener("hashchange", showView);
// By then the modules of all views have run.
addEventListener("DOMContentLoaded", showView);
