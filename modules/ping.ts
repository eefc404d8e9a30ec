/** XEP-0199: XMPP Ping: answers pings, and may ping clients to find dead connections (§4.1). */

import * as v from "valibot";
import { defineModule, type ModuleHost, result } from "../lib/module.ts";
import { type Session, slot } from "../lib/session.ts";
import { StanzaError, StreamError } from "../lib/errors.ts";
import { mayDiscover } from "../lib/hooks/disco.ts";
import { type Later, then } from "../lib/later.ts";
import type { Stanza } from "../lib/stanza.ts";
import { xml } from "../lib/xml/element.ts";
import { duration, setting } from "../lib/config/setting.ts";

const PING_NS = "urn:xmpp:ping";

const config = v.strictObject({
  interval: setting(
    duration("1s", "1d", { off: true }),
    0,
    "How often every client is pinged; 0 for never.",
  ),
  timeout: setting(
    duration("1s", "10m"),
    "1m",
    "How long a client may take to answer before its session is ended.",
  ),
});

/** When a session is due for its next ping, in ms of `performance.now()`. */
const dueAt = slot<number>();

/** Parts of the interval in which the pings are spread, so that they do not leave all at once. */
const PARTS = 20;

export default defineModule({
  name: "ping",
  description: "Answers pings and, if told to, pings clients to find dead connections",
  xeps: { "XEP-0199": "2.0.1" },
  config,
  setup(host) {
    host.feature(PING_NS);
    host.accountFeature(PING_NS);
    host.iq.get(PING_NS, "ping", () => result());
    // On behalf of an account (§4.2), for those who may see its presence.
    host.iq.get(PING_NS, "ping", (iq) =>
      then(mayPing(host, iq), (may) => {
        if (!may) throw new StanzaError("service-unavailable");
        return result();
      }), "account");
    const { interval } = host.config;
    if (interval > 0) host.every(interval / PARTS, () => pingThoseDue(host, interval));
  },
});

type Host = ModuleHost<v.InferOutput<typeof config>>;

function mayPing(host: Host, iq: Stanza): Later<boolean> {
  const account = iq.to!.toBare();
  if (iq.from!.bare === account.bare) return true;
  return then(host.ask(mayDiscover, account, iq.from!), (may) => may === true);
}

function pingThoseDue(host: Host, interval: number): void {
  const now = performance.now();
  for (const account of host.accounts()) {
    for (const session of account.sessions) {
      const due = dueAt.get(session) ?? firstPing(session, interval, now);
      if (due > now) continue;
      // Not again before the answer has come or the time for it is over.
      dueAt.set(session, Infinity);
      void ping(host, session).finally(() => dueAt.set(session, performance.now() + interval));
    }
  }
}

/** An interval after the session was bound. */
function firstPing(session: Session, interval: number, now: number): number {
  const due = now + interval - Math.min(interval, Date.now() - session.since);
  dueAt.set(session, due);
  return due;
}

/** Any answer will do, an error too: the client is there. */
async function ping(host: Host, session: Session): Promise<void> {
  try {
    await host.request(session.jid, "get", xml("ping", PING_NS), host.config.timeout);
  } catch (e) {
    if (e instanceof StanzaError && e.condition === "remote-server-timeout") {
      session.drop(new StreamError("connection-timeout", "no answer to a ping"));
    }
  }
}
