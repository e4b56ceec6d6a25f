// Explore view: the latent map, the decoded image at a point of it, and the panels below.

import { dimensionName, downloadBlob, setChildren, h, formatNumber, debounce, withErrors } from "./dom.js";
import { CLASS_COLORS, LatentMap } from "./latent_map.js";
import { postForBlob, DecodeSocket, getJson, live, paintImage, postJson } from "./api.js";
import { PANELS } from "./panels.js";
import { showSnippets } from "./export_menu.js";
import { createRunHeader } from "./watch.js";

const INITIAL_SLIDERS = 8;

export async function exploreView(container, [id]) {
  const [details, model] = await Promise.all([getJson("/api/run", { run: id }), getJson("/api/model", { run: id })]);
  document.title = `${details.summary.name} · elbowroom studio`;
  const latent = new LatentState(id, model);
  const decodePanel = createDecodePanel(latent);
  const mapPanel = createMapPanel(latent);
  const toolTabs = createToolTabs(latent);
  setChildren(
    container,
    createRunHeader(details.summary, "explore"),
    model.why ? h("p.quiet", {}, model.why) : null,
    h("div.bench", {}, mapPanel.element, decodePanel.element),
    toolTabs,
  );
  const decodeSocket = new DecodeSocket(id, decodePanel.showImage, (words) => decodePanel.showError(words));
  latent.subscribe(() => decodeSocket.request([...latent.z], latent.c));
  latent.set(model.centre ?? new Array(model.latent).fill(0));
  live.watchRuns([id]);
  const version = model.version;
  const unsubscribe = live.subscribe(
    debounce(async (message) => {
      if (message.type !== "run" || message.run.run !== id) return;
      const current = await withErrors(() => getJson("/api/model", { run: id }));
      if (current && current.version !== version) decodePanel.showNewWeights();
    }, 1500),
  );
  return () => {
    unsubscribe();
    live.watchRuns([]);
    decodeSocket.close();
    mapPanel.destroy();
  };
}

/** The current latent and condition, with listeners. */
class LatentState {
  z = [];
  c = null;
  #listeners = [];

  constructor(run, model) {
    this.run = run;
    this.model = model;
    if (model.conditional?.kind === "classes") this.c = 0;
    if (model.conditional?.kind === "attributes") this.c = new Array(model.conditional.size).fill(0);
  }

