/** Hooks about what clients are doing. */

import type { Session } from "../session.ts";
import type { Stanza } from "../stanza.ts";
import { tell } from "./hook.ts";

/** Keep it short: it is told in the turn in which the message is written. */
export const urgentWhileInactive = tell<[stanza: Stanza, session: Session]>(
  "client.urgent-while-inactive",
  "a message that a person waits for was sent to a client that is connected and inactive",
);
