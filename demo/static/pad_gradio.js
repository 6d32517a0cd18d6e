// Gradio runs this once, after pad.js, with `element`, `props` and `trigger` in scope.

const SEND_EVERY = 60; // milliseconds: each drawing is a request

attachPad(element, SEND_EVERY, (sheet) => {
  props.value = sheet === null ? "" : sheet.toDataURL("image/png");
  trigger("input");
});
