/* Where a reader's clock is in another time zone, each moment tells that, too, when it is pointed at. */
(() => {
  "use strict";
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
  const tell = (root) => {
    for (const one of root.querySelectorAll("time[datetime]:not([data-told])")) {
      const moment = new Date(one.dateTime);
      if (Number.isNaN(moment.getTime())) continue;
      one.title = `${one.title}; by this browser's clock ${format.format(moment)}`;
      one.dataset.told = "";
    }
  };
  tell(document);
  document.addEventListener("htmx:after:swap", () => tell(document));
})();
