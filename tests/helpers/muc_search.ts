/** Searches for rooms (XEP-0433) in transcripts. */

import type { TestClient } from "./client.ts";
import { SERVICE, submission } from "./muc.ts";
import type { TestServer } from "./server.ts";
import { roomSave } from "../../lib/hooks/room_storage.ts";
import { Jid } from "../../lib/jid.ts";
import type { RoomConfig } from "../../lib/rooms.ts";
import { roomOf } from "../unit/modules/muc/rooms.ts";

export const SEARCH = "urn:xmpp:channel-search:0:search";
export const PARAMS = "urn:xmpp:channel-search:0:search-params";
export const ERRORS = "urn:xmpp:channel-search:0:error";
export const RSM = "http://jabber.org/protocol/rsm";
export const USERS = "{urn:xmpp:channel-search:0:order}nusers";
export const ADDRESS = "{urn:xmpp:channel-search:0:order}address";

let requests = 0;

/** A request with a form that was filled in, and a page. */
export function query(fields: readonly string[], page = ""): string {
  const set = page === "" ? "" : `<set xmlns='${RSM}'>${page}</set>`;
  return `<iq type='get' id='s${++requests}' to='${SERVICE}'><search xmlns='${SEARCH}'>` +
    `${submission(PARAMS, ...fields)}${set}</search></iq>`;
}

export interface Result {
  /** Nodes, with the number of users where there are any: `a:2 b c`. */
  readonly rooms: string;
  readonly first: string | undefined;
  readonly last: string | undefined;
  readonly count: string | undefined;
}

/** The rooms that a search finds. */
export async function search(
  client: TestClient,
  fields: readonly string[],
  page?: string,
): Promise<Result> {
  await client.request(query(fields, page), `<iq type='result'><result xmlns='${SEARCH}'/></iq>`);
  const result = client.last.child("result", SEARCH)!;
  const rooms = result.elements().filter((e) => e.name === "item").map((item) => {
    const users = item.child("nusers", SEARCH)!.text();
    return item.attrs.address!.replace(`@${SERVICE}`, "") + (users === "0" ? "" : `:${users}`);
  });
  const set = result.child("set", RSM);
  const text = (name: string) => set?.child(name, RSM)?.text();
  return { rooms: rooms.join(" "), first: text("first"), last: text("last"), count: text("count") };
}

/** Puts rooms into the storage in which nobody is. */
export async function store(
  server: TestServer,
  rooms: Readonly<Record<string, Partial<RoomConfig>>>,
): Promise<void> {
  for (const [node, config] of Object.entries(rooms)) {
    const room = roomOf({ persistent: true, ...config });
    await server.host().hooks.ask(roomSave, Jid.of(node, SERVICE), room);
  }
}
