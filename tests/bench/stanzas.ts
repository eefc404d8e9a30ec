/** Stanzas as clients send them, for everybody who measures with them. */

/** A chat message of some 250 bytes: a sentence, its chat state, and the wish for a receipt. */
export function chatMessage(to: string, id: number | string): string {
  return `<message to='${to}' id='${id}' type='chat'>` +
    "<body>My bounty is as boundless as the sea, my love as deep.</body>" +
    "<active xmlns='http://jabber.org/protocol/chatstates'/>" +
    "<request xmlns='urn:xmpp:receipts'/></message>";
}
