// Before tests in node: the studio's addresses of modules, and what modules ask of a browser when they are read.

import { register } from "node:module";

const ROOT = new URL("../../src/elbowroom/", import.meta.url).href;
const hooks = `
  export function resolve(name, context, next) {
    if (!name.startsWith("/static/")) return next(name, context);
    const folder = /^\\/static\\/(kit|comparison_)/.test(name) ? "web/static/" : "studio/static/";
    return next(${JSON.stringify(ROOT)} + folder + name.slice("/static/".length), context);
  }`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);

const listens = { addEventListener() {}, removeEventListener() {} };
Object.assign(globalThis, listens, { matchMedia: () => ({ matches: false, ...listens }) });
