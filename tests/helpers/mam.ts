/** Queries to archives (XEP-0313) and what comes back. */

import type { TestClient } from "./client.ts";

export const MAM = "urn:xmpp:mam:2";
export const RSM = "http://jabber.org/protocol/rsm";

/** A field of a form; its values are XML. */
export function field(name: string, ...values: string[]): string {
  return `<field var='${name}'>${values.map((v) => `<value>${v}</value>`).join("")}</field>`;
}

/** A submitted form with these fields. */
export function form(...fields: string[]): string {
  return `<x xmlns='jabber:x:data' type='submit'>${field("FORM_TYPE", MAM)}${fields.join("")}</x>`;
}

/** What page is wanted. */
export function set(...children: string[]): string {
  return `<set xmlns='${RSM}'>${children.join("")}</set>`;
}

export function query(...children: string[]): string {
  return `<iq type='set' id='q'><query xmlns='${MAM}' queryid='f27'>${
    children.join("")
  }</query></iq>`;
}

export interface Page {
  readonly bodies: string[];
  readonly ids: string[];
  readonly stamps: string[];
  readonly complete: boolean;
  readonly first: string | undefined;
  readonly last: string | undefined;
  readonly count: string | undefined;
}

/** Asks one's own archive, and reads the results and what comes behind them. */
export async function page(client: TestClient, ...children: string[]): Promise<Page> {
  const own = client.jid.slice(0, client.jid.indexOf("/"));
  client.send(query(...children));
  const bodies: string[] = [];
  const ids: string[] = [];
  const stamps: string[] = [];
  for (;;) {
    const element = await client.next("a result or the end of the results");
    if (element.name === "iq") {
      const fin = element.child("fin", MAM);
      const rsm = fin?.child("set", RSM);
      if (fin === undefined || rsm === undefined) throw new Error(`no <fin/>: ${element}`);
      return {
        bodies,
        ids,
        stamps,
        complete: fin.attrs.complete === "true",
        first: rsm.child("first")?.text(),
        last: rsm.child("last")?.text(),
        count: rsm.child("count")?.text(),
      };
    }
    const result = element.child("result", MAM);
    const forwarded = result?.child("forwarded", "urn:xmpp:forward:0");
    const message = forwarded?.child("message", "jabber:client");
    if (message === undefined || element.attrs.from !== own || result!.attrs.queryid !== "f27") {
      throw new Error(`no result: ${element}`);
    }
    ids.push(result!.attrs.id!);
    stamps.push(forwarded!.child("delay", "urn:xmpp:delay")!.attrs.stamp!);
    bodies.push(message.child("body")?.text() ?? "");
  }
}
