/** Where logs and rooms are found. */

/** The log of a room below a path or URL, with a slash at the end. */
export function roomUrl(base: string, room: string): string {
  const [node, domain] = parts(room);
  return `${base}/${encodeURIComponent(node)}@${encodeURIComponent(domain)}/`;
}

/** To enter a room (XEP-0045 §16.7.1), with what RFC 5122 wants encoded. */
export function joinUri(room: string): string {
  const [node, domain] = parts(room);
  return `xmpp:${encodeURIComponent(node)}@${encodeURIComponent(domain)}?join`;
}

function parts(room: string): [node: string, domain: string] {
  const at = room.indexOf("@");
  return [room.slice(0, at), room.slice(at + 1)];
}
