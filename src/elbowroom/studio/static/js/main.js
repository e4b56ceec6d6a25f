// The address decides the view; a view is a function that fills the page and returns how to leave it.

import { compare } from "./compare.js";
import { fill, h } from "./dom.js";
import { explore } from "./explore.js";
import { runs, trash } from "./runs.js";
import { form } from "./train.js";
import { watch } from "./watch.js";

const VIEWS = [
  [/^#\/new(?:\/(.+))?$/, form, "new"],
  [/^#\/trash$/, trash, "trash"],
  [/^#\/compare\/(.+)$/, compare, "runs"],
  [/^#\/explore\/(.+)$/, explore, "runs"],
  [/^#\/run\/(.+)$/, watch, "runs"],
  [/^.*$/, runs, "runs"],
];

const page = document.getElementById("view");
let leave = () => {};
let turn = 0;

async function show() {
  const mine = ++turn;
  leave();
  leave = () => {};
  const address = location.hash || "#/";
  const [pattern, view, nav] = VIEWS.find(([known]) => known.test(address));
  for (const link of document.querySelectorAll("[data-nav]")) link.toggleAttribute("aria-current", link.dataset.nav === nav);
  const room = h("div.room");
  fill(page, room);
  scrollTo(0, 0);
  document.title = "elbowroom studio";
  try {
    const given = (address.match(pattern)?.[1] ?? "").split(",").filter(Boolean).map(decodeURIComponent);
    const left = await view(room, given);
    // Somebody may have gone elsewhere while it loaded.
    if (mine === turn) leave = left ?? leave;
    else left?.();
  } catch (error) {
    fill(room, h("section.empty", {}, h("h1", {}, "This cannot be shown"), h("p", {}, error.message), h("p", {}, h("a", { href: "#/" }, "All runs"))));
  }
}

addEventListener("hashchange", show);
show();
