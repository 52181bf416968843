// As much of a browser as mermaid wants to see before it parses. Nothing here draws, fetches or
// waits: every element is the same inert thing. It is loaded before mermaid.
(function (world) {
  "use strict";
  const nothing = () => undefined;
  const none = () => null;
  const empty = () => [];
  const same = (child) => child;

  const element = () => ({
    nodeType: 1,
    style: {},
    content: {},
    classList: { add: nothing, remove: nothing },
    childNodes: [],
    setAttribute: nothing,
    getAttribute: none,
    addEventListener: nothing,
    removeEventListener: nothing,
    appendChild: same,
    insertBefore: same,
    removeChild: same,
    remove: nothing,
    querySelector: none,
    querySelectorAll: empty,
    getElementsByTagName: empty,
  });

  world.window = world;
  world.self = world;
  world.console = {};
  for (const name of ["log", "info", "warn", "error", "debug", "trace"]) {
    world.console[name] = nothing;
  }
  world.navigator = { userAgent: "", platform: "", language: "en" };
  world.location = { href: "about:blank", protocol: "about:", host: "", hostname: "", pathname: "" };
  world.addEventListener = nothing;
  world.removeEventListener = nothing;
  world.requestAnimationFrame = nothing;
  world.performance = { now: () => 0, mark: nothing, measure: nothing };
  world.CSS = { supports: () => true };
  world.structuredClone = (value) => JSON.parse(JSON.stringify(value));
  for (const name of [
    "Node", "Element", "HTMLElement", "SVGElement", "HTMLTemplateElement", "HTMLFormElement",
    "DocumentFragment", "NodeFilter", "NamedNodeMap", "DOMParser", "Text", "Comment",
  ]) {
    world[name] = function () {};
  }
  // Only an element's style tells which colours exist; a text that asks is told they all do.
  world.Option = function () {
    this.style = {};
  };
  world.URL = function (text) {
    const scheme = /^([a-z][a-z0-9+.-]*:)/i.exec(String(text));
    if (!scheme) throw new TypeError("Invalid URL");
    this.href = String(text);
    this.protocol = scheme[1].toLowerCase();
    this.toString = () => this.href;
  };
  world.URL.canParse = (text) => /^[a-z][a-z0-9+.-]*:/i.test(String(text));
  world.document = Object.assign(element(), {
    nodeType: 9,
    readyState: "complete",
    currentScript: null,
    implementation: {},
    documentElement: element(),
    head: element(),
    body: element(),
    createElement: element,
    createElementNS: element,
    createTextNode: element,
    createDocumentFragment: element,
    createNodeIterator: () => ({ nextNode: none }),
    getElementById: none,
    importNode: same,
  });
})(globalThis);
