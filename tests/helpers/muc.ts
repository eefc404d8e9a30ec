/**
 * Rooms in transcripts. A room is `coven@conference.localhost`; `enter` brings a client in and skips
 * what it gets for that, so that a transcript begins where it is interesting.
 */

import { type LoginOptions, online, type TestClient } from "./client.ts";
import { type Table, type TestServer, withServer } from "./server.ts";

export const SERVICE = "conference.localhost";
export const ROOM = `coven@${SERVICE}`;

export const MUC = "http://jabber.org/protocol/muc";
export const USER = "http://jabber.org/protocol/muc#user";
export const ADMIN = "http://jabber.org/protocol/muc#admin";
export const OWNER = "http://jabber.org/protocol/muc#owner";
export const CONFIG = "http://jabber.org/protocol/muc#roomconfig";
export const REGISTER = "http://jabber.org/protocol/muc#register";
export const REQUEST = "http://jabber.org/protocol/muc#request";
export const FORMS = "jabber:x:data";
export const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

/** The module with what it needs, and no limits that a quick test would run into. */
export const MODULES = ["auth", "presence", "roster", "disco", "muc", "mam", "adhoc", "blocking"];

export function mucTest(
  name: string,
  transcript: (server: TestServer) => Promise<void>,
  settings: Table = {},
  modules: readonly string[] = MODULES,
): void {
  Deno.test(name, () =>
    withServer(
      { ...settings, modules: { muc: {}, ...settings.modules as Table | undefined } },
      { modules },
      transcript,
    ));
}

/** The presence with which a client asks to enter. `inside` goes into `<x/>`. */
export function join(nick: string, room = ROOM, inside = "<history maxstanzas='0'/>"): string {
  return `<presence to='${room}/${nick}'><x xmlns='${MUC}'>${inside}</x></presence>`;
}

/** What ends an entering: the subject, or its absence. */
export const SUBJECT = "<message type='groupchat'><subject/></message>";

/** Enters and skips all that comes with that. */
export async function enter(client: TestClient, nick: string, room = ROOM): Promise<void> {
  client.send(join(nick, room));
  await client.eventually(`<message from='${room}' type='groupchat'><subject/></message>`);
}

/** A form that was filled in: fields as `name=value`, with `|` between several values. */
export function submission(formType: string, ...fields: string[]): string {
  const field = (text: string) => {
    const at = text.indexOf("=");
    const values = text.slice(at + 1).split("|").map((v) => `<value>${v}</value>`);
    return `<field var='${text.slice(0, at)}'>${values.join("")}</field>`;
  };
  return `<x xmlns='${FORMS}' type='submit'><field var='FORM_TYPE'><value>${formType}</value></field>` +
    `${fields.map(field).join("")}</x>`;
}

let requests = 0;

/** Sends an IQ to a room and skips everything up to its answer, which must match. */
export async function ask(
  client: TestClient,
  type: "get" | "set",
  payload: string,
  answer = "{empty}",
  room = ROOM,
): Promise<Record<string, string>> {
  const id = `r${++requests}`;
  client.send(`<iq type='${type}' id='${id}' to='${room}'>${payload}</iq>`);
  return await client.eventually(
    `<iq type='result' id='${id}' from='${room}'>${answer}</iq>`,
  );
}

/** The same, and it must be refused. */
export async function refused(
  client: TestClient,
  type: "get" | "set",
  payload: string,
  condition: string,
  errorType = "{any}",
  room = ROOM,
): Promise<void> {
  const id = `r${++requests}`;
  client.send(`<iq type='${type}' id='${id}' to='${room}'>${payload}</iq>`);
  await client.eventually(
    `<iq type='error' id='${id}' from='${room}'>${error(condition, errorType)}</iq>`,
  );
}

export function error(condition: string, type = "{any}"): string {
  return `<error type='${type}'><${condition} xmlns='${STANZAS}'/></error>`;
}

/** Configures a room: fields by the names behind `muc#roomconfig_`, or whole ones. */
export async function configure(
  owner: TestClient,
  fields: readonly string[] = [],
  room = ROOM,
): Promise<void> {
  const named = fields.map((f) => f.includes("#") ? f : `muc#roomconfig_${f}`);
  await ask(
    owner,
    "set",
    `<query xmlns='${OWNER}'>${submission(CONFIG, ...named)}</query>`,
    "{empty}",
    room,
  );
}

/** Makes a room, opens it with these fields of its configuration, and skips what that brings. */
export async function createRoom(
  server: TestServer,
  owner: string | TestClient,
  nick: string,
  fields: readonly string[] = [],
  room = ROOM,
): Promise<TestClient> {
  const client = typeof owner === "string" ? await online(server, owner) : owner;
  await enter(client, nick, room);
  await configure(client, fields, room);
  await client.sync();
  client.skip();
  return client;
}

/** A client in the room, with nothing more to read. */
export async function inside(
  server: TestServer,
  name: string,
  nick: string,
  room = ROOM,
  options: LoginOptions = {},
): Promise<TestClient> {
  const client = await online(server, name, options);
  await enter(client, nick, room);
  await quiet(server);
  return client;
}

/** Everybody has read what there was. */
export async function quiet(server: TestServer): Promise<void> {
  for (const client of server.clients) await client.sync();
  for (const client of server.clients) await client.sync();
  for (const client of server.clients) client.skip();
}

/** A presence of an occupant, as the others get it. */
export function seen(
  nick: string,
  item: string,
  { type, status = [], extra = "", room = ROOM }: {
    readonly type?: string;
    readonly status?: readonly number[];
    readonly extra?: string;
    readonly room?: string;
  } = {},
): string {
  const codes = status.map((code) => `<status code='${code}'/>`).join("");
  return `<presence from='${room}/${nick}' type='${type ?? "{absent}"}'>` +
    `<x xmlns='${USER}'><item ${item}/>${codes}${extra}</x></presence>`;
}

/** A change of an affiliation or a role. */
export function item(attributes: string, inner = ""): string {
  return `<query xmlns='${ADMIN}'><item ${attributes}>${inner}</item></query>`;
}
