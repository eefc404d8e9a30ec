/**
 * Subscription stanzas (RFC 6121 §3): what they change is stored and pushed first, and only then do
 * they go on to the other side.
 */

import type { Jid } from "../../lib/jid.ts";
import { parseJid } from "../../lib/jid.ts";
import type { Later } from "../../lib/later.ts";
import { then } from "../../lib/later.ts";
import type { Session } from "../../lib/session.ts";
import type { Stanza } from "../../lib/stanza.ts";
import { presence } from "../../lib/stanza.ts";
import type { ModuleHost } from "../../lib/module.ts";
import type { RosterItem } from "../../lib/hooks/roster.ts";
import { rosterGet } from "../../lib/hooks/roster.ts";
import { rosterChange } from "../../lib/hooks/roster_changes.ts";
import { accountExists } from "../../lib/hooks/accounts.ts";
import { subscriptionRequested } from "../../lib/hooks/presence.ts";
import type { Step, SubscriptionType } from "./states.ts";
import { inbound, outbound, SUBSCRIPTION_TYPES } from "./states.ts";

export interface RequestLimits {
  /** Unanswered requests kept for an account. */
  readonly requests: number;
  /** Characters of a kept request. */
  readonly request_length: number;
}

export function isSubscription(type: string | undefined): type is SubscriptionType {
  return SUBSCRIPTION_TYPES.includes(type as SubscriptionType);
}

export class Subscriptions {
  readonly #host: ModuleHost;
  readonly #limits: RequestLimits;

  constructor(host: ModuleHost, limits: RequestLimits) {
    this.#host = host;
    this.#limits = limits;
  }

