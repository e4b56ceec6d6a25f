// Charts that are read, zoomed and smoothed together, under one toolbar.

import { drawChartImage } from "./chart_image.js";
import { CHART_SETTINGS, applySettings, chartCsv, lineKey } from "./chart_settings.js";
import { createChart, limitBars } from "./charts.js";
import { h, pressOnly, queryAll, saveBlob } from "./elements.js";
import { help } from "./help.js";
import { formatFixed } from "./numbers.js";

const MAX_SMOOTHING = 0.99;
const LINEAR_NOTE = "linear axis: not all values have one sign";

/**
 * Charts under one toolbar: what it sets holds for all of them, and so does the part of the horizontal axis that is
 * dragged in one; a place that is read in one is read in all.
 *
 * @example
 * const charts = new ChartGroup({ axes: ["epoch", "step", "time"], settings: { hidden: ["test"] }, onChange: save });
 * page.append(charts.toolbar, figure);
 * const lines = [{ name, color, x, y, positions: { epoch, step, time } }];
 * const member = charts.add(figure, { axis: "step", lines });
 * charts.update(member, next);
 */
export class ChartGroup {
  #members = new Set();
  #isFaded = () => false;

  /**
   * @typedef {object} GroupOptions
   * @property {string[]} [axes]  horizontal axes to choose from, keys of the lines' `positions`
   * @property {Partial<import("./chart_settings.js").ChartSettings>} [settings]  at first
   * @property {(settings: import("./chart_settings.js").ChartSettings) => void} [onChange]
   *
   * @param {GroupOptions & import("./charts.js").ChartOptions} [options]  with those of the charts
   */
  constructor({ axes = [], settings = {}, onChange = () => {}, ...chartOptions } = {}) {
    this.axes = axes;
    this.onChange = onChange;
    this.chartOptions = chartOptions;
    this.settings = { ...CHART_SETTINGS, axis: axes[0] ?? "", ...settings };
    this.controls = createControls(this);
    this.toolbar = h("div.chart-toolbar", { role: "group", "aria-label": "all charts" }, this.controls.elements);
    this.controls.show(this.settings);
  }

