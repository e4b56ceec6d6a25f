// A chart as an image: its title, unit and legend over what is drawn.

import { FONT, cssColor, resolveColor } from "./theme.js";

const [MARGIN_PX, ROW_PX, KEY_PX, GAP_PX] = [14, 18, 18, 16];
const TITLE_FONT = FONT.replace(/^[\d.]+px/, "600 15px");

/** Entries of a legend in rows that fit a width: [{name, color, dash, left, row}]. */
function placeEntries(pen, lines, width) {
  const entries = [];
  let [left, row] = [0, 0];
  for (const { name, color, dash } of lines) {
    const size = KEY_PX + 6 + pen.measureText(name).width + GAP_PX;
    if (left > 0 && left + size > width) [left, row] = [0, row + 1];
    entries.push({ name, color, dash, left, row });
    left += size;
  }
  return entries;
}

/**
 * Draw a chart with its words on a canvas of its own, on the paper of the page.
 *
 * @param {any} plot  of uPlot
 * @param {object[]} lines  those that the legend names
 * @param {string} title
 * @param {string} unit
 */
export function drawChartImage(plot, lines, title, unit) {
  const source = plot.ctx.canvas;
  const ratio = source.width / plot.width;
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d");
  pen.font = FONT;
  const entries = placeEntries(pen, lines, plot.width);
  const head = MARGIN_PX + 2 * ROW_PX + (entries.length ? (entries.at(-1).row + 1) * ROW_PX : 0) + 6;
  canvas.width = Math.round((plot.width + 2 * MARGIN_PX) * ratio);
  canvas.height = Math.round((plot.height + head + MARGIN_PX) * ratio);
  pen.fillStyle = cssColor("paper");
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(source, MARGIN_PX * ratio, head * ratio);
  pen.setTransform(ratio, 0, 0, ratio, MARGIN_PX * ratio, MARGIN_PX * ratio);
  drawWords(pen, title, unit);
  entries.forEach((entry) => drawEntry(pen, entry));
  return canvas;
}

function drawWords(pen, title, unit) {
  Object.assign(pen, { font: TITLE_FONT, textBaseline: "top", fillStyle: cssColor("ink") });
  pen.fillText(title, 0, 0);
  Object.assign(pen, { font: FONT, fillStyle: cssColor("quiet") });
  pen.fillText(unit, 0, ROW_PX + 2);
}

function drawEntry(pen, { name, color, dash, left, row }) {
  const top = 2 * ROW_PX + row * ROW_PX + ROW_PX / 2;
  Object.assign(pen, { strokeStyle: resolveColor(color), lineWidth: 2.5, fillStyle: cssColor("soft") });
  pen.setLineDash(dash ?? []);
  pen.beginPath();
  pen.moveTo(left, top);
  pen.lineTo(left + KEY_PX, top);
  pen.stroke();
  Object.assign(pen, { font: FONT, textBaseline: "middle" });
  pen.fillText(name, left + KEY_PX + 6, top);
}
