"use strict";
// The graph page: a canvas over the list that holds the same pages, and one filter for both.
window.kbGraph = async (frame) => {
  const boxes = [...frame.querySelectorAll(".kb-filters input")];
  const shown = () => new Set(boxes.filter((box) => box.checked).map((box) => box.value));
  const lists = [...frame.querySelectorAll("[data-kind]")];
  const filterLists = () => {
    const kinds = shown();
    for (const list of lists) list.hidden = !kinds.has(list.dataset.kind);
  };
  boxes.forEach((box) => box.addEventListener("change", filterLists));

  let data;
  try {
    data = await (await fetch(frame.dataset.graph)).json();
  } catch {
    return; // opened from a file: the list is all there is, and it is complete
  }
  const site = new URL("../../", new URL(frame.dataset.graph, location.href));
  const pages = data.pages.map(([x, y, title, url, kind]) => ({ x, y, title, url, kind, near: [] }));
  for (const [a, b] of data.links) {
    pages[a].near.push(b);
    pages[b].near.push(a);
  }
  const holder = frame.querySelector(".kb-canvas");
  const canvas = holder.querySelector("canvas");
  const context = canvas.getContext("2d");
  holder.hidden = false;

  const style = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();
  const radius = (page) => 4 + Math.min(9, Math.sqrt(page.near.length) * 1.6);
  let scale = 1, left = 0, top = 0, over = -1, kinds = shown();

  function fit() {
    const box = holder.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    canvas.width = box.width * ratio;
    canvas.height = canvas.clientHeight * ratio;
    const xs = pages.map((p) => p.x), ys = pages.map((p) => p.y);
    const [x0, x1] = [Math.min(...xs) - 60, Math.max(...xs) + 60];
    const [y0, y1] = [Math.min(...ys) - 40, Math.max(...ys) + 40];
    scale = Math.min(canvas.clientWidth / (x1 - x0), canvas.clientHeight / (y1 - y0), 2.4);
    left = canvas.clientWidth / 2 - ((x0 + x1) / 2) * scale;
    top = canvas.clientHeight / 2 - ((y0 + y1) / 2) * scale;
    draw();
  }

  const place = (page) => [page.x * scale + left, page.y * scale + top];

  function draw() {
    const ratio = window.devicePixelRatio || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    const near = over < 0 ? null : new Set([over, ...pages[over].near]);
    context.lineWidth = 1;
    context.strokeStyle = style("--kb-line");
    context.globalAlpha = pages.length > 800 ? 0.35 : 0.8;
    context.beginPath();
    for (const [a, b] of data.links) {
      if (!kinds.has(pages[a].kind) || !kinds.has(pages[b].kind) || (near && a !== over && b !== over)) continue;
      context.moveTo(...place(pages[a]));
      context.lineTo(...place(pages[b]));
    }
    context.stroke();
    pages.forEach((page, at) => {
      if (!kinds.has(page.kind)) return;
      const [x, y] = place(page);
      context.globalAlpha = near && !near.has(at) ? 0.25 : 1;
      context.fillStyle = style(`--kb-kind-${page.kind}`) || style("--kb-line");
      context.beginPath();
      context.arc(x, y, radius(page) * Math.min(1.4, Math.max(0.5, scale)), 0, 7);
      context.fill();
    });
    label(near);
  }

  // Names where there is room: the page under the pointer and its neighbours, then the most linked.
  function label(near) {
    const order = pages.map((_, at) => at).filter((at) => kinds.has(pages[at].kind) && (!near || near.has(at)));
    order.sort((a, b) => (b === over) - (a === over) || pages[b].near.length - pages[a].near.length);
    const taken = [];
    context.font = `12px ${style("--md-text-font-family") || "sans-serif"}`;
    context.textBaseline = "middle";
    context.lineWidth = 3;
    context.globalAlpha = 1;
    for (const at of order.slice(0, 400)) {
      const [x, y] = place(pages[at]);
      const title = pages[at].title.length > 34 ? `${pages[at].title.slice(0, 33)}…` : pages[at].title;
      const width = context.measureText(title).width;
      const gap = radius(pages[at]) * Math.max(0.5, scale) + 5;
      const start = x + gap + width > canvas.clientWidth ? x - gap - width : x + gap;
      const room = [start, y - 8, start + width, y + 8];
      if (taken.some((t) => room[0] < t[2] && t[0] < room[2] && room[1] < t[3] && t[1] < room[3])) continue;
      taken.push(room);
      context.strokeStyle = style("--md-default-bg-color");
      context.strokeText(title, start, y);
      context.fillStyle = style("--md-default-fg-color");
      context.fillText(title, start, y);
    }
  }

  function at(event) {
    const box = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let best = -1, far = 14;
    pages.forEach((page, index) => {
      if (!kinds.has(page.kind)) return;
      const [px, py] = place(page);
      const distance = Math.hypot(px - x, py - y);
      if (distance < far) [best, far] = [index, distance];
    });
    return best;
  }

  let drag = null, moved = false;
  canvas.addEventListener("pointerdown", (event) => {
    drag = [event.clientX - left, event.clientY - top];
    moved = false;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (drag) {
      const [x, y] = [event.clientX - drag[0], event.clientY - drag[1]];
      moved = moved || Math.hypot(x - left, y - top) > 3;
      [left, top] = [x, y];
      draw();
      return;
    }
    const now = at(event);
    canvas.style.cursor = now < 0 ? "grab" : "pointer";
    if (now !== over) {
      over = now;
      draw();
    }
  });
  canvas.addEventListener("pointerup", (event) => {
    drag = null;
    const page = pages[at(event)];
    if (!moved && page) location.href = new URL(page.url, site);
  });
  canvas.addEventListener("pointerleave", () => {
    over = -1;
    draw();
  });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
    event.preventDefault();
    const box = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const by = Math.exp(-event.deltaY / 300);
    left = x - (x - left) * by;
    top = y - (y - top) * by;
    scale *= by;
    draw();
  }, { passive: false });
  boxes.forEach((box) => box.addEventListener("change", () => {
    kinds = shown();
    draw();
  }));
  new MutationObserver(draw).observe(document.body, { attributeFilter: ["data-md-color-scheme"] });
  new ResizeObserver(fit).observe(holder);
};
