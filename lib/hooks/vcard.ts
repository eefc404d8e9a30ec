/** What of a vCard is needed without the rest of it, and who hears of changes. */

import type { Jid } from "../jid.ts";
import type { Element } from "../xml/element.ts";
import { ask, tell } from "./hook.ts";

/** Who answers `vcard.get` should answer this too; otherwise presence carries no hash. */
export const vcardPhotoHash = ask<[account: Jid], string>(
  "vcard.photo-hash",
  "SHA-1 of the photo in an account's vCard in hex (XEP-0153), or empty",
);

export interface VcardRules {
  /** Whether everybody may read vCards, or only contacts. */
  readonly public: boolean;
  /** Largest vCard in bytes. */
  readonly bytes: number;
}

export const vcardRules = ask<[], VcardRules>(
  "vcard.rules",
  "who may read vCards, and how large they may be",
);

/**
 * For whoever changes a part of a vCard: between the reading and the writing nobody else writes. `edit`
 * gets the XML ("" without a vCard) and returns what takes its place, undefined to leave it. The
 * answer is whether anything was stored.
 */
export const vcardEdit = ask<
  [account: Jid, edit: (card: string) => string | undefined],
  boolean
>("vcard.edit", "changes a part of an account's vCard");

/** Not told of what is stored by `vcard.set`. `photoBefore` is the hash of the photo until then, or "". */
export const vcardChanged = tell<[account: Jid, card: Element, photoBefore: string]>(
  "vcard.changed",
  "a client has stored the vCard of its account",
);
