// Sorts a table by a column: numbers by their exact value, unknown and empty cells last.
(() => {
  "use strict";
  const order = new Intl.Collator(undefined, { numeric: true });
  const value = (row, at) => {
    const cell = row.cells[at];
    const number = cell.querySelector("data");
    if (number) return Number(number.value);
    return cell.querySelector(".unknown, .none") ? null : cell.textContent;
  };
  const compare = (a, b, turn) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return turn * (typeof a === "number" && typeof b === "number" ? a - b : order.compare(String(a), String(b)));
  };
  for (const table of document.querySelectorAll("table")) {
    const heads = [...table.tHead.rows[0].cells];
    if (table.tBodies[0].rows.length < 3) continue;
    heads.forEach((head, at) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const numeric = head.classList.contains("num");
        const before = head.getAttribute("aria-sort") ?? (numeric ? "ascending" : "descending");
        const turn = before === "ascending" ? -1 : 1;
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", turn === 1 ? "ascending" : "descending");
        const rows = [...table.tBodies[0].rows].sort((a, b) => compare(value(a, at), value(b, at), turn));
        table.tBodies[0].append(...rows);
      });
    });
  }
})();
