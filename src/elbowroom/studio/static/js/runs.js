// Runs view: all runs of the folder, live ones first; and the trash.

import { sparkline } from "./charts.js";
import { formatAge, openDialog, formatDuration, setChildren, h, formatNumber, toast, withErrors } from "./dom.js";
import { getJson, live, postJson } from "./api.js";

const SORT_ORDERS = {
  newest: ["newest", (a, b) => Date.parse(b.started || 0) - Date.parse(a.started || 0)],
  best: ["best bound", (a, b) => (b.best?.elbo ?? -Infinity) - (a.best?.elbo ?? -Infinity)],
  name: ["name", (a, b) => a.name.localeCompare(b.name, "en", { numeric: true })],
  longest: ["longest", (a, b) => (b.seconds ?? 0) - (a.seconds ?? 0)],
};
/** Rows that are drawn at first; more on demand, so that a thousand runs open as fast as ten. */
const INITIAL_ROWS = 60;
/** Selection, order and search, kept while other views are open. */
const viewState = { chosen: new Set(), order: "newest", sought: "" };

export const viewHash = (view, ...ids) => `#/${view}/${ids.map(encodeURIComponent).join(",")}`;

/** The state of a run as a colored word. */
export const stateBadge = (run) =>
  h(
    `span.state.${run.live ? "live" : run.state === "finished" ? "done" : run.state === "damaged" ? "bad" : "rests"}`,
    {},
    run.live ? "training" : run.state,
  );

/** The list of all runs. */
export async function runsView(container) {
  const runsById = new Map();
  const { chosen: selected } = viewState;
  let { order, sought: query } = viewState;
  let maxRows = INITIAL_ROWS;

  const count = h("p.lead");
  const list = h("ol.runs", { "aria-label": "runs" });
  const search = h("input", {
    type: "search",
    placeholder: "Search name, recipe, data, note",
    "aria-label": "search runs",
    value: query,
    oninput: () => {
      viewState.sought = query = search.value.toLowerCase();
      updateList();
    },
  });
  const sorting = h(
    "select",
    {
      "aria-label": "order",
      onchange: () => {
        viewState.order = order = sorting.value;
        updateList();
      },
    },
    Object.entries(SORT_ORDERS).map(([key, [words]]) => h("option", { value: key, selected: key === order }, words)),
  );
  const compareButton = h(
    "button.main",
    {
      disabled: true,
      onclick: () => {
        location.hash = viewHash("compare", ...selected);
      },
    },
    "Compare",
  );
  const shown = h("a.button", { href: "#/new" }, "Train a model");
  setChildren(
    container,
    h(
      "header.head",
      {},
      h("div", {}, h("h1", {}, "Runs"), count),
      h("div.tools", {}, search, h("label.sort", {}, "by ", sorting), compareButton, shown),
    ),
    list,
  );

  const rows = new Map();
  const matches = (run) =>
    !query ||
    [run.name, run.run, run.recipe, run.data, run.note, run.state].some((text) =>
      String(text ?? "")
        .toLowerCase()
        .includes(query),
    );
  const sortedRuns = () =>
    [...runsById.values()]
      .filter(matches)
      .sort((a, b) => Number(b.live) - Number(a.live) || SORT_ORDERS[order][1](a, b) || a.name.localeCompare(b.name));

  function setSelected(id, on) {
    if (on) selected.add(id);
    else selected.delete(id);
    compareButton.disabled = selected.size < 2;
    compareButton.textContent = selected.size ? `Compare ${selected.size}` : "Compare";
  }

  function updateList() {
    const all = sortedRuns();
    const training = [...runsById.values()].filter((run) => run.live).length;
    count.textContent = runsById.size
      ? `${runsById.size} ${runsById.size === 1 ? "run" : "runs"}${training ? `, ${training} training now` : ""}${query ? `, ${all.length} found` : ""}`
      : "";
    if (!runsById.size)
      return void setChildren(
        list,
        h(
          "li.empty",
          {},
          h("h2", {}, "No runs here yet"),
          h(
            "p",
            {},
            "Train one from this page, or with ",
            h("code", {}, "elbowroom train vae --data digits"),
            ": it appears here as soon as it starts.",
          ),
        ),
      );
    if (!all.length)
      return void setChildren(
        list,
        h(
          "li.empty",
          {},
          h("h2", {}, "Nothing found"),
          h("p", {}, "No run has these words in its name, recipe, data or note."),
        ),
      );
    const visibleRows = all.slice(0, maxRows).map((run) => rows.get(run.run) ?? createRow(run));
    const more =
      all.length > maxRows
        ? [
            h(
              "li.more",
              {},
              h(
                "button",
                {
                  onclick: () => {
                    maxRows += 200;
                    updateList();
                  },
                },
                `Show ${Math.min(200, all.length - maxRows)} more of ${all.length}`,
              ),
            ),
          ]
        : [];
    // Rows are replaced only if the order has changed, so that focus and pressed buttons are kept.
    const children = [...visibleRows, ...more];
    if (list.children.length !== children.length || children.some((row, i) => list.children[i] !== row))
      list.replaceChildren(...children);
  }

  function createRow(run) {
    const row = createRunRow(run, {
      chosen: selected.has(run.run),
      choose: setSelected,
      removed: (id) => {
        runsById.delete(id);
        rows.delete(id);
        setSelected(id, false);
        updateList();
      },
    });
    rows.set(run.run, row);
    return row;
  }

  const loadRuns = async () => {
    const { folder, runs } = await getJson("/api/runs");
    runsById.clear();
    rows.clear();
    for (const run of runs) runsById.set(run.run, run);
    for (const id of [...selected]) setSelected(id, runsById.has(id));
    document.title = `${folder} · elbowroom studio`;
    updateList();
  };
  await live.ready;
  await loadRuns();

  live.watchRuns([]);
  return live.subscribe((message) => {
    if (message.type === "run") {
      runsById.set(message.run.run, message.run);
      rows.delete(message.run.run);
      updateList();
    } else if (message.type === "gone") {
      runsById.delete(message.run);
      rows.delete(message.run);
      setSelected(message.run, false);
      updateList();
    } else if (message.type === "again") withErrors(loadRuns);
  });
}

