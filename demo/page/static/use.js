// Copying the code, and saving the numbers.
element.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    const code = copy.closest("section").querySelector("code").textContent;
    try {
      await navigator.clipboard.writeText(code);
      copy.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(copy.closest("section").querySelector("code"));
      copy.textContent = "Selected: press Ctrl+C"; // no clipboard without https
    }
    setTimeout(() => (copy.textContent = "Copy"), 1500);
  }
  const save = event.target.closest("[data-download]");
  if (save) {
    event.preventDefault();
    const numbers = element.querySelector("textarea").value;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([numbers + "\n"], { type: "application/json" }));
    link.download = save.dataset.download;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
});
