/** What the journal has of a session beside its queue. */

import { DROP } from "../../lib/hooks/hook.ts";
import { type Frozen, sessionFreeze } from "../../lib/hooks/streams.ts";
import { isLater } from "../../lib/later.ts";
import type { Session } from "../../lib/session.ts";
import type { Managed } from "./managed.ts";
import type { Opened, State } from "./records.ts";

export function openedOf({ session, id, max, beforeRestart }: Managed): Opened {
  const { node, resource } = session.jid;
  const { lang, since } = session;
  return { id: id!, node, resource, lang, since, max, beforeRestart, ...stateOf(session) };
}

export function stateOf(session: Session): State {
  const frozen = session.host.hooks.filter(sessionFreeze, {} as Frozen, session);
  return {
    presence: session.presence?.wire(),
    frozen: isLater(frozen) || frozen === DROP ? {} : frozen,
  };
}
