/** Clients that nobody is looking at (XEP-0352 §4.2). Nobody else may learn of it (§6). */

import { slot } from "./session.ts";

/** On a session: since when its client is inactive (`performance.now()`); undefined while active. */
export const inactiveSince = slot<number>();
