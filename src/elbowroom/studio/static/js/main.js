// Router: the hash decides the view, a function that fills a container and returns its destructor.

import { compareView } from "./compare.js";
import { setChildren, h } from "./dom.js";
import { exploreView } from "./explore.js";
import { runsView, trashView } from "./runs.js";
import { trainView } from "./train.js";
import { watchView } from "./watch.js";

const ROUTES = [
  [/^#\/new(?:\/(.+))?$/, trainView, "new"],
  [/^#\/trash$/, trashView, "trash"],
  [/^#\/compare\/(.+)$/, compareView, "runs"],
  [/^#\/explore\/(.+)$/, exploreView, "runs"],
  [/^#\/run\/(.+)$/, watchView, "runs"],
  [/^.*$/, runsView, "runs"],
];

const page = document.getElementById("view");
let destroyView = () => {};
let navigation = 0;

async function showView() {
  const thisNavigation = ++navigation;
  destroyView();
  destroyView = () => {};
  const address = location.hash || "#/";
  const [pattern, view, nav] = ROUTES.find(([known]) => known.test(address));
  for (const link of document.querySelectorAll("[data-nav]"))
    link.toggleAttribute("aria-current", link.dataset.nav === nav);
  const container = h("div.room");
  setChildren(page, container);
  scrollTo(0, 0);
  document.title = "elbowroom studio";
  try {
    const ids = (address.match(pattern)?.[1] ?? "").split(",").filter(Boolean).map(decodeURIComponent);
    const destroy = await view(container, ids);
    // Another view may have been opened while this one loaded.
    if (thisNavigation === navigation) destroyView = destroy ?? destroyView;
    else destroy?.();
  } catch (error) {
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
  }
}

addEventListener("hashchange", showView);
showView();
