/* What htmx is told, and nothing else: pages work without it. */
(() => {
  "use strict";
  const token = () => document.querySelector('meta[name="csrf-token"]')?.content ?? "";
  document.addEventListener("htmx:config:request", (event) => {
    const request = event.detail?.ctx?.request;
    if (request && token()) request.headers["X-CSRF-Token"] = token();
  });
})();
