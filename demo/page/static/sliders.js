// The sliders keep their own positions; only what they say is sent.
const SEND_EVERY = 40; // milliseconds
let timer = null;

const ranges = () => [...element.querySelectorAll("input[type=range]")];

function tell(range) {
  const told = Number(range.value).toFixed(1);
  range.closest("label").querySelector("output").textContent = told.replace("-", "\u2212");
}

function send() {
  timer = null;
  props.value = { ...props.value, steps: ranges().map((range) => Number(range.value)) };
  trigger("input");
}

element.addEventListener("input", (event) => {
  tell(event.target);
  timer ??= setTimeout(send, SEND_EVERY);
});
element.addEventListener("click", (event) => {
  if (!event.target.closest("[data-reset]")) return;
  for (const range of ranges()) {
    range.value = 0;
    tell(range);
  }
  send();
});
