// The address ?view=api should show the endpoints. Gradio 6.31 loads that page by a button in its
// footer alone: it is pressed here, once to shut what could not be shown, and once to show it.
function showEndpoints(tries) {
  const button = document.querySelector("footer .show-api");
  if (button) {
    button.click();
    button.click();
  } else if (tries > 0) {
    setTimeout(showEndpoints, 50, tries - 1); // the footer is not there yet
  }
}
if (new URLSearchParams(location.search).get("view") === "api") showEndpoints(200);
