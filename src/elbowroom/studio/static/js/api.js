// Requests to the server, and its WebSockets for live updates and decoding.

import { showConnection } from "./main.js";
import { ResponseError } from "./response_error.js";

async function checkResponse(response) {
  if (response.ok) return response;
  /** @type {{error?: string, field?: string}} */
  let answer = {};
  try {
    answer = await response.json();
  } catch {
    /* the response has no message */
  }
  throw new ResponseError(answer.error ?? `the server answered ${response.status}`, response.status, answer.field);
}

const fetchOrExplain = (address, options) =>
  fetch(address, options).catch((error) => {
    throw error.name === "AbortError"
      ? error
      : new Error("the server does not answer: is 'elbowroom studio' still running?");
  });

/** @typedef {import("../../api/answers.d.ts").Answers} Answers */

/**
 * GET JSON; an array in the query becomes a repeated parameter.
 *
 * @template {keyof Answers} P
 * @param {P} path
 * @param {Record<string, any>} [query]
 * @param {AbortSignal} [signal]
 * @returns {Promise<Answers[P]>}
 */
export async function getJson(path, query = {}, signal = undefined) {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) for (const item of [value].flat()) parameters.append(key, item);
  const search = parameters.size ? `?${parameters}` : "";
  return (await checkResponse(await fetchOrExplain(path + search, { signal }))).json();
}

async function sendJson(path, body, signal) {
  const options = {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal,
  };
  return checkResponse(await fetchOrExplain(path, options));
}

/** The address of an image of examples, each `size` pixels wide; `index` may be several with commas. */
export const exampleUrl = (run, split, index, size) =>
  `/api/examples?${new URLSearchParams({ run, split, index, size })}`;

/**
 * POST JSON, and return the JSON of the response.
 *
 * @template {keyof Answers} P
 * @param {P} path
 * @param {Record<string, any>} body
 * @param {AbortSignal} [signal]
 * @returns {Promise<Answers[P]>}
 */
export const postJson = async (path, body, signal) => (await sendJson(path, body, signal)).json();

/** POST JSON, and return the response as a blob. */
export const postForBlob = async (path, body, signal) => (await sendJson(path, body, signal)).blob();

const socketUrl = (path) => `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;

/** WebSocket with updates of all runs; it reconnects by itself. */
class LiveConnection {
  #listeners = new Set();
  #watched = [];
  #socket = null;
  #retryMs = 500;
  /** @type {(value?: any) => void} */
  #resolveReady = () => {};

  /** Resolves once the socket is open, or after a second: requests after it miss no update. */
  ready = new Promise((resolve) => {
    this.#resolveReady = resolve;
    setTimeout(resolve, 1000);
  });

  constructor() {
    this.#open();
  }

  #open() {
    const socket = (this.#socket = new WebSocket(socketUrl("/ws/live")));
    socket.onopen = () => {
      showConnection(true);
      this.#resolveReady();
      if (this.#retryMs > 500) this.#emit({ type: "again" });
      this.#retryMs = 500;
      this.watchRuns(this.#watched);
    };
    socket.onmessage = (event) => this.#emit(JSON.parse(event.data));
    socket.onclose = () => {
      showConnection(false);
      this.#emit({ type: "lost" });
      setTimeout(() => this.#open(), this.#retryMs);
      this.#retryMs = Math.min(this.#retryMs * 2, 8000);
    };
  }

  #emit(message) {
    for (const listener of this.#listeners) listener(message);
  }

  /** Subscribe to the rows and images of these runs. */
  watchRuns(runs) {
    this.#watched = runs;
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ watch: runs }));
  }

  /** Call a listener with every message; returns the function that unsubscribes it. */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

export const live = new LiveConnection();

/** WebSocket that decodes latents to images; of those that wait, only the newest is sent. */
export class DecodeSocket {
  #run;
  #socket = null;
  #lastId = 0;
  #queued = null;
  #sentAt = 0;
  #closed = false;

  constructor(run, onImage, onError) {
    this.#run = run;
    this.onImage = onImage;
    this.onError = onError;
    this.#open();
  }

  #open() {
    const socket = (this.#socket = new WebSocket(socketUrl(`/ws/decode?run=${encodeURIComponent(this.#run)}`)));
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.#sentAt = 0;
      this.#sendNext();
    };
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = () => {
      if (!this.#closed) setTimeout(() => this.#open(), 1000);
    };
  }

  #receive(data) {
    this.#sentAt = 0;
    if (typeof data === "string") {
      const said = JSON.parse(data);
      if (said.error) this.onError(said.error);
      else this.onImage(said);
    } else {
      const view = new DataView(data);
      const [channels, height, width] = [4, 6, 8].map((at) => view.getUint16(at, true));
      this.onImage({ channels, height, width, pixels: new Uint8Array(data, 10), id: view.getUint32(0, true) });
    }
    this.#sendNext();
  }

  /** Decode a latent, {z, c, lower}, unless a newer one is requested before it is sent. */
  request(latent) {
    this.#queued = { id: ++this.#lastId, ...latent };
    this.#sendNext();
  }

  #sendNext() {
    // After 250 ms without a response the next one is sent all the same, so that a lost response does not block.
    if (!this.#queued || this.#socket.readyState !== WebSocket.OPEN || performance.now() - this.#sentAt < 250) return;
    this.#socket.send(JSON.stringify(this.#queued));
    this.#queued = null;
    this.#sentAt = performance.now();
  }

  close() {
    this.#closed = true;
    this.#socket.close();
  }
}

/** Draw a decoded image at its own size. */
export function paintImage(canvas, { channels, height, width, pixels }) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const image = new ImageData(width, height);
  for (let i = 0, n = width * height; i < n; i++) {
    for (let k = 0; k < 3; k++) image.data[4 * i + k] = pixels[i * channels + (channels >= 3 ? k : 0)];
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}
