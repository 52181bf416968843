"use strict";
// Diagrams, drawn by the vendored mermaid, which is loaded only by a page that has one.
(() => {
  const home = new URL(".", document.currentScript.src);

  // mermaid cleans labels, but first lets the browser read them as HTML, where a picture of an
  // author would already be asked for. Only bare tags of emphasis and breaks are left to it.
  const TAG = /(?<!<)<(?!\/?(?:br ?\/?|b|i|u|em|strong|code|small|sub|sup)>)(\/?[a-z][^<>]*)>/gi;

  function load(name) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = new URL(name, home);
      script.onload = resolve;
      script.onerror = reject;
      document.head.append(script);
    });
  }

  async function draw() {
    const found = [...document.querySelectorAll(".kb-mermaid")];
    if (!found.length) return;
    await load("mermaid.min.js");
    // strict: no click handler, no script and no HTML of a diagram's author gets into the page.
    window.mermaid.initialize({ startOnLoad: false, securityLevel: "strict" });
    let number = 0;
    for (const block of found) {
      const code = block.querySelector("code") || block;
      const text = code.textContent.replace(TAG, "#lt;$1#gt;");
      const figure = document.createElement("figure");
      figure.className = "kb-diagram";
      try {
        const { svg } = await window.mermaid.render(`kb-diagram-${number++}`, text);
        // A document of its own: what is parsed there cannot run, and only the drawing is taken.
        const parsed = new DOMParser().parseFromString(svg, "text/html").querySelector("svg");
        parsed.setAttribute("role", "img");
        if (!parsed.getAttribute("aria-label")) parsed.setAttribute("aria-label", "Diagram; the text below tells it in words");
        figure.append(parsed);
        block.replaceWith(figure);
      } catch (error) {
        block.classList.add("kb-diagram-failed"); // the diagram's text stays readable
      }
    }
  }

  async function graph() {
    const frame = document.querySelector(".kb-graph");
    if (!frame) return;
    await load("kb-graph.js");
    window.kbGraph(frame);
  }

  // What the theme leaves out for those who do not see or point: a name, a way to scroll by keys.
  function reach() {
    document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
    for (const code of document.querySelectorAll("pre > code")) {
      if (code.scrollWidth > code.clientWidth) code.tabIndex = 0;
    }
  }

  const ready = () => {
    reach();
    draw();
    graph();
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", ready);
  else ready();
})();
