// Router: the hash of the address decides the view. Every module in views/ registers the view that it is.

import { h } from "/static/kit.js";
import { setChildren } from "./dom.js";

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
let destroyView = () => {};
let navigation = 0;

/** @param {View} view */
export const registerView = (view) => views.set(view.name, view);

/** The address of a view of these runs. */
export const viewHash = (name, ...ids) => `#/${name}${ids.length ? "/" : ""}${ids.map(encodeURIComponent).join(",")}`;

const inOrder = (one, other) => (one.order ?? 50) - (other.order ?? 50);

/** The tabs of the views that can show a run. */
export function createViewTabs(run, current) {
  const shown = [...views.values()].filter((view) => view.tab && (view.suits?.(run) ?? true)).sort(inOrder);
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
  destroyView();
  destroyView = () => {};
  const [, name = "", ids = ""] = location.hash.split("/");
  const view = views.get(name) ?? views.get("");
  drawLinks(view);
  const container = h("div.room");
  setChildren(page, container);
  scrollTo(0, 0);
  setTitle();
  try {
    const destroy = await view.open(container, ids.split(",").filter(Boolean).map(decodeURIComponent));
    // Another view may have been opened while this one loaded.
    if (thisNavigation === navigation) destroyView = destroy ?? destroyView;
    else destroy?.();
  } catch (error) {
    showError(container, error);
  }
  // The first view leaves the focus where the browser puts it.
  if (thisNavigation === navigation && navigation > 1) page.focus({ preventScroll: true });
}

const showError = (container, error) =>
  setChildren(
    container,
    h(
      "section.empty",
      {},
      h("h1", {}, "This cannot be shown"),
      h("p", {}, error.message),
      h("p", {}, h("a", { href: "#/" }, "All runs")),
    ),
  );

/** Name the document after what is shown. */
export function setTitle(...parts) {
  document.title = [...parts, "elbowroom studio"].join(" · ");
}

/** Say in the bar whether the server answers. */
export function showConnection(isConnected) {
  status.textContent = isConnected ? "" : "no connection, trying again";
  status.classList.toggle("lost", !isConnected);
  document.body.classList.toggle("offline", !isConnected);
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  page.focus();
});
addEventListener("hashchange", showView);
// By then the modules of all views have run.
addEventListener("DOMContentLoaded", showView);
