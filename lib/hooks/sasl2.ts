/**
 * What takes part in an authentication by the Extensible SASL Profile (XEP-0388), besides what
 * `inline.ts` has. `request` is the client's `<authenticate/>`.
 */

import type { Jid } from "../jid.ts";
import type { Later } from "../later.ts";
import type { Mechanism, SaslFailure } from "../sasl/mechanism.ts";
import type { Session } from "../session.ts";
import type { Negotiation } from "../stream/negotiation.ts";
import type { Element } from "../xml/element.ts";
import { ask, filter, tell } from "./hook.ts";

export const sasl2Offer = filter<Element[], [negotiation: Negotiation]>(
  "sasl2.offer",
  "the content of <authentication/> besides mechanisms and <inline/>",
);

/** A mechanism that is not among those offered to everybody. */
export const sasl2Mechanism = ask<
  [negotiation: Negotiation, mechanism: string, request: Element],
  Mechanism
>("sasl2.mechanism", "speaks a mechanism for this request alone");

/** What a task says to the client's message. */
export type TaskStep =
  | { readonly kind: "data"; readonly content: readonly Element[] }
  | { readonly kind: "done"; readonly content?: readonly Element[] }
  | SaslFailure;

/** Something to be done between the proof of an account and its login (XEP-0388 §2.6.3). */
export interface LoginTask {
  readonly name: string;
  /** Why, for the client's user. */
  readonly text?: string;
  /** Takes the `<next/>` first, then each `<task-data/>`. */
  step(message: Element): Later<TaskStep>;
}

export const sasl2Tasks = filter<
  LoginTask[],
  [negotiation: Negotiation, account: Jid, mechanism: string, request: Element]
>("sasl2.tasks", "what the client must still do before it is logged in, in this order");

/** A session bound within an authentication. */
export interface InlineBinding {
  readonly session: Session;
  /** Goes into the success. */
  readonly answer: Element;
}

/** Of an account that is authenticated. Declines if the request has no wish to bind. */
export const bindInline = ask<
  [negotiation: Negotiation, account: Jid, request: Element],
  InlineBinding
>("sasl2.bind", "binds a resource within an authentication; throw StanzaError to refuse the login");

export const sasl2Success = filter<
  Element[],
  [negotiation: Negotiation, account: Jid, mechanism: string, request: Element]
>("sasl2.success", "what a success tells the client; the login is complete, nothing can refuse it");

/** Client installations that may log in without a password, by the ids of their user agents. */
export const tokenHolders = filter<string[], [account: Jid]>(
  "auth.token-holders",
  "ids of the clients that hold a token to log in with",
);

export const clientRevoked = tell<[account: Jid, agent: string]>(
  "auth.client-revoked",
  "a client (the id of its user agent) may not log in any more by what it was given",
);