/** The progress of a training as a bar and in words. */
export function progressBar(run) {
  const whole = run.epochs ?? null;
  const share = run.steps_total ? run.step / run.steps_total : whole ? run.epoch / whole : null;
  const words = `epoch ${run.epoch ?? 0}${whole ? ` of ${whole}` : ""}`;
  if (!run.live || share === null) return [h("span", {}, words), h("span", {}, formatDuration(run.seconds))];
  return [
    h(
      "span.bar",
      { role: "progressbar", "aria-valuenow": Math.round(100 * share), "aria-label": words },
      h("i", { style: { width: `${100 * Math.min(share, 1)}%` } }),
    ),
    h("span", {}, `${words}, ${formatDuration(run.seconds_left)} left`),
  ];
}

function createRunRow(run, { chosen: isSelected, choose: onSelect, removed: onRemove }) {
  const to = run.state === "damaged" ? null : viewHash("run", run.run);
  const tick = h("input", {
    type: "checkbox",
    checked: isSelected,
    disabled: run.state === "damaged",
    "aria-label": `compare ${run.name}`,
    onchange: () => onSelect(run.run, tick.checked),
  });
  const picture = run.picture ? h("img", { src: run.picture, alt: "", loading: "lazy" }) : h("span.blank");
  const bound = run.best ?? (run.elbo !== null ? { elbo: run.elbo, split: "train" } : null);
  return h(
    "li",
    { className: run.live ? "run live" : "run" },
    h("label.tick", {}, tick),
    h("a.picture", { href: to, tabIndex: -1 }, picture),
    h(
      "div.what",
      {},
      h("h2", {}, to ? h("a", { href: to }, run.name) : run.name, " ", stateBadge(run)),
      h(
        "p",
        {},
        run.problem ?? [
          run.recipe ?? "a model of your own",
          " on ",
          run.data,
          run.started ? `, ${formatAge(run.started)}` : "",
        ],
      ),
      run.note ? h("p.note", {}, run.note) : null,
    ),
    h("div.curve", {}, sparkline(run.spark ?? [])),
    h(
      "div.bound",
      {},
      h("b", {}, bound ? formatNumber(bound.elbo) : "–"),
      h(
        "span",
        {},
        bound ? `nats, ${bound.split === "train" ? "last in training" : `best ${bound.split}`}` : "no bound yet",
      ),
    ),
    h(
      "div.far",
      {},
      progressBar(run),
      run.findings?.length
        ? h(
            "span.warns",
            { title: run.findings.map((f) => f.title).join("\n") },
            `${run.findings.length} ${run.findings.length === 1 ? "finding" : "findings"}`,
          )
        : null,
    ),
    h(
      "button.dots",
      {
        "aria-label": `more for ${run.name}`,
        title: "rename, annotate, delete",
        onclick: () => openRunDialog(run, onRemove),
      },
      "⋯",
    ),
  );
}

