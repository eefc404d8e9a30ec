/**
 * What is held back from one inactive client (XEP-0352). It keeps the order in which things came,
 * except that of presence and of chat states only the last of each sender is left, where it came.
 */

import { copiedMessage, traitsOf } from "../../lib/formats/message_traits.ts";
import { delayElement } from "../../lib/formats/delay.ts";
import { isMereState } from "../../lib/formats/mere_presence.ts";
import type { Gate, Held } from "../../lib/gate.ts";
import type { Stanza } from "../../lib/stanza.ts";
import type { Element } from "../../lib/xml/element.ts";

/** What an element weighs beside its content that was not read from a stream, in characters. */
const UNKNOWN_SIZE = 256;

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
  /** A stanza is held, perhaps in the place of another. */
  kept(held: Held): void;
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

  *held(): Iterable<Held> {
    for (const [key, entry] of this.#entries) yield heldOf(key, entry);
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
    const size = weightOf(stanza);
    const old = this.#entries.get(key);
    if (old !== undefined) {
      this.#entries.delete(key);
      this.#characters -= old.size;
      this.savings.replaced++;
    }
    this.savings.held++;
    this.#characters += size;
    const entry = { stanza, to, since: Date.now(), size };
    this.#entries.set(key, entry);
    this.#outlet.kept(heldOf(key, entry));
    const { stanzas, characters } = this.#limits;
    if (this.#entries.size > stanzas || this.#characters > characters) return this.open();
    if (this.#entries.size === 1) this.#outlet.holds();
  }
}

function heldOf(key: string | number, { stanza, to, since }: Entry): Held {
  return { key: String(key), stanza, text: stanza.wire(to), since };
}

/** Characters, roughly: a copy or an event is our own wrapping around what somebody has sent. */
function weightOf(element: Element): number {
  if (element.source !== undefined) return element.source.length;
  let size = UNKNOWN_SIZE;
  for (const child of element.children) {
    size += typeof child === "string" ? child.length : weightOf(child);
  }
  return size;
}

/** Of a chat state, or a copy of one: who has said it to whom. */
function chatStateKey(message: Stanza, isChatState: boolean): string | undefined {
  const copied = isChatState ? undefined : copiedMessage(message);
  if (copied !== undefined && !traitsOf(copied).chatState) return undefined;
  if (copied === undefined && !isChatState) return undefined;
  const { from, to } = (copied ?? message).attrs;
  return copied === undefined ? `s ${from}` : `c ${from} ${to}`;
}