  /** Set the latent; `example` is the example of the data it belongs to, if any, `c` the condition. */
  set(z, example = null, c = this.c) {
    this.z = Array.from(z);
    this.example = example;
    this.c = c;
    this.notify();
  }
  /** Call a listener only when the condition has changed. */
  subscribeCondition(listener) {
    let last = JSON.stringify(this.c);
    this.subscribe(() => {
      const now = JSON.stringify(this.c);
      if (now !== last) {
        last = now;
        listener(this);
      }
    });
  }
  notify() {
    for (const listener of this.#listeners) listener(this);
  }
  subscribe(listener) {
    this.#listeners.push(listener);
  }
  /** The fields that all requests to the server begin with. */
  get requestFields() {
    return { run: this.run, ...(this.c === null ? {} : { c: this.c }) };
  }
}

function createMapPanel(latent) {
  const { run, model } = latent;
  const [firstDimension, secondDimension] = [...(model.active ?? []), 0, 1]
    .filter((d, i, all) => all.indexOf(d) === i)
    .slice(0, 2)
    .sort((a, b) => a - b);
  const views = [
    ...(model.latent > 1
      ? [[`dims:${firstDimension},${secondDimension}`, model.latent === 2 ? "both dimensions" : "two dimensions"]]
      : []),
    ...(model.latent > 2
      ? [
          ["pca", "principal axes"],
          ["tsne", "t-SNE"],
        ]
      : []),
  ];
  const caption = h("p.axes");
  const strip = h("div.lassoed", { hidden: true });
  const legend = h("div.classes", { role: "group", "aria-label": "classes" });
  const card = h("div.card", { hidden: true });
  const busy = h("p.busy", {}, "encoding the data …");
  let mapData = null;
  let latents = null;

  const latentOf = (i) => latents.slice(i * mapData.dims, (i + 1) * mapData.dims);
  const dot = (a, b) => a.reduce((sum, value, k) => sum + value * b[k], 0);
  /** The position of a latent on the map; where the view is not linear, that of the nearest example. */
  const projectLatent = (z) =>
    !mapData
      ? null
      : mapData.map
        ? [
            dot(
              z.map((v, k) => v - mapData.map.centre[k]),
              mapData.map.x,
            ),
            dot(
              z.map((v, k) => v - mapData.map.centre[k]),
              mapData.map.y,
            ),
          ]
        : mapData.points[nearestIndex(z)];
  const nearestIndex = (z) => {
    let [best, least] = [0, Infinity];
    mapData.points.forEach((_, i) => {
      let distance = 0;
      for (let k = 0; k < mapData.dims && distance < least; k++)
        distance += (latents[i * mapData.dims + k] - z[k]) ** 2;
      if (distance < least) [best, least] = [i, distance];
    });
    return best;
  };
  const updatePins = () => {
    map.pins = Object.fromEntries(
      Object.entries(latent.pins ?? {})
        .map(([name, pin]) => [name, projectLatent(pin.z)])
        .filter(([, p]) => p),
    );
  };

  const map = new LatentMap({
    onMove(x, y) {
      if (!mapData) return;
      map.marker = [x, y];
      if (mapData.map) {
        const [px, py] = projectLatent(latent.z);
        latent.set(latent.z.map((value, k) => value + (x - px) * mapData.map.x[k] + (y - py) * mapData.map.y[k]));
      } else latent.set(interpolateNearest(x, y));
    },
    onPick(i) {
      map.marker = mapData.points[i];
      // A conditional model reproduces an example only under the example's own class.
      const own = model.conditional?.kind === "classes" && mapData.labels ? mapData.labels[i] : latent.c;
      latent.set(latentOf(i), { index: mapData.index[i], split: mapData.split }, own);
    },
    onLasso: (chosen) => showLasso(chosen),
    onHover: (i, at) => showHoverCard(i, at),
    onViewChange: () => drawBackdrop(),
  });

  let backdropTurn = 0;
  /** Decode a grid of positions under the points, with the other dimensions as they are. */
  const drawBackdrop = debounce(async () => {
    if (backdropToggle.getAttribute("aria-pressed") !== "true" || !mapData?.map) {
      map.backdrop = null;
      return map.draw();
    }
    const { left, right, low, high } = map.visibleRange;
    const [columns, rows] = [map.canvas.clientWidth, map.canvas.clientHeight].map((size) =>
      Math.max(3, Math.round(size / 46)),
    );
    const [px, py] = projectLatent(latent.z);
    const latents = [];
    for (let r = 0; r < rows; r++)
      for (let k = 0; k < columns; k++) {
        const [x, y] = [left + ((k + 0.5) / columns) * (right - left), high - ((r + 0.5) / rows) * (high - low)];
        latents.push(latent.z.map((value, i) => value + (x - px) * mapData.map.x[i] + (y - py) * mapData.map.y[i]));
      }
    const [request, view] = [++backdropTurn, mapTurn];
    const image = await withErrors(async () =>
      createImageBitmap(
        await postForBlob("/api/decode", { ...latent.requestFields, z: latents, columns, format: "png" }),
      ),
    );
    if (!image || request !== backdropTurn || view !== mapTurn) return;
    map.backdrop = { image: image, left, right, low, high };
    map.draw();
  }, 220);

  /** Where the view is not linear: the mean latent of the nearest examples, weighted by inverse distance. */
  function interpolateNearest(x, y) {
    const near = mapData.points
      .map(([px, py], i) => [(px - x) ** 2 + (py - y) ** 2, i])
      .sort((a, b) => a[0] - b[0])
      .slice(0, 4);
    const weights = near.map(([distance]) => 1 / (distance + 1e-6 * map.visibleWidth ** 2));
    const sum = weights.reduce((a, b) => a + b);
    const z = new Array(mapData.dims).fill(0);
    near.forEach(([, i], n) =>
      latentOf(i).forEach((value, k) => {
        z[k] += (weights[n] / sum) * value;
      }),
    );
    return z;
  }

  const showHoverCard = debounce((i, at) => {
    if (i === null || i === undefined || !mapData) return void (card.hidden = true);
    const name = mapData.labels ? (mapData.names?.[mapData.labels[i]] ?? mapData.labels[i]) : "";
    setChildren(
      card,
      model.picture
        ? h("img", {
            src: `/api/examples?${new URLSearchParams({ run, split: mapData.split, index: mapData.index[i], size: 72 })}`,
            alt: "",
          })
        : null,
      h("p", {}, `${mapData.split} ${mapData.index[i]} `, h("b", {}, name)),
    );
    const right = at[0] > map.canvas.clientWidth - 130;
    Object.assign(card.style, {
      left: `${at[0] + (right ? -112 : 14)}px`,
      top: `${Math.min(at[1] + 12, map.canvas.clientHeight - 120)}px`,
    });
    card.hidden = false;
  }, 40);

  function showLasso(chosen) {
    strip.hidden = !chosen.length;
    if (!chosen.length) return;
    const shown = chosen.slice(0, 40);
    const counts = {};
    if (mapData.labels)
      for (const i of chosen)
        counts[mapData.names?.[mapData.labels[i]] ?? mapData.labels[i]] =
          (counts[mapData.names?.[mapData.labels[i]] ?? mapData.labels[i]] ?? 0) + 1;
    const classes = Object.entries(counts)
      .sort((a, b) => b[1] - a[1])
      .slice(0, 5)
      .map(([name, n]) => `${name} ${n}`)
      .join(" · ");
    const middle = () => {
      const z = new Array(mapData.dims).fill(0);
      for (const i of chosen)
        latentOf(i).forEach((value, k) => {
          z[k] += value / chosen.length;
        });
      latent.set(z);
    };
    setChildren(
      strip,
      h(
        "p",
        {},
        h("b", {}, `${chosen.length} examples`),
        classes ? `: ${classes}` : "",
        chosen.length > 40 ? ", 40 of them:" : "",
      ),
      model.picture
        ? h(
            "div.strip",
            { role: "img", "aria-label": "examples within the line" },
            [0, 8, 16, 24, 32]
              .filter((from) => from < shown.length)
              .map((from) =>
                h("img", {
                  src: `/api/examples?${new URLSearchParams({
                    run,
                    split: mapData.split,
                    index: shown
                      .slice(from, from + 8)
                      .map((i) => mapData.index[i])
                      .join(","),
                    size: 40,
                  })}`,
                  alt: "",
                }),
              ),
          )
        : null,
      h(
        "p.row",
        {},
        h("button", { onclick: middle }, "Decode their mean latent"),
        h(
          "button.quiet",
          {
            onclick: () => {
              map.selected = new Set();
              map.draw();
              strip.hidden = true;
            },
          },
          "Clear selection",
        ),
      ),
    );
  }

  let mapTurn = 0;
  async function showMap(view) {
    const request = ++mapTurn;
    busy.hidden = false;
    busy.textContent = view === "tsne" ? "t-SNE takes a few seconds …" : "encoding the data …";
    const response = await withErrors(() => getJson("/api/plane", { run, view, n: 2000 }));
    if (request !== mapTurn) return;
    busy.hidden = Boolean(response);
    if (!response) return void (busy.textContent = model.why ?? "this model has no map");
    mapData = response;
    latents = new Float32Array(Uint8Array.from(atob(response.codes), (c) => c.charCodeAt(0)).buffer);
    map.hidden = new Set();
    strip.hidden = true;
    map.setPoints(response.points, response.labels);
    map.marker = projectLatent(latent.z);
    updatePins();
    backdropToggle.hidden = !model.picture || model.quantised || !response.map;
    drawBackdrop();
    caption.textContent = `${response.axes.x === response.axes.y ? response.axes.x : `${response.axes.x} → · ${response.axes.y} ↑`} · ${formatNumber(response.points.length, 0)} of the ${response.split} split`;
    drawLegend(response);
  }

  function drawLegend(response) {
    const there = response.labels
      ? [...new Set(response.labels)].filter((label) => label >= 0).sort((a, b) => a - b)
      : [];
    legend.hidden = there.length < 2 || there.length > 24;
    setChildren(
      legend,
      there.map((label) =>
        h(
          "button",
          {
            "aria-pressed": "true",
            onclick: (event) => {
              const off = map.hidden.has(label) ? !map.hidden.delete(label) : Boolean(map.hidden.add(label));
              event.currentTarget.setAttribute("aria-pressed", String(!off));
              map.draw();
            },
          },
          h("i", { style: { background: CLASS_COLORS[label % CLASS_COLORS.length] } }),
          response.names?.[label] ?? String(label),
        ),
      ),
    );
  }

  latent.subscribe(() => {
    if (mapData?.map) map.marker = projectLatent(latent.z);
    updatePins();
    map.draw();
    // With two dimensions the backdrop does not depend on the current latent.
    if (model.latent > 2) drawBackdrop();
  });

  const backdropToggle = h(
    "button",
    {
      hidden: true,
      "aria-pressed": "false",
      title: "decode the whole map",
      onclick: () => {
        backdropToggle.setAttribute("aria-pressed", String(backdropToggle.getAttribute("aria-pressed") !== "true"));
        drawBackdrop();
      },
    },
    "Images",
  );
  const dragModes = h(
    "div.views",
    { role: "group", "aria-label": "what the mouse does" },
    [
      ["move", "Move"],
      ["pan", "Pan"],
      ["lasso", "Lasso"],
    ].map(([tool, words]) =>
      h(
        "button",
        {
          "aria-pressed": String(tool === "move"),
          onclick: (event) => {
            map.tool = tool;
            map.canvas.dataset.tool = tool;
            for (const b of dragModes.children) b.setAttribute("aria-pressed", String(b === event.target));
          },
        },
        words,
      ),
    ),
  );
  const view = h(
    "select",
    {
      "aria-label": "view of the latents",
      onchange: () => {
        pair.hidden = !view.value.startsWith("dims");
        showMap(view.value);
      },
    },
    views.map(([value, words]) => h("option", { value }, words)),
  );
  let chosen = [firstDimension, secondDimension];
  const dimensionSelect = (at) =>
    h(
      "select",
      {
        "aria-label": at ? "dimension upwards" : "dimension to the right",
        onchange: () => {
          const [a, b] = pair.querySelectorAll("select");
          // Both axes must differ: the other one takes the dimension that this one had.
          if (a.value === b.value) (at ? a : b).value = chosen[at];
          chosen = [Number(a.value), Number(b.value)];
          view.options[0].value = `dims:${chosen}`;
          showMap(view.options[0].value);
        },
      },
      Array.from({ length: model.latent }, (_, d) =>
        h("option", { value: d, selected: d === [firstDimension, secondDimension][at] }, dimensionName(d)),
      ),
    );
  const pair = h("span.pair", { hidden: model.latent < 3 }, dimensionSelect(0), dimensionSelect(1));
  const zoom = h(
    "div.views",
    { role: "group", "aria-label": "zoom" },
    h("button", { "aria-label": "smaller", onclick: () => map.zoom(0.75) }, "−"),
    h("button", { onclick: () => map.fitView() }, "fit"),
    h("button", { "aria-label": "larger", onclick: () => map.zoom(1.33) }, "+"),
  );
  const element = h(
    "section.panel.map",
    { "aria-label": "latent map" },
    h("header.row", {}, views.length > 1 ? view : null, pair, dragModes, zoom, backdropToggle),
    h("div.sheet-of-codes", {}, map.canvas, card, busy),
    caption,
    legend,
    strip,
  );
  if (views.length) showMap(views[0][0]);
  else setChildren(element, h("p.quiet", {}, "The latent has one dimension: use the slider."));
  return { element, destroy: () => map.destroy() };
}

function createDecodePanel(latent) {
  const { run, model } = latent;
  const canvas = h("canvas.decoded", { role: "img", "aria-label": "the decoded image" });
  const values = h("output.values", { hidden: true });
  const original = h("figure.original", { hidden: true });
  const notes = h("p.quiet.stage-note", { "aria-live": "polite" });
  const dimensions = model.active?.length ? model.active : Array.from({ length: model.latent }, (_, i) => i);
  const sliders = h("div.sliders");
  let sliderCount = INITIAL_SLIDERS;

  function drawSliders() {
    const rows = dimensions.slice(0, sliderCount).map((dim) => {
      const [middle, width] = [model.centre?.[dim] ?? 0, 3.2 * (model.spread?.[dim] ?? 1)];
      const [min, max] = [Math.min(-3, middle - width), Math.max(3, middle + width)];
      const output = h("output", {});
      const slider = h("input", {
        type: "range",
        min,
        max,
        step: "any",
        "aria-label": dimensionName(dim),
        oninput: () => {
          const z = [...latent.z];
          z[dim] = Number(slider.value);
          latent.set(z);
        },
      });
      const row = h(
        "label.slider",
        {},
        h("span", { title: model.kl ? `${formatNumber(model.kl[dim])} nats` : "" }, dimensionName(dim)),
        slider,
        output,
      );
      row.update = () => {
        slider.value = latent.z[dim];
        output.textContent = formatNumber(latent.z[dim]);
      };
      row.dataset.dimension = dim;
      return row;
    });
    const more =
      dimensions.length > sliderCount
        ? h(
            "button.quiet",
            {
              onclick: () => {
                sliderCount += 16;
                drawSliders();
              },
            },
            `${dimensions.length - sliderCount} less active`,
          )
        : null;
    setChildren(sliders, rows, more);
    for (const row of rows) row.update();
  }
  latent.subscribe(() => {
    for (const row of sliders.children) row.update?.();
    const example = latent.example;
    original.hidden = !example || !model.picture;
    if (example && model.picture)
      setChildren(
        original,
        h("img", {
          src: `/api/examples?${new URLSearchParams({ run, split: example.split, index: example.index, size: 160 })}`,
          alt: "the example",
        }),
        h("figcaption", {}, `${example.split} ${example.index}`),
      );
  });

  const drawFromPrior = async () => {
    const { z } = await postJson("/api/sample", {
      ...latent.requestFields,
      n: 1,
      seed: Math.floor(Math.random() * 1e6),
      format: "json",
    });
    latent.set(z[0].flat?.(Infinity) ?? z[0]);
  };
  const saveDecoded = (format) =>
    withErrors(async () =>
      downloadBlob(
        await postForBlob("/api/decode", { ...latent.requestFields, z: [latent.z], format }),
        `decoded.${format}`,
      ),
    );
  const pinLatent = (name) => {
    latent.pins = { ...latent.pins, [name]: { z: [...latent.z], example: latent.example, c: latent.c } };
    latent.notify();
  };
  const actions = h(
    "div.row",
    {},
    h("button", { onclick: () => latent.set(model.centre) }, "Mean latent"),
    model.prior ? h("button", { onclick: () => withErrors(drawFromPrior) }, "Draw from the prior") : null,
    h("button", { onclick: () => pinLatent("A"), title: "one end of an interpolation" }, "Pin as A"),
    h("button", { onclick: () => pinLatent("B"), title: "the other end" }, "Pin as B"),
    h("button.quiet", { onclick: () => saveDecoded(model.picture ? "png" : "npz") }, "Save"),
    h(
      "button.quiet",
      { onclick: () => withErrors(() => showSnippets({ do: "decode", ...latent.requestFields, z: [latent.z] })) },
      "Copy code",
    ),
  );
  drawSliders();
  const element = h(
    "section.panel.stage",
    { "aria-label": "the decoded image" },
    h("div.shown", {}, canvas, values, original),
    notes,
    createConditionControls(latent),
    actions,
    h("h3", {}, model.kl ? "Most active dimensions" : "Dimensions"),
    sliders,
  );
  return {
    element,
    showImage(image) {
      notes.textContent = "";
      canvas.hidden = Boolean(image.values);
      values.hidden = !image.values;
      if (image.values)
        values.textContent = image.values
          .flat(Infinity)
          .map((v) => formatNumber(v))
          .join("  ");
      else paintImage(canvas, image);
    },
    showError: (words) => {
      notes.textContent = words;
    },
    showNewWeights: () =>
      setChildren(
        notes,
        "The weights have changed. ",
        h("button.quiet", { onclick: () => dispatchEvent(new HashChangeEvent("hashchange")) }, "Reload"),
      ),
  };
}

function createConditionControls(latent) {
  const spec = latent.model.conditional;
  if (!spec) return null;
  if (spec.kind === "classes") {
    const choice = h(
      "div.classes",
      { role: "group", "aria-label": "class" },
      spec.names.map((name, i) =>
        h(
          "button",
          { "aria-pressed": String(i === latent.c), onclick: () => latent.set(latent.z, null, i) },
          h("i", { style: { background: CLASS_COLORS[i % CLASS_COLORS.length] } }),
          name,
        ),
      ),
    );
    latent.subscribeCondition(() =>
      [...choice.children].forEach((chip, i) => chip.setAttribute("aria-pressed", String(i === latent.c))),
    );
    return choice;
  }
  return h(
    "div.ticks",
    {},
    spec.names.map((name, i) =>
      h(
        "label.check",
        {},
        h("input", {
          type: "checkbox",
          onchange: (event) =>
            latent.set(
              latent.z,
              null,
              latent.c.map((value, k) => (k === i ? Number(event.target.checked) : value)),
            ),
        }),
        name.replaceAll("_", " "),
      ),
    ),
  );
}

function createToolTabs(latent) {
  const available = Object.entries(PANELS).filter(([, tool]) => tool.isAvailable(latent.model));
  const panelContainer = h("div.tool", { role: "tabpanel", id: "tool" });
  const panels = new Map();
  const tabs = h(
    "div.tabs.below",
    { role: "tablist" },
    available.map(([name, tool]) =>
      h(
        "button",
        { role: "tab", "aria-controls": "tool", "aria-selected": "false", onclick: () => selectTool(name) },
        tool.label,
      ),
    ),
  );
  tabs.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    const to =
      tabs.children[([...tabs.children].indexOf(document.activeElement) + by + available.length) % available.length];
    to.focus();
    to.click();
  });
  function selectTool(name) {
    if (!panels.has(name)) panels.set(name, PANELS[name].create(latent));
    available.forEach(([other], i) => tabs.children[i].setAttribute("aria-selected", String(other === name)));
    setChildren(panelContainer, panels.get(name));
  }
  if (available.length) selectTool(available[0][0]);
  return h("section.tools-of-run", {}, tabs, panelContainer);
}
