/** Requests to the nodes of accounts as clients write them, for tests of what is built on these. */

import type { TestClient } from "./client.ts";
import type { Captures } from "./xml.ts";

export const PUBSUB = "http://jabber.org/protocol/pubsub";
export const EVENT = `${PUBSUB}#event`;

/** The fields of a publish-options form. */
export function publishOptions(options: Readonly<Record<string, string>>): string {
  const fields = Object.entries(options).map(([name, value]) =>
    `<field var='pubsub#${name}'><value>${value}</value></field>`
  );
  return `<publish-options><x xmlns='jabber:x:data' type='submit'>
    <field var='FORM_TYPE' type='hidden'><value>${PUBSUB}#publish-options</value></field>
    ${fields.join("")}</x></publish-options>`;
}

export const OPEN = publishOptions({ access_model: "open" });

/** An IQ that publishes at a node of the sender's account. */
export function publish(node: string, id: string, payload: string, options = ""): string {
  const item = id === "" ? `<item>${payload}</item>` : `<item id='${id}'>${payload}</item>`;
  return `<iq type='set' id='pub'><pubsub xmlns='${PUBSUB}'>
    <publish node='${node}'>${item}</publish>${options}</pubsub></iq>`;
}

export const PUBLISHED = "<iq type='result' id='pub'/>";

export function retract(node: string, id: string): string {
  return `<iq type='set' id='ret'><pubsub xmlns='${PUBSUB}'>
    <retract node='${node}' notify='true'><item id='${id}'/></retract></pubsub></iq>`;
}

/** An IQ for the items of a node; without `to` one's own. */
export function items(node: string, to = ""): string {
  const address = to === "" ? "" : ` to='${to}'`;
  return `<iq type='get' id='items'${address}><pubsub xmlns='${PUBSUB}'>
    <items node='${node}'/></pubsub></iq>`;
}

/** The answer to {@link items}. `content` are items. */
export function found(node: string, content: string): string {
  return `<iq type='result' id='items'><pubsub xmlns='${PUBSUB}'>
    <items node='${node}'>${content}</items></pubsub></iq>`;
}

/** An event of a node. */
export function event(from: string, node: string, content: string): string {
  return `<message from='${from}'><event xmlns='${EVENT}'>
    <items node='${node}'>${content}</items></event></message>`;
}

/** Asks again until the answer is right: what is converted follows a little later. */
export async function soon(client: TestClient, iq: string, pattern: string): Promise<Captures> {
  for (let tries = 0;; tries++) {
    try {
      return await client.request(iq, pattern);
    } catch (e) {
      if (tries === 40) throw e;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}

/** Comes online with capabilities that ask for these nodes, and tells them when it is asked. */
export async function interested(client: TestClient, ...nodes: string[]): Promise<void> {
  const features = nodes.map((node) => `<feature var='${node}+notify'/>`).join("");
  client.send(
    "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' " +
      `node='urn:test' ver='${crypto.randomUUID()}'/></presence>`,
  );
  const { id } = await client.eventually(
    "<iq type='get' id='{id}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
  );
  const { node } = client.last.child("query")!.attrs;
  client.send(
    `<iq type='result' id='${id}' to='${client.last.attrs.from}'>
      <query xmlns='http://jabber.org/protocol/disco#info' node='${node}'>
      <identity category='client' type='pc'/>${features}</query></iq>`,
  );
  await client.sync();
}