  /** A client sends one. Undefined if nobody keeps rosters here. */
  outbound(session: Session, stanza: Stanza, type: SubscriptionType): Later<true | undefined> {
    const account = session.account.jid;
    const contact = stanza.to!.toBare();
    // An account sees its own presence anyway.
    if (contact.bare === account.bare) return true;
    let before: RosterItem | undefined;
    let step: Step | undefined;
    const changed = this.#host.ask(rosterChange, account, contact, (item) => {
      before = item;
      step = outbound(item, type);
      return step.item === item ? undefined : step.item;
    });
    return then(changed, (done) => {
      if (done !== true) return undefined;
      if (!step!.goesOn) return true;
      return this.#goOn(
        account,
        stanza.sentFrom(account).addressedTo(contact),
        before!,
        step!.item,
      );
    });
  }

  async #goOn(
    account: Jid,
    stanza: Stanza,
    before: RosterItem,
    after: RosterItem,
  ): Promise<true> {
    const contact = stanza.to!;
    if (sees(before) && !sees(after)) await this.#showAbsence(account, contact);
    await this.#host.send(stanza);
    if (!sees(before) && sees(after)) await this.#showPresence(account, contact);
    return true;
  }

  /** One comes for an account that may not exist. */
  inbound(stanza: Stanza, account: Jid, type: SubscriptionType): Later<true | undefined> {
    const contact = stanza.from!.toBare();
    if (contact.bare === account.bare) return true;
    const to = stanza.to!;
    // RFC 6121 §8.5.3.2.2.
    if (!to.isBare && type !== "subscribe" && this.#host.session(to) === undefined) return true;
    const request = stanza.sentFrom(contact).addressedTo(account);
    const online = this.#host.account(account) !== undefined;
    const exists = online || this.#host.ask(accountExists, account);
    return then(exists, (yes) => {
      // §8.5.1: silence tells a stranger nothing.
      if (yes !== true) return true;
      if (type !== "subscribe") return this.#inbound(request, account, contact, type);
      if (!this.#host.has(subscriptionRequested)) return this.#ask(request, account, contact);
      return then(
        this.#host.ask(subscriptionRequested, request, account),
        (settled) => settled ?? this.#ask(request, account, contact),
      );
    });
  }

  /** A request for the account to answer; beyond the limit it is ignored. */
  #ask(request: Stanza, account: Jid, contact: Jid): Later<true | undefined> {
    return then(this.#hasRoom(account, contact), (room) => {
      return room ? this.#inbound(request, account, contact, "subscribe") : true;
    });
  }

  #hasRoom(account: Jid, contact: Jid): Later<boolean> {
    return then(this.#host.ask(rosterGet, account), (roster) => {
      if (roster === undefined || roster.items.size < this.#limits.requests) return true;
      if (roster.items.get(contact.bare)?.pendingIn !== undefined) return true;
      let requests = 0;
      for (const item of roster.items.values()) if (item.pendingIn !== undefined) requests++;
      return requests < this.#limits.requests;
    });
  }

  #inbound(
    stanza: Stanza,
    account: Jid,
    contact: Jid,
    type: SubscriptionType,
  ): Later<true | undefined> {
    let before: RosterItem | undefined;
    let step: Step | undefined;
    const changed = this.#host.ask(
      rosterChange,
      account,
      contact,
      (item) => {
        before = item;
        step = inbound(item, type, type === "subscribe" ? this.#kept(stanza) : "");
        return step.item === item ? undefined : step.item;
      },
      // Before the push, so that a client can tell why there is one (§3.1.6, §3.2.3, §3.3.3).
      (interested) => {
        if (step!.goesOn) this.#deliver(stanza, account, type, interested);
      },
    );
    return then(changed, (done) => {
      if (done !== true) return undefined;
      const { reply, item } = step!;
      if (reply === undefined) return true;
      const answer = presence({ type: reply, id: stanza.id, from: account, to: contact });
      return this.#reply(answer, before!, item);
    });
  }

  /** Requests go to available resources, all else to those interested in the roster (§2.2). */
  #deliver(
    stanza: Stanza,
    account: Jid,
    type: SubscriptionType,
    interested: readonly Session[],
  ): void {
    const sessions = type === "subscribe"
      ? this.#host.account(account)?.available() ?? []
      : interested;
    for (const session of sessions) session.send(stanza);
  }

  async #reply(answer: Stanza, before: RosterItem, after: RosterItem): Promise<true> {
    const account = answer.from!;
    const contact = answer.to!;
    if (sees(before) && !sees(after)) await this.#showAbsence(account, contact);
    await this.#host.send(answer);
    if (sees(after)) await this.#showPresence(account, contact);
    return true;
  }

  /** The account approves the contact and asks in turn, both at once. */
  async accept(account: Jid, contact: Jid): Promise<true | undefined> {
    let before: RosterItem | undefined;
    let after: RosterItem | undefined;
    const done = await this.#host.ask(rosterChange, account, contact, (item) => {
      before = item;
      const known = knows(item);
      after = {
        ...item,
        subscription: known ? "both" : "from",
        ask: !known,
        approved: false,
        pendingIn: undefined,
        listed: true,
      };
      return after;
    });
    if (done !== true) return undefined;
    const answer = presence({ type: "subscribed", from: account, to: contact });
    await this.#goOn(account, answer, before!, after!);
    if (!after!.ask) return true;
    await this.#host.send(presence({ type: "subscribe", from: account, to: contact }));
    return true;
  }

  /** The request as it is shown at the next login; one that is too long loses its extensions. */
  #kept(stanza: Stanza): string {
    const text = stanza.toString();
    if (text.length <= this.#limits.request_length) return text;
    const { type, id, from, to } = stanza;
    return presence({ type, id: id?.slice(0, 64), from, to }).toString();
  }

  /** §2.5.2: the account's client has removed the contact, or the account is gone. */
  async removed(account: Jid, item: RosterItem): Promise<void> {
    const contact = parseJid(item.jid);
    if (contact === undefined || contact.bare === account.bare) return;
    if (sees(item)) await this.#showAbsence(account, contact);
    if (item.ask || item.subscription === "to" || item.subscription === "both") {
      await this.#host.send(presence({ type: "unsubscribe", from: account, to: contact }));
    }
    if (sees(item) || item.pendingIn !== undefined) {
      await this.#host.send(presence({ type: "unsubscribed", from: account, to: contact }));
    }
  }

  /** §3.1.5: who has just been approved sees who is there. */
  async #showPresence(account: Jid, contact: Jid): Promise<void> {
    for (const session of this.#host.account(account)?.available() ?? []) {
      await this.#host.send(session.presence!.addressedTo(contact));
    }
  }

  /** §3.2.2, §3.3.3: who may see no longer sees everybody go. */
  async #showAbsence(account: Jid, contact: Jid): Promise<void> {
    for (const { jid } of this.#host.account(account)?.available() ?? []) {
      await this.#host.send(presence({ type: "unavailable", from: jid, to: contact }));
    }
  }
}

/** Whether the contact has a subscription to the account's presence. */
function sees(item: RosterItem): boolean {
  return item.subscription === "from" || item.subscription === "both";
}

/** Whether the account has a subscription to the contact's presence. */
function knows(item: RosterItem): boolean {
  return item.subscription === "to" || item.subscription === "both";
}
