"use strict";
(() => {
  const charts = [...document.querySelectorAll(".chart")];
  const night = JSON.parse(document.getElementById("dark").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const touch = matchMedia("(pointer: coarse)").matches;
  const PAPER = 640;  // pixels of a chart on paper

  // Figures come in the colours of day; at night each colour has a counterpart.
  const recoloured = (value, key) => {
    if (typeof value === "string") return /color/i.test(key) && Object.hasOwn(night, value) ? night[value] : value;
    if (Array.isArray(value)) return value.map((item) => recoloured(item, key));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, recoloured(item, name)]));
  };

  const draw = (node, printed) => {
    const atNight = dark.matches && !printed;
    const stored = JSON.parse(node.nextElementSibling.textContent);
    const figure = atNight ? recoloured(stored, "") : stored;
    Object.assign(figure.layout.hoverlabel, atNight
      ? { bgcolor: "#2a323c", bordercolor: "#4a5563" }
      : { bgcolor: "#ffffff", bordercolor: "#c6cdd6" });
    if (touch) figure.layout.dragmode = false;  // a finger on a chart scrolls the page
    if (printed) figure.layout.width = PAPER;
    return Plotly.react(node, figure.data, figure.layout, { responsive: !printed, displayModeBar: false });
  };

  const drawAll = async (printed) => {
    for (const node of charts) {
      await draw(node, printed);
      if (!printed) await new Promise((done) => setTimeout(done, 0));  // the page stays alive between charts
    }
    document.body.dataset.drawn = String(charts.length);
  };

  if (!charts.length) { document.body.dataset.drawn = "0"; return; }
  drawAll(false);
  dark.addEventListener("change", () => drawAll(false));
  addEventListener("beforeprint", () => charts.forEach((node) => draw(node, true)));
  addEventListener("afterprint", () => drawAll(false));
})();
