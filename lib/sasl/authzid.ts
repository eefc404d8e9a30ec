/** Authorization identities in XMPP (RFC 6120 §6.3.8). */

import { parseJid } from "../jid.ts";

/**
 * True if the identity that a client asks to act as is the bare JID of the account itself; nobody
 * acts for others here.
 */
export function isOwnAuthzid(authzid: string, node: string, domain: string): boolean {
  const jid = parseJid(authzid);
  return jid !== undefined && jid.isBare && jid.node === node && jid.domain === domain;
}
