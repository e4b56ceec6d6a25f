// Trash view: deleted runs, which can be restored.

import { h } from "/static/kit.js";
import { getJson, postJson } from "../api.js";
import { button, setChildren, toast, withErrors } from "../dom.js";
import { registerView, setTitle } from "../main.js";

registerView({ name: "trash", link: "Trash", order: 30, open: openTrash });

/** The time in the name of an item, such as 20260131-093000. */
const formatDeletion = (text) => text.replace(/(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d).*/, "$1-$2-$3 at $4:$5");

async function openTrash(container) {
  const { trash } = await getJson("/api/trash");
  setTitle("Trash");
  const restore = async (item) => {
    await postJson("/api/trash/restore", { item });
    toast("The run is restored");
    await openTrash(container);
  };
  const row = ({ item, run, deleted }) =>
    h(
      "li.run.away",
      {},
      h("div.what", {}, h("h2", {}, run), h("p", {}, `deleted ${formatDeletion(deleted)}`)),
      button("Restore", () => withErrors(() => restore(item))),
    );
  const where = "Kept in the folder .trash beside your runs, until you remove them there.";
  const lead = h("p.lead", {}, trash.length ? where : "Nothing was deleted.");
  setChildren(
    container,
    h("header.head", {}, h("div", {}, h("h1", {}, "Trash"), lead)),
    h("ol.runs", {}, trash.map(row)),
  );
}
