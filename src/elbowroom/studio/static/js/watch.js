// Watch view: one run, updated while it trains.

import { barChart, createChart, axisPositions, termNames, TERM_UNITS, TERM_LABELS } from "./charts.js";
import { dimensionName, formatDuration, setChildren, h, formatNumber, debounce, withErrors } from "./dom.js";
import { openRunDialog, viewHash, progressBar, stateBadge } from "./runs.js";
import { getJson, live, postJson } from "./api.js";

const SPLITS = ["train", "validation", "test"];
/** Points of a split in memory, before a thinned curve is loaded. */
const MAX_POINTS = 4000;

/** The header of a run, the same in every view. */
export function createRunHeader(run, here) {
  const tab = (view, words) =>
    h("a", { href: viewHash(view, run.run), "aria-current": here === view ? "page" : null }, words);
  return h(
    "header.head.one",
    {},
    h(
      "div",
      {},
      h("p.eyebrow", {}, h("a", { href: "#/" }, "Runs"), ` / ${run.run}`),
      h("h1", {}, run.name),
      h("p.lead", {}, [
        run.recipe ?? "a model of your own",
        " on ",
        run.data,
        ` · ${formatNumber(run.parameters, 0)} parameters`,
      ]),
    ),
    h(
      "nav.tabs",
      { "aria-label": "views of this run" },
      tab("run", "Watch"),
      run.recipe ? tab("explore", "Explore") : null,
    ),
  );
}

/** The action a training was asked for, until it has happened: {run, words, live, until}. */
let pendingAction = null;

function createRunControls(run, again) {
  if (
    pendingAction &&
    (pendingAction.run !== run.run || pendingAction.live !== run.live || Date.now() > pendingAction.until)
  )
    pendingAction = null;
  const actionButton = (path, words, pendingLabel) =>
    h(
      "button",
      {
        onclick: async () => {
          pendingAction = { run: run.run, words: pendingLabel, live: run.live, until: Date.now() + 60_000 };
          again();
          if ((await withErrors(() => postJson(path, { run: run.run }))) === undefined) {
            pendingAction = null;
            again();
          }
        },
      },
      words,
    );
  if (pendingAction)
    return h("div.controls", {}, stateBadge(run), h("button", { disabled: true }, pendingAction.words));
  return h(
    "div.controls",
    {},
    stateBadge(run),
    run.live && run.pausable
      ? [actionButton("/api/pause", "Pause", "pausing …"), actionButton("/api/stop", "Stop", "stopping …")]
      : null,
    run.resumable ? actionButton("/api/resume", "Resume", "resuming …") : null,
    h(
      "button",
      {
        onclick: () =>
          openRunDialog(run, () => {
            location.hash = "#/";
          }),
      },
      "Rename, note, delete",
    ),
  );
}

