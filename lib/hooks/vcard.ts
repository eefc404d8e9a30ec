/** What of a vCard is needed at every login, without the rest of it. */

import type { Jid } from "../jid.ts";
import { ask } from "./hook.ts";

/** Who answers `vcard.get` should answer this too; otherwise presence carries no hash. */
export const vcardPhotoHash = ask<[account: Jid], string>(
  "vcard.photo-hash",
  "SHA-1 of the photo in an account's vCard in hex (XEP-0153), or empty",
);
