/**
 * What is known of clients by the hashes in their presence. One query per hash, whoever shows it; the
 * answer counts for all only if it hashes to what was announced.
 */

import type { Element } from "../../lib/xml/element.ts";
import { DISCO_INFO_NS } from "../../lib/formats/disco.ts";
import {
  caps1Hash,
  caps1Input,
  caps2Hash,
  caps2Hashes,
  caps2Input,
  isCaps1Hash,
} from "./hashes.ts";

export const CAPS1_NS = "http://jabber.org/protocol/caps";
export const CAPS2_NS = "urn:xmpp:caps";
const HASHES_NS = "urn:xmpp:hashes:2";

/** What a client announces. */
export interface Announcement {
  readonly version: 1 | 2;
  readonly hash: string;
  /** The hash's value, base64. */
  readonly value: string;
  /** The disco node that answers for it. */
  readonly node: string;
}

/**
 * The text in a presence that changes whenever its capabilities do: what is compared each time,
 * before anything is made of it. `undefined` without capabilities.
 */
export function markIn(presence: Element): string | undefined {
  const caps2 = presence.child("c", CAPS2_NS)?.first();
  return caps2 === undefined ? presence.child("c", CAPS1_NS)?.attrs.ver : caps2.text();
}

/** The capabilities in a presence: XEP-0390 is preferred; `undefined` without any that count. */
export function announcementIn(presence: Element): Announcement | undefined {
  const caps2 = presence.child("c", CAPS2_NS);
  if (caps2 !== undefined) {
    for (const hash of caps2Hashes) {
      const found = caps2.elements("hash", HASHES_NS).find((h) => h.attrs.algo === hash);
      if (found === undefined) continue;
      const value = found.text().trim();
      return { version: 2, hash, value, node: `${CAPS2_NS}#${hash}.${value}` };
    }
  }
  const { hash, node, ver } = presence.child("c", CAPS1_NS)?.attrs ?? {};
  // Without `hash` it is the legacy format (XEP-0115 §13), whose `ver` says nothing to us.
  if (hash === undefined || node === undefined || ver === undefined) return undefined;
  return { version: 1, hash, value: ver, node: `${node}#${ver}` };
}

/** True if the announced hash can be checked: an answer may then count for others, too. */
export function isVerifiable({ version, hash }: Announcement): boolean {
  return version === 2 || isCaps1Hash(hash);
}

/** The name under which the announcement is remembered. */
export function keyOf({ version, hash, value }: Announcement): string {
  return `${version} ${hash} ${value}`;
}

export interface Answer {
  readonly features: ReadonlySet<string>;
  /** The answer hashes to what was announced. */
  readonly verified: boolean;
}

/**
 * Reads a client's disco#info.
 *
 * The string of XEP-0115 does not say what in it is a feature and what is something else, so that two
 * answers may agree in it and yet differ (§9.3). The features remembered for such a hash are hence all
 * the parts of that string: no other answer with that hash can make one appear or vanish.
 */
export function readAnswer(query: Element, announced: Announcement): Answer {
  const own = new Set(
    query.elements("feature", DISCO_INFO_NS).map((f) => detached(f.attrs.var ?? "")),
  );
  if (announced.version === 2) {
    const input = caps2Input(query);
    const verified = input !== undefined && caps2Hash(input, announced.hash) === announced.value;
    return { features: own, verified };
  }
  const input = isCaps1Hash(announced.hash) ? caps1Input(query) : undefined;
  if (input === undefined || caps1Hash(input, announced.hash) !== announced.value) {
    return { features: own, verified: false };
  }
  return { features: new Set(input.split("<").slice(0, -1)), verified: true };
}

/** What is known for a hash, shared by all who announce it. `S` stands for a session. */
export interface Known<S> {
  readonly key: string;
  readonly announced: Announcement;
  features: ReadonlySet<string> | undefined;
  /** Who is being asked at the moment. */
  asked: S | undefined;
  /** Who has announced it meanwhile. */
  readonly waiting: Set<S>;
}

/** A bounded cache, the least recently announced hash forgotten first; what is being asked stays. */
export class Cache<S> {
  readonly #entries = new Map<string, Known<S>>();

  constructor(readonly size: number) {}

  get count(): number {
    return this.#entries.size;
  }

  /** The entry for an announcement, made if it is new. */
  entry(announced: Announcement): Known<S> {
    const key = keyOf(announced);
    let known = this.#entries.get(key);
    if (known !== undefined) this.#entries.delete(key);
    else {
      this.#makeRoom();
      const { value, node } = announced;
      known = {
        key,
        announced: { ...announced, value: detached(value), node: detached(node) },
        features: undefined,
        asked: undefined,
        waiting: new Set(),
      };
    }
    this.#entries.set(key, known);
    return known;
  }

  /** Forgets an entry that came to nothing. */
  drop(known: Known<S>): void {
    if (this.#entries.get(known.key) === known) this.#entries.delete(known.key);
  }

  #makeRoom(): void {
    if (this.#entries.size < this.size) return;
    for (const [key, known] of this.#entries) {
      if (known.asked !== undefined) continue;
      this.#entries.delete(key);
      return;
    }
  }
}

/** A copy: text from the parser may keep the whole buffer alive that it was found in. */
function detached(text: string): string {
  return (" " + text).slice(1);
}
