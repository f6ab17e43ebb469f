"use strict";

/*
 * <div id="x" data-live="15">: every 15 s the same page is fetched and this element swapped for the
 * new one, until that has data-live-done. Focus, scroll and what was unfolded stay. Nothing is
 * fetched while the page is hidden, the reader has paused it, or is busy inside the element.
 */
{
    const paused = (id) => localStorage.getItem(`live-paused-${id}`) === "yes";
    const buttonOf = (id) => document.querySelector(`[data-live-pause="${id}"]`);
    const wordsOf = (id) => document.querySelector(`[data-live-words="${id}"]`);

    const isBusyIn = (element) => {
        const selection = getSelection();
        const marked = !selection.isCollapsed && element.contains(selection.anchorNode);
        const typing = document.activeElement.matches("input, select, textarea")
            && element.contains(document.activeElement);
        return marked || typing || element.querySelector("details.confirm[open]") !== null;
    };

    const FOCUSABLE = "a[href], button, summary, [tabindex]";

    const nameOf = (element) => [
        element.tagName,
        element.id,
        element.getAttribute("href"),
        element.getAttribute("aria-label") || element.getAttribute("aria-labelledby"),
        element.closest("details[id]")?.id,
    ].join("|");

    const namesakesOf = (element, inside) => [...inside.querySelectorAll(FOCUSABLE)]
        .filter((other) => nameOf(other) === nameOf(element));

    /* What has the focus, as a function that finds the same in the new element. */
    const placeOf = (old) => {
        const active = document.activeElement;
        if (!old.contains(active) || active === old) {
            return () => null;
        }
        const nth = namesakesOf(active, old).indexOf(active);
        return (fresh) => namesakesOf(active, fresh)[nth];
    };

    const swap = (old, fresh) => {
        const place = placeOf(old);
        for (const details of old.querySelectorAll("details[id]")) {
            const same = fresh.querySelector(`#${CSS.escape(details.id)}`);
            if (same) {
                same.open = details.open;
            }
        }
        const scrolled = [...old.querySelectorAll(".table-scroll")].map((box) => box.scrollLeft);
        old.replaceWith(fresh);
        fresh.querySelectorAll(".table-scroll").forEach((box, index) => {
            box.scrollLeft = scrolled[index] || 0;
        });
        place(fresh)?.focus({ preventScroll: true });
        fresh.dispatchEvent(new Event("portal:refreshed", { bubbles: true }));
    };

    const fetched = async (id) => {
        const answer = await fetch(location.href, { headers: { "X-Live": id } });
        if (!answer.ok || answer.redirected) {
            return null;
        }
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        return page.getElementById(id);
    };

    const refresh = async (id) => {
        const old = document.getElementById(id);
        if (document.hidden || paused(id) || isBusyIn(old)) {
            return;
        }
        const fresh = await fetched(id).catch(() => null);
        const words = wordsOf(id);
        if (words) {
            words.textContent = fresh ? "" : words.dataset.lost;
        }
        if (fresh && !paused(id) && !isBusyIn(old)) {
            swap(old, document.importNode(fresh, true));
        }
    };

    const next = (id) => {
        const element = document.getElementById(id);
        if (element && element.dataset.liveDone === undefined) {
            setTimeout(() => refresh(id).finally(() => next(id)), element.dataset.live * 1000);
        }
    };

    const prepareButton = (id) => {
        const button = buttonOf(id);
        if (!button) {
            return;
        }
        const show = () => {
            button.textContent = paused(id) ? button.dataset.resume : button.dataset.pause;
        };
        button.hidden = false;
        button.addEventListener("click", () => {
            localStorage.setItem(`live-paused-${id}`, paused(id) ? "no" : "yes");
            show();
        });
        show();
    };

    for (const element of document.querySelectorAll("[data-live]")) {
        prepareButton(element.id);
        next(element.id);
    }
}