/** The page of one run. */
export async function watchView(container, [id]) {
  await live.ready;
  live.watchRuns([id]);
  const [details, curves] = await Promise.all([getJson("/api/run", { run: id }), getJson("/api/curves", { run: id })]);
  let run = details.summary;
  let splits = curves[id] ?? {};
  let axis = "epoch";
  document.title = `${run.name} · elbowroom studio`;

  const bar = h("div.bar-of-run");
  const note = h("p.noted", { hidden: true });
  const tiles = h("dl.tiles");
  const charts = h("div.charts");
  const findings = h("div.findings");
  const axes = h(
    "div.choice",
    { role: "group", "aria-label": "horizontal axis" },
    ["epoch", "step", "seconds"].map((name) =>
      h(
        "button",
        {
          "aria-pressed": String(name === axis),
          onclick: (event) => {
            axis = name;
            for (const b of axes.children) b.setAttribute("aria-pressed", String(b === event.target));
            updateCharts();
          },
        },
        name,
      ),
    ),
  );
  const epochBrowser = createEpochBrowser(details);
  setChildren(
    container,
    createRunHeader(run, "run"),
    bar,
    note,
    tiles,
    h("section", {}, h("header.line", {}, h("h2", {}, "Terms"), axes), charts),
    epochBrowser.element,
    h("section", {}, h("h2", {}, "The doctor"), findings),
    createRecordSection(details),
  );

  const plots = new Map();
  function updateCharts() {
    const names = termNames(splits);
    for (const name of names) {
      const lines = SPLITS.filter((split) => splits[split]?.[name]?.length).map((split) => ({
        label: split,
        x: axisPositions(splits[split], splits, axis),
        y: splits[split][name],
        color: split,
        width: split === "train" ? 1.4 : 2,
      }));
      if (!lines.length) continue;
      if (!plots.has(name)) {
        const plot = createChart(TERM_LABELS[name] ?? name.replaceAll("_", " "), TERM_UNITS[name] ?? "", lines, {
          axis,
        });
        plots.set(name, plot);
        charts.append(plot.element);
      } else plots.get(name).update(lines, axis);
    }
    if (!names.length) setChildren(charts, h("p.quiet", {}, "The first metrics come after the first hundred steps."));
    else charts.querySelector("p.quiet")?.remove();
  }

  function updateStatus() {
    setChildren(bar, h("div.far", {}, progressBar(run)), createRunControls(run, updateStatus));
    container.querySelector("h1").textContent = run.name;
    document.title = `${run.name} · elbowroom studio`;
    note.hidden = !run.note;
    note.textContent = run.note ?? "";
    const last = (split) => splits[split]?.elbo?.at(-1);
    const tile = (name, value, about) => h("div", {}, h("dt", {}, name), h("dd", {}, value), h("p", {}, about));
    setChildren(
      tiles,
      tile(
        "ELBO, best",
        formatNumber(run.best?.elbo ?? last("validation") ?? last("train")),
        run.best ? `${run.best.split}, epoch ${run.best.epoch}; nats per example` : "nats per example",
      ),
      tile("Now", formatNumber(last("validation") ?? last("train")), splits.validation ? "validation" : "training"),
      tile("Epoch", formatNumber(run.epoch, 0), run.epochs ? `of ${run.epochs}` : `${formatNumber(run.step, 0)} steps`),
      tile(
        run.live ? "Left" : "Trained",
        run.live ? formatDuration(run.seconds_left) : formatDuration(run.seconds),
        `${formatNumber(run.examples_per_second, 0)} examples per second`,
      ),
    );
  }

  function showFindings(rows) {
    setChildren(
      findings,
      rows.length
        ? rows.map((found) =>
            h(
              `article.finding.${found.severity}`,
              {},
              h("h3", {}, found.title, h("span", {}, `${found.severity}, epoch ${found.epoch}`)),
              h("p", {}, `${found.evidence}. ${found.consequence}.`),
              h("p", {}, h("b", {}, `${found.advice}.`)),
            ),
          )
        : h(
            "p.quiet",
            {},
            run.live ? "No findings so far; the doctor looks after every validation." : "The doctor found nothing.",
          ),
    );
  }

  const reloadRun = async () => {
    const [details, curves] = await Promise.all([
      getJson("/api/run", { run: id }),
      getJson("/api/curves", { run: id }),
    ]);
    run = details.summary;
    splits = curves[id] ?? {};
    epochBrowser.reset(details);
    found = details.findings;
    updateStatus();
    updateCharts();
    showFindings(found);
  };
  let found = details.findings;
  updateStatus();
  updateCharts();
  showFindings(found);

  const updateChartsSoon = debounce(updateCharts, 60);
  const unsubscribe = live.subscribe((message) => {
    if (message.type === "again" || (message.type === "reset" && message.run === id)) return void withErrors(reloadRun);
    if (message.type === "gone" && message.run === id)
      return void setChildren(bar, h("p.wrong", {}, "This run's directory is gone."));
    if (message.type === "run" && message.run.run === id) {
      run = message.run;
      return updateStatus();
    }
    if (message.run !== id) return;
    if (message.type === "picture") epochBrowser.addImage(message);
    if (message.type !== "rows") return;
    for (const row of message.rows) {
      if (row.event === "look") epochBrowser.addSnapshot(row);
      else if (row.event === "finding") showFindings((found = [...found, row]));
      else if (row.split) appendRow(splits, row);
    }
    if (Object.values(splits).some((split) => split.step.length > MAX_POINTS)) withErrors(reloadRun);
    else updateChartsSoon();
  });
  return () => {
    unsubscribe();
    live.watchRuns([]);
    for (const plot of plots.values()) plot.destroy();
  };
}

function appendRow(splits, row) {
  const split = (splits[row.split] ??= { step: [], epoch: [], seconds: [] });
  const before = split.step.length;
  for (const [name, value] of Object.entries(row)) {
    if (typeof value !== "number") continue;
    (split[name] ??= new Array(before).fill(null)).push(value);
  }
  for (const curve of Object.values(split)) if (curve.length === before) curve.push(null);
}

