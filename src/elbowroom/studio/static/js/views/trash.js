// Trash view: deleted runs, which can be restored or deleted for good.

import { formatMetric, formatNumber, h } from "/static/kit.js";
import { getJson, postJson } from "../api.js";
import { button, openDialog, setChildren, toast, withErrors } from "../dom.js";
import { registerView, setTitle } from "../main.js";

registerView({ name: "trash", link: "Trash", order: 30, open: openTrash });

/** The time in the name of an item, such as 20260131-093000. */
const formatDeletion = (text) => text.replace(/(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d).*/, "$1-$2-$3 at $4:$5");

/** A size on disk in words. */
export const formatBytes = (bytes) =>
  bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${formatNumber(bytes / 1e6, 3)} MB`;

async function openTrash(container) {
  setTitle("Trash");
  const { trash } = await getJson("/api/trash");
  const size = trash.reduce((sum, item) => sum + item.bytes, 0);
  const reload = () => openTrash(container);
  const runs = trash.length === 1 ? "1 run" : `${trash.length} runs`;
  const words = trash.length
    ? `${runs}, ${formatBytes(size)}. They stay until you delete them.`
    : "The trash is empty.";
  const empty = trash.length ? button("Empty the trash", () => confirmDeletion(trash, runs, reload)) : null;
  setChildren(
    container,
    h("header.head", {}, h("div", {}, h("h1", {}, "Trash"), h("p.lead", {}, words)), empty),
    trash.length
      ? h(
          "ol.runs",
          { "aria-label": "deleted runs" },
          trash.map((item) => createRow(item, reload)),
        )
      : null,
  );
}

function createRow(item, reload) {
  const src = `/api/trash/picture?${new URLSearchParams({ item: item.item })}`;
  const picture = item.picture ? h("img", { src, alt: "" }) : h("span.blank");
  const made = item.recipe || item.data ? `${item.recipe ?? "a custom model"} on ${item.data}` : "no readable record";
  const best = Number.isFinite(item.best?.elbo) ? `, best ${item.best.split} ELBO ${formatMetric(item.best.elbo)}` : "";
  const facts = `${made}, epoch ${item.epoch ?? 0}${best}`;
  const restore = async () => {
    const { run } = await postJson("/api/trash/restore", { item: item.item });
    toast(`${run} is restored`);
    await reload();
  };
  return h(
    "li.run.away",
    {},
    h("div.picture", {}, picture),
    h(
      "div.what",
      {},
      h("h2", {}, item.name),
      h("p", {}, facts),
      item.note ? h("p.note", {}, item.note) : null,
      h("p", {}, `deleted ${formatDeletion(item.deleted)}, ${formatBytes(item.bytes)}`),
    ),
    h(
      "div.row",
      {},
      button("Restore", () => withErrors(restore), { "aria-label": `restore ${item.name}` }),
      createDeleteButton(item, reload),
    ),
  );
}

function createDeleteButton(item, reload) {
  const ask = () => confirmDeletion([item], item.name, reload);
  const remove = button("Delete for good", ask, { "aria-label": `delete ${item.name} for good` });
  remove.classList.add("danger");
  return remove;
}

/** Ask before runs are deleted for good. */
function confirmDeletion(items, words, reload) {
  const remove = async () => {
    box.close();
    for (const { item } of items) await postJson("/api/trash/delete", { item });
    const size = items.reduce((sum, item) => sum + item.bytes, 0);
    toast(`Deleted, ${formatBytes(size)} are free`);
    await reload();
  };
  const accept = button("Delete for good", () => withErrors(remove));
  accept.classList.add("danger");
  const box = openDialog(
    `Delete ${words} for good?`,
    h("p", {}, "The files are removed from the disk. This cannot be undone."),
    h(
      "footer",
      {},
      button("Keep", () => box.close()),
      accept,
    ),
  );
}
