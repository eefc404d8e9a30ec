/** Requests of XEP-0060 and what they are answered with, for transcripts. */

import { type TestClient } from "./client.ts";
import { type TestServer, withServer } from "./server.ts";
import type { Table } from "./server.ts";

export const PUBSUB = "http://jabber.org/protocol/pubsub";
export const OWNER = `${PUBSUB}#owner`;
export const EVENT = `${PUBSUB}#event`;
export const ERRORS = `${PUBSUB}#errors`;
export const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
export const SERVICE = "pubsub.localhost";

const modules = [
  "auth",
  "blocking",
  "caps",
  "disco",
  "pep",
  "ping",
  "presence",
  "pubsub",
  "roster",
];

/** A transcript at a server with the service and the nodes of accounts. */
export function pubsubTest(
  name: string,
  transcript: (server: TestServer) => Promise<void>,
  settings: Table = {},
): void {
  Deno.test(name, () => withServer(settings, { modules }, transcript));
}

let requests = 0;

/**
 * Asks the service (or `to`); the answer's `<pubsub/>` must match `expected`, which may be empty. A
 * leading `#` has the request in the owner's namespace.
 */
export function ask(
  client: TestClient,
  type: "get" | "set",
  request: string,
  expected = "",
  to = SERVICE,
) {
  const [ns, body] = request.startsWith("#") ? [OWNER, request.slice(1)] : [PUBSUB, request];
  const id = `q${requests++}`;
  const answer = expected === "" ? "" : `<pubsub xmlns='${ns}'>${expected}</pubsub>`;
  return client.request(
    `<iq type='${type}' id='${id}' to='${to}'><pubsub xmlns='${ns}'>${body}</pubsub></iq>`,
    `<iq type='result' id='${id}' from='${to}'>${answer}</iq>`,
  );
}

/** Asks and is refused: `refused(alice, "set", "...", "auth", "forbidden")`. */
export function refused(
  client: TestClient,
  kind: "get" | "set",
  request: string,
  type: string,
  condition: string,
  app = "",
  to = SERVICE,
) {
  const [ns, body] = request.startsWith("#") ? [OWNER, request.slice(1)] : [PUBSUB, request];
  const id = `q${requests++}`;
  const [name, feature] = app.split(" ");
  const detail = app === ""
    ? ""
    : `<${name} xmlns='${ERRORS}'${feature === undefined ? "" : ` feature='${feature}'`}/>`;
  return client.request(
    `<iq type='${kind}' id='${id}' to='${to}'><pubsub xmlns='${ns}'>${body}</pubsub></iq>`,
    `<iq type='error' id='${id}'><error type='${type}'><${condition} xmlns='${STANZAS}'/>${detail}</error></iq>`,
  );
}

/** A form that is submitted, with `name=value` for each field; values are separated by `|`. */
export function submit(formType: string, ...fields: string[]): string {
  const all = fields.map((f) => {
    const at = f.indexOf("=");
    const values = f.slice(at + 1).split("|").map((v) => `<value>${v}</value>`).join("");
    return `<field var='${f.slice(0, at)}'>${values}</field>`;
  });
  return `<x xmlns='jabber:x:data' type='submit'>` +
    `<field var='FORM_TYPE' type='hidden'><value>${formType}</value></field>${all.join("")}</x>`;
}

export const nodeConfig = (...fields: string[]) =>
  submit(`${PUBSUB}#node_config`, ...fields.map((f) => `pubsub#${f}`));

export const subscribeOptions = (...fields: string[]) =>
  submit(`${PUBSUB}#subscribe_options`, ...fields.map((f) => `pubsub#${f}`));

export const publishOptions = (...fields: string[]) =>
  `<publish-options>${
    submit(`${PUBSUB}#publish-options`, ...fields.map((f) => `pubsub#${f}`))
  }</publish-options>`;

export function create(client: TestClient, node: string, ...fields: string[]) {
  const configure = fields.length === 0 ? "" : `<configure>${nodeConfig(...fields)}</configure>`;
  return ask(client, "set", `<create node='${node}'/>${configure}`, `<create node='${node}'/>`);
}

export const entry = (text: string) => `<entry xmlns='urn:example:entry'>${text}</entry>`;

export const publication = (node: string, id: string, text = id) =>
  `<publish node='${node}'><item${id === "" ? "" : ` id='${id}'`}>${entry(text)}</item></publish>`;

export function publish(client: TestClient, node: string, id: string, text = id, to = SERVICE) {
  return ask(client, "set", publication(node, id, text), `<publish node='${node}'/>`, to);
}

export function subscribe(client: TestClient, node: string, jid = bare(client)) {
  return ask(
    client,
    "set",
    `<subscribe node='${node}' jid='${jid}'/>`,
    `<subscription node='${node}' jid='${jid}' subscription='subscribed'/>`,
  );
}

export const bare = (client: TestClient) => client.jid.split("/")[0]!;

/** The notification of something. */
export const news = (inside: string, from = SERVICE) =>
  `<message from='${from}' type='headline' id='{any}'><event xmlns='${EVENT}'>${inside}</event></message>`;

export const newItem = (node: string, id: string, text = id, from = SERVICE) =>
  news(`<items node='${node}'><item id='${id}'>${entry(text)}</item></items>`, from);

/** The ids of the items in the last answer, in their order. */
export function itemIds(client: TestClient): string[] {
  const items = client.last.child("pubsub", PUBSUB)?.child("items", PUBSUB);
  return items?.elements().map((i) => i.attrs.id ?? "") ?? [];
}