/** Reconstructions, samples and the KL of every dimension, with a slider through the epochs. */
function createEpochBrowser(details) {
  const slider = h("input", {
    type: "range",
    min: 0,
    value: 0,
    "aria-label": "epoch",
    oninput: () => {
      isHeld = Number(slider.value) < Number(slider.max);
      showEpoch();
    },
  });
  const where = h("output");
  const newest = h(
    "button.quiet",
    {
      onclick: () => {
        isHeld = false;
        slider.value = slider.max;
        showEpoch();
      },
    },
    "newest",
  );
  const dims = h("div.kl");
  const left = h("div", {}, dims);
  const kinds = h("div.film", {}, left);
  const element = h(
    "section",
    {},
    h("header.line", {}, h("h2", {}, "Through the epochs"), h("div.through", {}, slider, where, newest)),
    kinds,
  );
  let images,
    snapshots,
    epochs,
    isHeld = false;

  function updateEpochs() {
    epochs = [
      ...new Set([
        ...Object.entries(images)
          .filter(([kind]) => kind !== "other")
          .flatMap(([, all]) => all.map((p) => p.epoch)),
        ...snapshots.map((snapshot) => snapshot.epoch),
      ]),
    ].sort((a, b) => a - b);
    slider.max = Math.max(epochs.length - 1, 0);
    if (!isHeld) slider.value = slider.max;
    element.hidden = !epochs.length;
  }
  const latestUntil = (rows, epoch) => rows.findLast((row) => row.epoch <= epoch) ?? rows[0];

  function showEpoch() {
    const epoch = epochs[Number(slider.value)];
    if (epoch === undefined) return;
    where.textContent = `epoch ${epoch}`;
    newest.hidden = !isHeld;
    for (const kind of ["reconstructions", "samples"]) {
      const picture = images[kind]?.length ? latestUntil(images[kind], epoch) : null;
      let frame = kinds.querySelector(`[data-kind=${kind}]`);
      if (!picture) {
        frame?.remove();
        continue;
      }
      if (!frame) {
        frame = h(
          "figure",
          { "data-kind": kind },
          h(
            "figcaption",
            {},
            kind === "samples"
              ? "Samples, from the same latents at every epoch"
              : "Held-out examples and their reconstructions",
          ),
          h("img", { alt: "" }),
        );
        if (kind === "samples") kinds.append(frame);
        else left.prepend(frame);
      }
      const image = frame.querySelector("img");
      if (image.getAttribute("src") !== picture.url)
        Object.assign(image, { src: picture.url, alt: `${kind} after epoch ${picture.epoch}` });
    }
    const snapshot = snapshots.length ? latestUntil(snapshots, epoch) : null;
    // A row of the metrics has one list per latent.
    const kl = snapshot ? (snapshot.kl ?? snapshot.nats ?? []).flat(Infinity) : [];
    if (kl.length) {
      const active = kl.filter((value) => value > 0.1).length;
      setChildren(
        dims,
        h(
          "figure",
          {},
          h(
            "figcaption",
            {},
            `KL of each of ${kl.length} dimensions, ${formatNumber(kl.reduce((a, b) => a + b, 0))} nats in all; ${active} above 0.1`,
          ),
          barChart(kl),
          h("p.scale", {}, h("span", {}, dimensionName(0)), h("span", {}, dimensionName(kl.length - 1))),
        ),
      );
    }
  }

  function reset(details) {
    ({ images, looks: snapshots } = details);
    updateEpochs();
    showEpoch();
  }
  reset(details);
  return {
    element,
    reset,
    addImage({ kind, epoch, url }) {
      const row = (images[kind] ??= []);
      if (row.at(-1)?.epoch === epoch) row.pop();
      row.push({ epoch, url });
      updateEpochs();
      showEpoch();
    },
    addSnapshot(row) {
      snapshots.push(row);
      // Every other older snapshot is dropped, so that memory does not grow with the training.
      if (snapshots.length > 400) snapshots = snapshots.filter((_, i) => i % 2 || i > 300);
      updateEpochs();
      showEpoch();
    },
  };
}

function createRecordSection(details) {
  // The main settings come first; settings that are switched off are left out.
  const mainSettings = [
    "recipe",
    "data",
    "latent",
    "likelihood",
    "epochs",
    "steps",
    "batch_size",
    "lr",
    "optimizer",
    "seed",
  ];
  const isOff = (value) => value === null || value === false || value === 0 || (Array.isArray(value) && !value.length);
  const sortRank = ([name]) => (mainSettings.indexOf(name) + mainSettings.length + 1) % (mainSettings.length + 1);
  const shownSettings = Object.entries(details.summary.settings ?? {})
    .filter(([name, value]) => !isOff(value) || (mainSettings.includes(name) && value !== null))
    .sort((a, b) => sortRank(a) - sortRank(b));
  const command = details.record.command;
  return h(
    "section",
    {},
    h("h2", {}, "Settings"),
    command ? h("pre.command", {}, command) : null,
    h(
      "dl.facts",
      {},
      shownSettings.map(([name, value]) => [
        h("dt", {}, name.replaceAll("_", " ")),
        h("dd", {}, typeof value === "object" ? JSON.stringify(value) : String(value)),
      ]),
    ),
    details.report
      ? h("p", {}, h("a.button", { href: details.report, target: "_blank", rel: "noopener" }, "Report"))
      : null,
  );
}
