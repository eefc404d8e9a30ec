/**
 * XEP-0352: Client State Indication: a client at which nobody looks is sent only what somebody waits
 * for; with that goes what was held back before. What a person waits for is said by
 * `lib/formats/message_traits.ts`.
 *
 * Only sessions with an inactive client have a gate before their output (`lib/gate.ts`): all others
 * pay for a look at a field.
 */

import * as v from "valibot";
import { defineModule, type ModuleHost } from "../lib/module.ts";
import { bytes, duration, setting, wholeNumber } from "../lib/config/setting.ts";
import type { Deadline } from "../lib/deadlines.ts";
import { traitsOf } from "../lib/formats/message_traits.ts";
import { urgentWhileInactive } from "../lib/hooks/clients.ts";
import { bind2Inline, boundInline } from "../lib/hooks/inline.ts";
import { streamElement } from "../lib/hooks/stanzas.ts";
import {
  sessionClosed,
  sessionHibernated,
  sessionResumed,
  streamFeatures,
} from "../lib/hooks/streams.ts";
import { inactiveSince } from "../lib/inactive.ts";
import type { Later } from "../lib/later.ts";
import { type Session, slot } from "../lib/session.ts";
import type { Stanza } from "../lib/stanza.ts";
import { xml } from "../lib/xml/element.ts";
import { HeldStanzas } from "./csi/held.ts";

const CSI_NS = "urn:xmpp:csi:0";

const config = v.strictObject({
  queue: setting(
    wholeNumber(1, 100_000),
    500,
    "Stanzas held back from an inactive client; with one more, all are sent.",
  ),
  queue_bytes: setting(
    bytes(1 << 10, 64 << 20),
    "256 KiB",
    "Size of what is held back from an inactive client, counted in characters.",
  ),
  hold: setting(
    duration("1s", "1d"),
    "30m",
    "How long anything is held back from an inactive client at most.",
  ),
});

type Host = ModuleHost<v.InferOutput<typeof config>>;

/** On a session with an inactive client. */
const held = slot<HeldStanzas>();

export default defineModule({
  name: "csi",
  description: "Saves traffic to clients at which nobody looks",
  xeps: { "XEP-0352": "1.0.0" },
  config,
  setup(host) {
    host.on(streamFeatures, (features, negotiation) => {
      if (negotiation.account !== undefined) return [...features, xml("csi", CSI_NS)];
    });
    host.on(streamElement, (session, element) => {
      if (element.ns !== CSI_NS) return undefined;
      switch (element.name) {
        case "inactive":
          inactive(host, session);
          return true;
        case "active":
          active(host, session);
          return true;
      }
    });
    host.on(bind2Inline, (features) => [...features, CSI_NS]);
    host.on(boundInline, (_answers, session, request) => {
      if (request.child("inactive", CSI_NS) !== undefined) inactive(host, session);
    });
    // What was held goes where all goes that is sent from now on (XEP-0198); the next stream begins as
    // an active one (§5.2).
    host.on(sessionHibernated, (session) => active(host, session), { priority: 100 });
    host.on(sessionResumed, (session) => active(host, session));
    host.on(sessionClosed, (session) => closed(host, session));
    host.onUnload(() => {
      for (const account of host.accounts()) {
        for (const session of account.sessions) active(host, session);
      }
    });
  },
});

function inactive(host: Host, session: Session): void {
  if (held.get(session) !== undefined) return;
  const { queue, queue_bytes, hold } = host.config;
  let deadline: Deadline | undefined;
  const gate = new HeldStanzas({ stanzas: queue, characters: queue_bytes }, {
    domain: host.domain,
    write: (stanza, to) => session.write(stanza, to),
    kept: (stanza) => session.outbox?.aside(stanza),
    holds: () => deadline ??= host.after(hold, () => gate.open()),
    empty: () => {
      session.outbox?.asideOver();
      deadline?.cancel();
      deadline = undefined;
    },
    urgent: (stanza) => {
      if (host.has(urgentWhileInactive)) void host.tell(urgentWhileInactive, stanza, session);
    },
  });
  session.gate = gate;
  held.set(session, gate);
  inactiveSince.set(session, performance.now());
}

/** Harmless if it is active already. */
function active(host: Host, session: Session): void {
  const gate = held.get(session);
  if (gate === undefined) return;
  session.gate = undefined;
  gate.open();
  forget(host, session, gate);
}

/**
 * A session without stream management is over: nobody will know whether its client got what was
 * written, but what was not written did not arrive.
 */
function closed(host: Host, session: Session): Later<void> {
  const gate = held.get(session);
  if (gate === undefined) return;
  session.gate = undefined;
  const rest = gate.abandon();
  forget(host, session, gate);
  const { router } = session.host.server;
  for (const stanza of rest) {
    // Not to an address that is gone: for some types that would be an error (RFC 6121 §8.5.3.2).
    if (isWorthRouting(stanza, session)) {
      void router.redeliver(stanza.addressedTo(session.account.jid));
    }
  }
}

/** What would have been kept, had the client not been there. */
function isWorthRouting(stanza: Stanza, session: Session): boolean {
  return stanza.name === "message" && !stanza.copied && stanza.from !== undefined &&
    stanza.to?.bare === session.jid.bare && traitsOf(stanza).offline;
}

function forget(host: Host, session: Session, { savings }: HeldStanzas): void {
  held.set(session, undefined);
  inactiveSince.set(session, undefined);
  if (host.log.debugOn) {
    host.log.debug("a client was inactive", { jid: session.jid.full, ...savings });
  }
}
