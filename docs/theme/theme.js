// Tables that are wider than the page scroll by the keyboard, too: the theme makes boxes around them.

function letScroll() {
  for (const box of document.querySelectorAll(".md-typeset__scrollwrap")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}

new MutationObserver(letScroll).observe(document.body, { childList: true, subtree: true });
window.addEventListener("resize", letScroll);
