// Sliders that weigh indicators: who wins, by how much, and what each indicator adds to the score.
(() => {
  "use strict";
  const MOST = 12;
  const make = (tag, name, text) => {
    const node = document.createElement(tag);
    if (name) node.className = name;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  for (const root of document.querySelectorAll(".weights")) {
    const { models, labels, colours, scores } = JSON.parse(document.getElementById(root.dataset.scores).textContent);
    const inputs = [...root.querySelectorAll("input")];
    const outputs = [...root.querySelectorAll("output")];
    const list = root.querySelector(".shares");
    const rows = models.map((model, at) => {
      const item = make("li");
      const name = make("span", "name", labels[at]);
      name.title = model;
      const bar = make("span", "bar");
      const parts = colours.map((colour) => {
        const part = make("i");
        part.style.setProperty("--c", colour);
        bar.append(part);
        return part;
      });
      const score = make("span", "score");
      item.append(name, bar, score);
      return { item, name, parts, score };
    });
    const update = () => {
      const given = inputs.map((input) => Number(input.value));
      const sum = given.reduce((a, b) => a + b, 0);
      const weights = given.map((weight) => (sum > 0 ? weight / sum : 1 / given.length));
      weights.forEach((weight, i) => { outputs[i].textContent = `${Math.round(100 * weight)} %`; });
      const totals = scores.map((row) => row.reduce((total, value, i) => total + weights[i] * value, 0));
      const order = totals.map((_, i) => i).sort((a, b) => totals[b] - totals[a] || a - b);
      const best = totals[order[0]];
      const winners = order.filter((i) => best - totals[i] < 1e-9);
      rows.forEach((row, i) => {
        row.parts.forEach((part, k) => { part.style.width = `${100 * Math.max(0, weights[k] * scores[i][k])}%`; });
        row.score.textContent = totals[i].toFixed(3);
        row.name.classList.toggle("best", winners.includes(i));
      });
      list.replaceChildren(...order.slice(0, MOST).map((i) => rows[i].item));
      const names = winners.map((i) => models[i]);
      const next = order[winners.length];
      root.querySelector(".winner").textContent = order.length === 0 ? "No model can be weighed."
        : names.length > 1 ? `${names.join(" and ")} tie at ${best.toFixed(3)}.`
          : `${names[0]} wins with ${best.toFixed(3)}${next === undefined ? "." : `; next is ${models[next]} with ${totals[next].toFixed(3)}.`}`;
    };
    for (const input of inputs) input.addEventListener("input", update);
    update();
  }
})();
