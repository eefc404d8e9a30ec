/** Enabling and resuming (XEP-0198 §3, §5): what is asked for, and what is answered. */

import { StreamError } from "../../lib/errors.ts";
import type { Resumption } from "../../lib/hooks/inline.ts";
import { sessionResumed } from "../../lib/hooks/streams.ts";
import type { Jid } from "../../lib/jid.ts";
import type { Later } from "../../lib/later.ts";
import { then } from "../../lib/later.ts";
import { NS } from "../../lib/ns.ts";
import type { Session } from "../../lib/session.ts";
import type { Negotiation } from "../../lib/stream/negotiation.ts";
import type { Element } from "../../lib/xml/element.ts";
import { xml } from "../../lib/xml/element.ts";
import type { StanzaCondition } from "../../lib/errors.ts";
import type { Keeper } from "./keeper.ts";
import { SM_NS } from "./asker.ts";
import type { Managed } from "./managed.ts";
import { tooHigh } from "./texts.ts";

/** `<failed/>`; with the count of what was handled, where the session was known. */
export function failed(condition: StanzaCondition, h?: number): Element {
  return xml(
    "failed",
    SM_NS,
    { h: h === undefined ? undefined : String(h) },
    xml(condition, NS.stanzaErrors),
  );
}

/** An unsignedInt, as `h` is one. */
export function readCount(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const n = Number(text);
  return n < 2 ** 32 ? n : undefined;
}

function isTrue(text: string | undefined): boolean {
  return text === "true" || text === "1";
}

/** Turns it on for a bound session and answers `<enabled/>`, or `<failed/>` the second time. */
export function enable(keeper: Keeper, session: Session, request: Element): Element {
  // One that is over would never be forgotten again.
  if (session.outbox !== undefined || !session.bound) return failed("unexpected-request");
  const { resume_timeout, location } = keeper.config;
  const wanted = readCount(request.attrs.max);
  let max = isTrue(request.attrs.resume) ? resume_timeout : 0;
  if (wanted !== undefined) max = Math.min(max, wanted * 1000);
  // A guest cannot log in to the same account again.
  if (session.account.guest) max = 0;
  const { id } = keeper.manage(session, max);
  if (id === undefined) return xml("enabled", SM_NS);
  return xml("enabled", SM_NS, {
    id,
    resume: "true",
    max: String(Math.floor(max / 1000)),
    location,
  });
}

/**
 * Gives a session the stream of a client that has just authenticated as its account. The stream is the
 * session's when the answer is there.
 * @throws StreamError if the client has got more than was sent
 */
export function resume(
  keeper: Keeper,
  n: Negotiation,
  account: Jid,
  request: Element,
): Later<Resumption> {
  const { previd } = request.attrs;
  const h = readCount(request.attrs.h);
  if (previd === undefined || h === undefined) return refused(failed("bad-request"));
  const managed = keeper.find(previd);
  // Between the two it is not found any more, and its end is still being announced.
  const isOver = managed === undefined || managed.isOver || !managed.session.bound;
  if (isOver || managed.session.account.jid.bare !== account.bare) {
    return refused(failed("item-not-found", keeper.past(previd, account)));
  }
  if (!managed.canAcknowledge(h)) throw tooHigh(h, managed.queue.sent >>> 0);
  managed.resuming = n;
  if (managed.park()) managed.isParked = true;
  return then(managed.settled(), () => take(keeper, managed, n, account, h));
}

/** All that the old stream had brought is handled. */
function take(
  keeper: Keeper,
  managed: Managed,
  n: Negotiation,
  account: Jid,
  h: number,
): Resumption {
  const { session, id } = managed;
  if (managed.isOver || !session.bound) {
    return refused(failed("item-not-found", keeper.past(id!, account)));
  }
  // The client has come a second time meanwhile.
  if (managed.resuming !== n) return refused(failed("conflict"));
  managed.resuming = undefined;
  // Closed, or this has taken so long that the login was taken back.
  if (n.stream.closed || n.account !== account) {
    if (managed.isParked) keeper.hibernated(managed, "lost while it was resumed");
    managed.isParked = false;
    return refused(failed("item-not-found"));
  }
  managed.isParked = false;
  managed.attach(n.stream, h);
  keeper.log.info("session resumed", {
    jid: session.jid.full,
    remote: n.stream.transport.remote,
    stanzas: managed.queue.length,
  });
  return {
    answer: xml("resumed", SM_NS, { previd: id!, h: String(managed.count) }),
    session,
    proceed() {
      managed.resend();
      void keeper.host.tell(sessionResumed, session);
    },
  };
}

function refused(answer: Element): Resumption {
  return { answer, session: undefined, proceed() {} };
}

/** What a client says on a stream of its own session. True if it was understood. */
export function onElement(keeper: Keeper, session: Session, element: Element): true | undefined {
  const managed = session.outbox as Managed | undefined;
  switch (element.name) {
    case "enable": {
      // What was sent before does not count (§4): the answer leaves before anything is counted.
      session.stream?.send(enable(keeper, session, element).toString());
      return true;
    }
    case "r":
      if (managed === undefined) break;
      managed.requested();
      return true;
    case "a": {
      if (managed === undefined) break;
      const h = readCount(element.attrs.h);
      if (h === undefined) throw new StreamError("bad-format", "`h` is no count");
      managed.acknowledged(h);
      return true;
    }
    case "resume":
      break;
    default:
      return undefined;
  }
  session.stream?.send(failed("unexpected-request").toString());
  return true;
}
