// Draws the figures of the page from their data, and draws them again when the width changes.
// Colours are CSS variables, so that light, dark and paper need no script. All words are set as text, never as HTML.
(() => {
  "use strict";
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const tip = document.getElementById("tip");

  const say = (text, x, y) => {
    tip.textContent = text;
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = Math.min(x + 14, window.innerWidth - box.width - 8);
    const above = y - box.height - 12;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${above > 8 ? above : Math.min(y + 18, window.innerHeight - box.height - 8)}px`;
  };
  const hush = () => { tip.hidden = true; };

  for (const node of document.querySelectorAll("[data-tip]")) {
    const show = () => {
      const box = node.getBoundingClientRect();
      say(node.dataset.tip, box.left, box.top);
    };
    node.removeAttribute("title");
    node.addEventListener("pointerenter", show);
    node.addEventListener("focus", show);
    node.addEventListener("pointerleave", hush);
    node.addEventListener("blur", hush);
  }
  addEventListener("scroll", hush, { passive: true });
  addEventListener("keydown", (event) => { if (event.key === "Escape") hush(); });

  const tooltip = (_handler, event, _item, value) => {
    if (value === null || value === undefined || value === "") hush();
    else say(String(value), event.clientX, event.clientY);
  };

  // Fits a specification to a width: how long names may be, whether there is room beside the plot, when to scroll.
  const fitted = (spec, given) => {
    const { beside, least, names } = spec.usermeta;
    const chars = given < 480 ? 19 : Math.round(given * 0.054);
    const labels = 6.6 * Math.min(names, chars);
    const kept = beside <= 64 || given - beside > 440 ? beside : 0;
    const width = Math.max(given, least && Math.ceil(least + labels + 40));
    const values = { chars, plot: width - labels - kept - 40, beside: kept };
    return {
      ...spec, width,
      params: spec.params.map((param) => (param.name in values ? { ...param, value: values[param.name] } : param)),
    };
  };

  // Hides names that would lie upon each other; first come, first kept.
  const part = (chart) => {
    const kept = [];
    for (const text of chart.querySelectorAll(".names_marks text")) {
      const box = text.getBoundingClientRect();
      const hidden = kept.some((other) => box.left < other.right && other.left < box.right
        && box.top < other.bottom && other.top < box.bottom);
      if (hidden) text.setAttribute("display", "none");
      else kept.push(box);
    }
  };

  const look = read("look");
  const charts = [...document.querySelectorAll(".chart")].map((node) => ({ node, spec: read(node.dataset.spec), view: null }));
  const draw = async (chart) => {
    const width = Math.floor(chart.node.clientWidth);
    if (width < 40) return;
    try {
      const options = { ast: true, actions: false, renderer: "svg", defaultStyle: false, config: look, tooltip };
      const fit = fitted(chart.spec, width);
      const result = await vegaEmbed(chart.node, fit, options);
      chart.view?.finalize();
      chart.view = result.view;
      chart.node.classList.add("drawn");
      chart.node.classList.toggle("scrolled", fit.width > width);
      chart.node.closest("figure").classList.toggle("named", fit.params.some(({ name, value }) => name === "beside" && value > 64));
      part(chart.node);
    } catch (error) {
      chart.node.classList.add("failed");
      console.error(error);
    }
  };
  let drawnAt = 0;
  const drawAll = async () => {
    drawnAt = document.documentElement.clientWidth;
    for (const chart of charts) await draw(chart);
    document.documentElement.dataset.drawn = String(drawnAt);
  };
  let waiting = 0;
  addEventListener("resize", () => {
    if (document.documentElement.clientWidth === drawnAt) return;
    clearTimeout(waiting);
    waiting = setTimeout(drawAll, 150);
  });

  // On paper, folded tables are open and the pictures shrink by their style.
  addEventListener("beforeprint", () => {
    for (const node of document.querySelectorAll("details.table:not([open])")) { node.open = true; node.dataset.folded = ""; }
  });
  addEventListener("afterprint", () => {
    for (const node of document.querySelectorAll("details[data-folded]")) { node.open = false; delete node.dataset.folded; }
  });

  document.documentElement.classList.remove("no-js");
  drawAll();
})();
