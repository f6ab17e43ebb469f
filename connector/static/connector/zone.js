"use strict";

/* Tells the portal the browser's time zone, unless the reader has chosen one. */
{
    const known = document.cookie.split("; ").some((cookie) => cookie.startsWith("time_zone="));
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (!known && zone) {
        const secure = location.protocol === "https:" ? "; secure" : "";
        document.cookie = `time_zone=${zone}; path=/; max-age=31536000; samesite=lax${secure}`;
    }
}
