/* What htmx is told, and nothing else: pages work without it. */
(() => {
  "use strict";
  const token = () => document.querySelector('meta[name="csrf-token"]')?.content ?? "";
  document.addEventListener("htmx:config:request", (event) => {
    const request = event.detail?.ctx?.request;
    if (request && token()) request.headers["X-CSRF-Token"] = token();
  });
  // A session has ended: the page says so, and asks for the token again.
  document.addEventListener("htmx:sse:error", (event) => {
    if (event.detail?.status === 401) location.reload();
  });
})();
