"use strict";

/* The menu of narrow screens, drop-downs that close when one goes elsewhere, and Escape. */
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
    }

    document.addEventListener("keydown", (event) => {
        const open = event.key === "Escape"
            && event.target.closest("details.account[open], details.confirm[open]");
        if (open) {
            open.open = false;
            open.querySelector("summary").focus();
        }
    });
}
