// Keeps when a new picture was on the page, frame by frame, in window.frames_.
async () => {
  const { state } = await import("./page.js");
  window.frames_ = [];
  let seen = state.count;
  requestAnimationFrame(function look(now) {
    if (state.count !== seen) window.frames_.push(now);
    seen = state.count;
    requestAnimationFrame(look);
  });
}
