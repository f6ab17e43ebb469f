"use strict";

/* <button data-copy="id" data-copied="Copied" hidden>: copies the text of the element with that id. */
{
    const textOf = (element) => ("value" in element ? element.value : element.textContent);

    /* Where the page is not served by https there is no clipboard: what is marked can be copied. */
    const mark = (element) => {
        if ("select" in element) {
            element.select();
        } else {
            getSelection().selectAllChildren(element);
        }
        return document.execCommand("copy");
    };

    const copy = async (element) => {
        try {
            await navigator.clipboard.writeText(textOf(element));
            return true;
        } catch {
            return mark(element);
        }
    };

    const say = (button, words) => {
        const before = button.textContent;
        button.setAttribute("aria-live", "polite");
        button.textContent = words;
        setTimeout(() => { button.textContent = before; }, 2000);
    };

    const prepare = (root) => {
        for (const button of root.querySelectorAll("button[data-copy]")) {
            button.hidden = false;
        }
    };

    document.addEventListener("click", async (event) => {
        const button = event.target.closest("button[data-copy]");
        const source = button && document.getElementById(button.dataset.copy);
        if (source && button.textContent !== button.dataset.copied && await copy(source)) {
            say(button, button.dataset.copied);
        }
    });
    document.addEventListener("portal:refreshed", (event) => prepare(event.target));
    prepare(document);
}
