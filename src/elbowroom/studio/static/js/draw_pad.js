// A canvas to draw a digit on, with the mouse or a finger.

import { h } from "/static/kit.js";
import { debounce } from "./dom.js";

const SIDE_PX = 280;

/** Calls onDraw(dataUrl) when the pen has rested. White ink on black, as in the data. */
export function createDrawPad(onDraw) {
  const canvas = h("canvas.pad", {
    width: SIDE_PX,
    height: SIDE_PX,
    "aria-label": "a sheet to draw on with the mouse",
  });
  const context = canvas.getContext("2d");
  const reportDrawing = debounce(() => {
    if (hasInk) onDraw(canvas.toDataURL("image/png"));
  }, 350);
  let last = null;
  let hasInk = false;

  function clear() {
    hasInk = false;
    context.fillStyle = "#000";
    context.fillRect(0, 0, SIDE_PX, SIDE_PX);
  }
  const canvasPosition = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * SIDE_PX) / box.width, ((event.clientY - box.top) * SIDE_PX) / box.height];
  };
  function stroke(event) {
    hasInk = true;
    const now = canvasPosition(event);
    Object.assign(context, { strokeStyle: "#fff", lineWidth: 22, lineCap: "round", lineJoin: "round" });
    context.beginPath();
    context.moveTo(...(last ?? now));
    context.lineTo(now[0], now[1] + (last ? 0 : 0.1));
    context.stroke();
    last = now;
  }
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = null;
    stroke(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons && last) stroke(event);
  });
  canvas.addEventListener("pointerup", () => {
    last = null;
    reportDrawing();
  });
  clear();
  return { canvas, clear };
}
