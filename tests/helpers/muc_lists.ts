/** Lists of a room's people in transcripts (XEP-0045 §8.5, §9, §10). */

import type { TestClient } from "./client.ts";
import { ADMIN, ask, item, ROOM } from "./muc.ts";

/** The items of a list, as `jid nick role (reason)`, without what is not there. */
export async function listed(
  client: TestClient,
  attributes: string,
  room = ROOM,
): Promise<readonly string[]> {
  await ask(client, "get", item(attributes), `<query xmlns='${ADMIN}'/>`, room);
  const items = client.last.child("query", ADMIN)!.elements();
  return items.map((e) => {
    const { jid, nick, role } = e.attrs;
    const reason = e.child("reason", ADMIN)?.text();
    const words = [jid, nick, role, reason === undefined ? undefined : `(${reason})`];
    return words.filter((w) => w !== undefined).join(" ");
  }).sort();
}

/** Changes affiliations, several at once: `jid affiliation`, or `jid affiliation nick`. */
export function items(...changes: readonly string[]): string {
  const each = changes.map((change) => {
    const [jid, affiliation, nick] = change.split(" ");
    const reserved = nick === undefined ? "" : ` nick='${nick}'`;
    return `<item jid='${jid}' affiliation='${affiliation}'${reserved}/>`;
  });
  return `<query xmlns='${ADMIN}'>${each.join("")}</query>`;
}