/** Dialog to rename, annotate or delete a run. */
export function openRunDialog(run, onRemove = () => {}) {
  const name = h("input", { value: run.name, maxLength: 120, required: true });
  const note = h("textarea", {
    value: run.note ?? "",
    rows: 4,
    maxLength: 4000,
    placeholder: "What was tried, and the result",
  });
  const save = async (event) => {
    event.preventDefault();
    await withErrors(async () => {
      if (name.value !== run.name) await postJson("/api/run/rename", { run: run.run, name: name.value });
      if (note.value !== (run.note ?? "")) await postJson("/api/run/note", { run: run.run, note: note.value });
      Object.assign(run, { name: name.value, note: note.value });
      box.close();
    });
  };
  const deleteRun = async () => {
    await withErrors(async () => {
      await postJson("/api/run/delete", { run: run.run });
      toast(`${run.name} is in the trash`);
      box.close();
      onRemove(run.run);
    });
  };
  const box = openDialog(
    "About this run",
    h(
      "form.about",
      { onsubmit: save },
      h("label", {}, "Name in the studio", name),
      h("label", {}, "Note", note),
      h("p.fine", {}, `Its directory stays ${run.run}.`),
      h(
        "footer",
        {},
        h(
          "button.danger",
          { type: "button", disabled: run.live, title: run.live ? "stop it first" : "", onclick: deleteRun },
          "Move to the trash",
        ),
        h("button.main", {}, "Save"),
      ),
    ),
  );
}

/** The trash: deleted runs, which can be restored. */
export async function trashView(container) {
  const { trash: items } = await getJson("/api/trash");
  const restoreItem = async (item) => {
    await withErrors(async () => {
      await postJson("/api/trash/restore", { item });
      toast("The run is restored");
      await trashView(container);
    });
  };
  const rows = items.map((item) => {
    return h(
      "li.run.away",
      {},
      h(
        "div.what",
        {},
        h("h2", {}, item.run),
        h("p", {}, `deleted ${item.deleted.replace(/(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d).*/, "$1-$2-$3 at $4:$5")}`),
      ),
      h("button", { onclick: () => restoreItem(item.item) }, "Restore"),
    );
  });
  setChildren(
    container,
    h(
      "header.head",
      {},
      h(
        "div",
        {},
        h("h1", {}, "Trash"),
        h(
          "p.lead",
          {},
          items.length
            ? "Kept in the folder .trash beside your runs, until you remove them there."
            : "Nothing was deleted.",
        ),
      ),
    ),
    h("ol.runs", {}, rows),
  );
}
