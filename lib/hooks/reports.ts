/** Reports of spam and abuse (XEP-0377). */

import type { Jid } from "../jid.ts";
import { tell } from "./hook.ts";

export interface ContactReport {
  /** Bare JID of who reports. */
  readonly reporter: Jid;
  /** Who is reported, and has been blocked with it. */
  readonly reported: Jid;
  /** A URN such as `urn:xmpp:reporting:spam`. */
  readonly reason: string;
  /** What the reporter has to say, in any number of languages. */
  readonly texts: readonly { readonly lang: string | undefined; readonly text: string }[];
  /** Messages meant, by the ids that `by` has given them (XEP-0359). */
  readonly messages: readonly { readonly by: string; readonly id: string }[];
  /** Whether it may be passed on to the reported one's server, and to third parties (§5). */
  readonly mayTellOrigin: boolean;
  readonly mayTellOthers: boolean;
}

export const contactReported = tell<[report: ContactReport]>(
  "contact.reported",
  "an account has blocked an address and reported it for spam or abuse",
);
