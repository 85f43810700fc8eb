"use strict";
for (const box of document.querySelectorAll(".failures")) {
  const rows = JSON.parse(box.querySelector("script").textContent);
  const words = rows.map(row => [...row.slice(0, 6), row[7]].join(" ").toLowerCase());
  const body = box.querySelector("tbody"), shown = box.querySelector(".shown"), field = box.querySelector("input");
  const heads = [...box.querySelectorAll("th")].map(head => head.textContent);
  const most = 500, columns = heads.length;
  const show = () => {
    const wanted = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = rows.filter((_, at) => wanted.every(word => words[at].includes(word)));
    body.replaceChildren(...found.slice(0, most).map(row => {
      const line = document.createElement("tr");
      [...row.slice(0, 6), row[7]].slice(0, columns).forEach((value, at) => {
        const cell = line.insertCell();
        // On a telephone each row is a card, and says itself what stands where.
        cell.dataset.label = heads[at];
        if (at === 0 || at === 2) cell.className = "n";
        if (at === 3) cell.className = "code";
        if (value === null || value === "") cell.classList.add("none");
        if (at === 0 && row[6]) {
          const link = document.createElement("a");
          link.href = row[6]; link.rel = "noreferrer"; link.textContent = value;
          cell.append(link);
        } else cell.textContent = value ?? "";
      });
      return line;
    }));
    const count = found.length.toLocaleString("en");
    shown.textContent = found.length > most ? `${count} found; the first ${most} are shown.` : `${count} found.`;
  };
  field.addEventListener("input", show);
  show();
}
