// The decoded grids are heavy: the browser asks for them when they are first shown.
element.querySelector("[data-grid]").addEventListener("change", (event) => {
  document.querySelector("#explore").classList.toggle("with-grid", event.target.checked);
});
