/* The course of a run as pictures that can be pointed at; without a script the page has them as SVG. */
(() => {
  "use strict";
  const home = document.getElementById("plots");
  if (!home || typeof uPlot === "undefined") return;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const elapsed = (seconds) => {
    const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.round(seconds % 60)];
    if (hours) return `${hours} h ${String(minutes).padStart(2, "0")}`;
    return minutes ? `${minutes} min${rest ? ` ${rest}` : ""}` : `${rest} s`;
  };
  let plots = [];
  const read = () => {
    const place = document.getElementById("course");
    try { return place && JSON.parse(place.dataset.course); } catch { return null; }
  };
  const parts = (course) => {
    const x = course.seconds;
    const found = [{ title: "Pages", height: 220, data: [x, course.settled, course.bad], series: [["settled", "--series-1"], ["failed or unknown", "--series-2"]] }];
    if (course.operating.length) found.push({ title: "Operating time, seconds in ten minutes", height: 150, limit: course.operating_limit, data: [x, course.operating], series: [["seconds", "--series-3"]] });
    if (course.requests.length) found.push({ title: "Requests in the portal's bucket", height: 150, limit: course.requests_limit, data: [x, course.requests], series: [["requests", "--series-4"]] });
    for (const part of found) {
      if (part.limit) { part.data.push(x.map(() => part.limit)); part.series.push(["limit", "--bad"]); }
    }
    return found;
  };
  const draw = () => {
    const course = read();
    if (!course) return;
    const found = parts(course);
    if (plots.length === found.length && plots.every((plot, at) => plot.series.length === found[at].data.length)) {
      plots.forEach((plot, at) => plot.setData(found[at].data));
      return;
    }
    plots.forEach((plot) => plot.destroy());
    home.replaceChildren();
    const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
    plots = found.map((part) => new uPlot({
      title: part.title, width: home.clientWidth || 600, height: part.height, cursor: { sync: { key: "course" } },
      scales: { x: { time: false }, y: { range: (_, least, most) => [0, Math.max(most, 1) * 1.05] } },
      axes: [{ ...axis, space: 90, values: (_, splits) => splits.map(elapsed) }, { ...axis, size: 60 }],
      series: [{ label: "after", value: (_, at) => (at == null ? "–" : elapsed(at)) }, ...part.series.map(([label, name], at) => ({ label, stroke: colour(name), width: 2, points: { show: false }, ...(at || part.title !== "Pages" ? {} : { fill: `${colour(name)}22` }), ...(label === "limit" || at ? { dash: [6, 4] } : {}) }))],
    }, part.data, home));
    home.setAttribute("aria-hidden", "true");
  };
  const begin = () => {
    home.hidden = false;
    document.documentElement.classList.add("has-plots");
    draw();
  };
  begin();
  document.addEventListener("htmx:after:swap", draw);
  new ResizeObserver(() => plots.forEach((plot) => plot.setSize({ width: home.clientWidth, height: plot.height }))).observe(home);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { plots.forEach((plot) => plot.destroy()); plots = []; draw(); });
})();
