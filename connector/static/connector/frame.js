"use strict";

/* The menu of narrow screens, and drop-downs that close when one goes elsewhere. */
{
    document.documentElement.classList.add("with-script");

    const button = document.querySelector(".menu-button");
    const sidebar = document.getElementById("sidebar");
    if (button && sidebar) {
        button.hidden = false;
        button.addEventListener("click", () => {
            const open = sidebar.classList.toggle("open");
            button.setAttribute("aria-expanded", String(open));
        });
    }

    for (const details of document.querySelectorAll("details.account")) {
        document.addEventListener("click", (event) => {
            if (!details.contains(event.target)) {
                details.open = false;
            }
        });
        details.addEventListener("focusout", (event) => {
            if (event.relatedTarget && !details.contains(event.relatedTarget)) {
                details.open = false;
            }
        });
        details.addEventListener("keydown", (event) => {
            if (event.key === "Escape") {
                details.open = false;
                details.querySelector("summary").focus();
            }
        });
    }
}