  /** Draw a chart in a figure with a caption and an area; its line chart follows the toolbar. Returns the member. */
  add(figure, chart, options = {}) {
    const member = new ChartMember(figure, chart, this, options);
    this.#members.add(member);
    member.view.fade(this.#isFaded);
    return member;
  }

  /** Show the values of another chart in the figure of a member: those of a training that goes on. */
  update(member, chart) {
    member.update(chart);
  }

  /** Draw the charts of a page of one file in their figures. */
  addAll(charts, root = document) {
    return queryAll("[data-chart]", root).map((figure) => {
      const chart = charts[Number(figure.dataset.chart)];
      limitBars(figure, chart);
      return this.add(figure, chart);
    });
  }

  /** Change some of the settings, in all charts and in the toolbar. */
  set(patch) {
    const isOtherAxis = "axis" in patch && patch.axis !== this.settings.axis;
    // A part of one axis is none of another.
    this.settings = { ...this.settings, ...(isOtherAxis ? { zoom: null } : {}), ...patch };
    for (const member of this.#members) member.show(this.settings);
    this.fade(this.#isFaded);
    this.controls.show(this.settings);
    this.onChange(this.settings);
  }

  /** Show or hide the lines of a run or split, by `lineKey`. */
  toggle(key) {
    const { hidden } = this.settings;
    this.set({ hidden: hidden.includes(key) ? hidden.filter((other) => other !== key) : [...hidden, key] });
  }

  /** Make the lines that a test picks faint in all charts. */
  fade(test) {
    this.#isFaded = test;
    for (const { view } of this.#members) view.fade(test);
  }

  /** Read all other charts at a place of one. */
  follow(source, place) {
    for (const member of this.#members) if (member !== source && member.isLines) member.view.readAt(place);
  }

  destroy() {
    for (const member of this.#members) member.destroy();
    this.#members.clear();
  }
}

/** A chart of a group in its figure, with buttons that enlarge and save it. */
class ChartMember {
  #note = h("small.scale-note", { hidden: true }, LINEAR_NOTE);

  constructor(figure, chart, group, options) {
    const area = figure.querySelector(".area");
    this.figure = figure;
    this.chart = chart;
    this.group = group;
    this.isLines = !chart.labels;
    const shared = {
      ...group.chartOptions,
      onZoom: (zoom) => group.set({ zoom }),
      onPlace: (place) => group.follow(this, place),
    };
    const shown = applySettings(chart, group.settings);
    this.view = createChart(area, shown, { ...(this.isLines ? shared : {}), ...options });
    this.buttons = h("span.chart-buttons", {}, this.#createButtons());
    figure.querySelector("figcaption").append(this.#note, this.buttons);
    this.show(group.settings);
  }

  get title() {
    return this.figure.querySelector("figcaption :is(h3, b)")?.textContent ?? this.unit;
  }

  get unit() {
    return this.figure.querySelector("figcaption .unit")?.textContent ?? "";
  }

  /** Show the values of another chart in the same figure. */
  update(chart) {
    this.chart = chart;
    const shown = applySettings(chart, this.group.settings);
    this.#note.hidden = !(this.isLines && this.group.settings.log && !shown.log);
    this.view.update(shown);
  }

  show(settings) {
    this.update(this.chart);
    if (this.isLines) this.view.setZoom(settings.zoom);
  }

  #createButtons() {
    const button = (text, about, onclick) =>
      h("button", { type: "button", title: about, "aria-label": `${text}: ${this.title}, ${about}`, onclick }, text);
    return [
      button("Enlarge", "the chart in a window of its own", () => this.#enlarge()),
      button("PNG", "save as an image", () => this.#saveImage()),
      button("CSV", "save the values", () => this.#saveValues()),
    ];
  }

  /** Show the figure and the toolbar in a dialog, until it is closed. */
  #enlarge() {
    const moved = this.isLines ? [this.group.toolbar, this.figure] : [this.figure];
    const places = moved.map((element) => {
      const place = document.createComment("");
      element.replaceWith(place);
      return place;
    });
    const close = h("button.close", { type: "button", "aria-label": "close", onclick: () => this.dialog.close() }, "✕");
    this.dialog = h("dialog.chart-dialog", { "aria-label": this.title }, close, moved);
    this.dialog.addEventListener("close", () => {
      places.forEach((place, i) => place.replaceWith(moved[i]));
      this.dialog.remove();
      this.buttons.firstElementChild.focus();
    });
    document.body.append(this.dialog);
    this.dialog.showModal();
  }

  get #fileName() {
    return this.title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-") || "chart";
  }

  #saveImage() {
    const { lines } = this.view.chart;
    const named = lines.filter((line, i) => !line.silent && lines.findIndex((l) => lineKey(l) === lineKey(line)) === i);
    const canvas = drawChartImage(this.view.plot, this.chart.labels ? [] : named, this.title, this.unit);
    canvas.toBlob((blob) => saveBlob(blob, `${this.#fileName}.png`));
  }

  #saveValues() {
    saveBlob(new Blob([chartCsv(this.chart)], { type: "text/csv" }), `${this.#fileName}.csv`);
  }

  destroy() {
    this.dialog?.close();
    this.view.destroy();
  }
}

/** The controls of a toolbar: their elements, and what shows settings in them. */
function createControls(group) {
  const axes = group.axes.map((axis) =>
    h("button", { type: "button", value: axis, onclick: () => group.set({ axis }) }, axis),
  );
  const range = { type: "range", min: 0, max: MAX_SMOOTHING, step: 0.01, "aria-label": "smoothing" };
  const slider = h("input", { ...range, oninput: () => group.set({ smoothing: Number(slider.value) }) });
  const weight = h("output");
  const log = h("button", { type: "button", onclick: () => group.set({ log: !group.settings.log }) }, "log y");
  const reset = h("button", { type: "button", onclick: () => group.set({ zoom: null }) }, "Reset zoom");
  return {
    elements: [
      axes.length > 1 ? h("div.views", { role: "group", "aria-label": "horizontal axis" }, axes) : null,
      h("span.smoothing", {}, h("label", {}, "smoothing", slider, weight), help("smoothing")),
      log,
      reset,
    ],
    show(settings) {
      pressOnly(
        axes,
        axes.find((button) => button.value === settings.axis),
      );
      slider.value = settings.smoothing;
      weight.textContent = settings.smoothing ? formatFixed(settings.smoothing, 2) : "off";
      log.setAttribute("aria-pressed", String(settings.log));
      reset.disabled = !settings.zoom;
      reset.title = settings.zoom ? "show all of the horizontal axis" : "drag across a chart to zoom";
    },
  };
}
