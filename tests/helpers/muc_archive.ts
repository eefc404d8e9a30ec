/** Archives of rooms (XEP-0313) in transcripts. */

import type { TestClient } from "./client.ts";
import { form, MAM, set } from "./mam.ts";
import { ROOM } from "./muc.ts";
import type { Tag } from "./xml.ts";

const FORWARD = "urn:xmpp:forward:0";

export interface ArchivePage {
  /** Ids of the results, and the messages in them. */
  readonly ids: readonly string[];
  readonly messages: readonly Tag[];
  /** Bodies of the messages, `-` for none. */
  readonly bodies: string;
  readonly complete: boolean;
  readonly count: string | undefined;
}

let queries = 0;

/** A query: fields of the form, and what is in `<set/>`. */
export function archiveQuery(fields: readonly string[] = [], page: readonly string[] = []): string {
  const x = fields.length === 0 ? "" : form(...fields);
  const rsm = page.length === 0 ? "" : set(...page);
  return `<query xmlns='${MAM}' queryid='q${++queries}'>${x}${rsm}</query>`;
}

/** Reads a page of a room's archive; what had come before is forgotten. */
export async function readArchive(
  client: TestClient,
  fields: readonly string[] = [],
  page: readonly string[] = [],
  room = ROOM,
): Promise<ArchivePage> {
  await client.sync();
  client.skip();
  client.send(`<iq type='set' id='mam' to='${room}'>${archiveQuery(fields, page)}</iq>`);
  const ids: string[] = [];
  const messages: Tag[] = [];
  for (;;) {
    const element = await client.next("a result or the end of the results");
    const result = element.child("result", MAM);
    if (result === undefined) {
      const fin = element.child("fin", MAM);
      if (fin === undefined) throw new Error(`no <fin/>: ${element}`);
      const bodies = messages.map((m) => m.child("body", "jabber:client")?.text() ?? "-");
      const count = fin.child("set", "http://jabber.org/protocol/rsm")
        ?.child("count", "http://jabber.org/protocol/rsm")?.text();
      const complete = fin.attrs.complete === "true";
      return { ids, messages, bodies: bodies.join(" "), complete, count };
    }
    if (element.attrs.from !== room) throw new Error(`another's result: ${element}`);
    ids.push(result.attrs.id!);
    messages.push(result.child("forwarded", FORWARD)!.child("message", "jabber:client")!);
  }
}

/** Says something in a room, and returns the id that the room has given it. */
export async function say(client: TestClient, content: string, room = ROOM): Promise<string> {
  const id = `say${++queries}`;
  client.send(`<message to='${room}' type='groupchat' id='${id}'>${content}</message>`);
  const { stanza } = await client.eventually(
    `<message from='${room}/{any}' type='groupchat' id='${id}'>
    <stanza-id xmlns='urn:xmpp:sid:0' by='${room}' id='{stanza}'/></message>`,
  );
  return stanza!;
}

export const body = (text: string): string => `<body>${text}</body>`;
