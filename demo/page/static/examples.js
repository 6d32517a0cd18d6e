// Ready-made examples: a click puts one on the pad of the same hand.
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-number]");
  const pad = element.closest(".hand")?.querySelector(".pad");
  if (!button || !pad) return;
  const detail = { number: Number(button.dataset.number), src: button.dataset.src };
  pad.dispatchEvent(new CustomEvent("example", { detail }));
});
