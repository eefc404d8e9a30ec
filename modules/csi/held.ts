/**
 * What is held back from one inactive client (XEP-0352). It keeps the order in which things came,
 * except that of presence and of chat states only the last of each sender is left, where it came.
 */

import { copiedMessage, traitsOf } from "../../lib/formats/message_traits.ts";
import { delayElement } from "../../lib/formats/delay.ts";
import type { Gate } from "../../lib/gate.ts";
import type { Stanza } from "../../lib/stanza.ts";
import type { Element } from "../../lib/xml/element.ts";

const MUC_USER_NS = "http://jabber.org/protocol/muc#user";

/** What a stanza weighs that was not read from a stream, in characters. */
const UNKNOWN_SIZE = 512;

/** What is held so long says when it came. */
const WORTH_A_DELAY_MS = 5000;

export interface Limits {
  readonly stanzas: number;
  readonly characters: number;
}

/** What it was good for. */
export interface Savings {
  /** Stanzas that were held back. */
  held: number;
  /** Those among them that were never sent, for a later one took their place. */
  replaced: number;
  /** Times that something was sent: each wakes up the client once, where `held` would have. */
  flushes: number;
}

interface Entry {
  readonly stanza: Stanza;
  readonly to: string | undefined;
  /** ms since the epoch. */
  readonly since: number;
  readonly size: number;
}

/** Where things go, and who is told. */
export interface Outlet {
  /** Named in delays. */
  readonly domain: string;
  write(stanza: Stanza, to: string | undefined): void;
  /** The first stanza is held. */
  holds(): void;
  /** Nothing is held any more. */
  empty(): void;
  /** A person waits for this message, which is about to be sent. */
  urgent(stanza: Stanza): void;
}

export class HeldStanzas implements Gate {
  readonly savings: Savings = { held: 0, replaced: 0, flushes: 0 };
  readonly #limits: Limits;
  readonly #outlet: Outlet;
  /** In the order of sending; a key that comes again moves to the end. */
  #entries = new Map<string | number, Entry>();
  #characters = 0;
  #count = 0;

  constructor(limits: Limits, outlet: Outlet) {
    this.#limits = limits;
    this.#outlet = outlet;
  }

  get size(): number {
    return this.#entries.size;
  }

  takes(stanza: Stanza, to: string | undefined): boolean {
    switch (stanza.name) {
      case "presence":
        if (!isMereState(stanza)) break;
        this.#keep(`p ${stanza.from?.full}`, stanza, to);
        return true;
      case "message": {
        const traits = traitsOf(stanza);
        if (traits.urgent) {
          this.open();
          this.#outlet.urgent(stanza);
          return false;
        }
        const key = chatStateKey(stanza, traits.chatState);
        this.#keep(key ?? this.#count++, stanza, to);
        return true;
      }
    }
    this.open();
    return false;
  }

  open(): void {
    if (this.#entries.size === 0) return;
    for (const entry of this.#take()) this.#outlet.write(this.#delayed(entry), entry.to);
  }

  /** Gives up what is held: the session is over. */
  abandon(): Stanza[] {
    return Array.from(this.#take(), (entry) => this.#delayed(entry));
  }

  /** A message says when it came, if that is some time ago (XEP-0203). */
  #delayed({ stanza, since }: Entry): Stanza {
    const isLate = stanza.name === "message" && since < Date.now() - WORTH_A_DELAY_MS;
    return isLate ? stanza.append(delayElement(this.#outlet.domain, since)) : stanza;
  }

  #take(): Iterable<Entry> {
    const entries = this.#entries.values();
    this.#entries = new Map();
    this.#characters = 0;
    this.savings.flushes++;
    this.#outlet.empty();
    return entries;
  }

  #keep(key: string | number, stanza: Stanza, to: string | undefined): void {
    const size = stanza.source?.length ?? UNKNOWN_SIZE;
    const old = this.#entries.get(key);
    if (old !== undefined) {
      this.#entries.delete(key);
      this.#characters -= old.size;
      this.savings.replaced++;
    }
    this.savings.held++;
    this.#characters += size;
    this.#entries.set(key, { stanza, to, since: Date.now(), size });
    const { stanzas, characters } = this.#limits;
    if (this.#entries.size > stanzas || this.#characters > characters) return this.open();
    if (this.#entries.size === 1) this.#outlet.holds();
  }
}

/**
 * Presence that only says how somebody is. All else is an answer, or wants one: subscriptions, errors,
 * and the client's own presence in a room (XEP-0045 §7.2.2), which ends its entering.
 */
function isMereState(presence: Stanza): boolean {
  if (presence.type !== undefined && presence.type !== "unavailable") return false;
  const room = presence.child("x", MUC_USER_NS);
  return room === undefined || !room.children.some(isSelf);
}

function isSelf(child: Element["children"][number]): boolean {
  return typeof child !== "string" && child.name === "status" && child.attrs.code === "110";
}

/** Of a chat state, or a copy of one: who has said it to whom. */
function chatStateKey(message: Stanza, isChatState: boolean): string | undefined {
  const copied = isChatState ? undefined : copiedMessage(message);
  if (copied !== undefined && !traitsOf(copied).chatState) return undefined;
  if (copied === undefined && !isChatState) return undefined;
  const { from, to } = (copied ?? message).attrs;
  return copied === undefined ? `s ${from}` : `c ${from} ${to}`;
}
