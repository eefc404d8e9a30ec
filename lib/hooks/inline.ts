/**
 * What joins in when a client authenticates and binds in one step (XEP-0388, XEP-0386). The elements
 * are those of the request and of its answer, as each specification writes them.
 */

import type { Jid } from "../jid.ts";
import type { Negotiation } from "../stream/negotiation.ts";
import type { Session } from "../session.ts";
import type { Element } from "../xml/element.ts";
import { ask, filter } from "./hook.ts";

export const sasl2Inline = filter<Element[], [negotiation: Negotiation]>(
  "sasl2.inline",
  "what may be asked for together with an authentication: the content of <inline/> (XEP-0388)",
);

export const bind2Inline = filter<string[], [negotiation: Negotiation]>(
  "bind2.inline",
  "namespaces of what may be asked for while binding: the features in <inline/> (XEP-0386)",
);

/** A session that goes on, and the element that says so (or why there is none). */
export interface Resumption {
  /** `<resumed/>` or `<failed/>`, to be sent within the success. */
  readonly answer: Element;
  /** Undefined if there is nothing to resume: the client may be bound instead. */
  readonly session: Session | undefined;
  /** Sends what the client has missed; called when the success is out. */
  proceed(): void;
}

/** Of an account that has just been authenticated; the stream is the session's from the answer on. */
export const resumeInline = ask<
  [negotiation: Negotiation, account: Jid, request: Element],
  Resumption
>("sasl2.resume", "resumes a session within an authentication (XEP-0198 §9)");

/** `request` is the `<bind/>`; the elements become the content of `<bound/>`. */
export const boundInline = filter<Element[], [session: Session, request: Element]>(
  "bind2.bound",
  "a session was bound by Bind 2: does what its request asks for and adds the answers",
);
