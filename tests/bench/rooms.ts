/**
 * What a copy of a room's message or presence costs: `ModuleHost.broadcast` to sessions on transports
 * that are only memory, with every module that is on by default, and with few; and the flush, without
 * the system's write.
 */

import { parseJid } from "../../lib/jid.ts";
import { NS } from "../../lib/ns.ts";
import type { Session } from "../../lib/session.ts";
import { message, presence, type Stanza } from "../../lib/stanza.ts";
import { XmppStream } from "../../lib/stream/stream.ts";
import { xml } from "../../lib/xml/element.ts";
import { startServer, type TestServer } from "../helpers/server.ts";
import { bestRound, type Figure, scaled } from "./figure.ts";
import { MemoryTransport } from "./memory_transport.ts";

interface Client {
  readonly session: Session;
  readonly transport: MemoryTransport;
}

const FROM = parseJid("verona@rooms.localhost/romeo")!;
const SIZES = [200, 2000];
/** Copies of one round. */
const COPIES = 40_000;

export async function roomFigures(scale: number): Promise<Figure[]> {
  return [
    ...await withModules("default modules", undefined, scale),
    ...await withModules("few modules", ["auth"], scale),
  ];
}

async function withModules(
  what: string,
  modules: readonly string[] | undefined,
  scale: number,
): Promise<Figure[]> {
  const server = await startServer({ log: { level: "warn" } }, modules && { modules });
  try {
    const clients: Client[] = [];
    const figures: Figure[] = [];
    for (const size of SIZES) {
      while (clients.length < size) clients.push(await online(server, `user${clients.length}`));
      const rounds = scaled(COPIES / size, scale);
      for (const kind of ["message", "presence"] as const) {
        const { copy, flush } = await figure(server, clients, kind, rounds);
        const name = `${kind} to ${size}, ${what}`;
        figures.push({ what: `${name}: each copy`, unit: "µs", value: copy });
        figures.push({ what: `${name}: its flush`, unit: "µs", value: flush });
      }
    }
    return figures;
  } finally {
    await server.stop();
  }
}

/** Each of the clients must get each of the copies. */
async function figure(
  server: TestServer,
  clients: readonly Client[],
  kind: "message" | "presence",
  times: number,
): Promise<{ copy: number; flush: number }> {
  const { router: { broadcaster }, flusher } = server.inner;
  const recipients = clients.map(({ session: { jid } }) => ({ jid }));
  const copies = times * clients.length;
  let flush = Infinity;
  const copy = await bestRound(async () => {
    const stanzas = Array.from({ length: times }, () => kind === "message" ? said() : entered());
    flusher.flush();
    for (const { transport } of clients) transport.take();
    let [sent, flushed] = [0, 0];
    for (const stanza of stanzas) {
      const start = performance.now();
      broadcaster.send(stanza, recipients, gone);
      const between = performance.now();
      flusher.flush();
      sent += between - start;
      flushed += performance.now() - between;
    }
    for (const { session, transport } of clients) {
      const came = transport.take().split(`<${kind} `).length - 1;
      if (came !== times) throw new Error(`${session.jid.full} got ${came} of ${times}`);
    }
    await new Promise((resolve) => setTimeout(resolve));
    flush = Math.min(flush, flushed * 1000 / copies);
    return sent * 1000 / copies;
  });
  return { copy, flush };
}

function gone(): void {
  throw new Error("somebody is gone");
}

/** A message as rooms send them, with its id for archives. */
function said(): Stanza {
  const body = "But soft, what light through yonder window breaks? It is the east, and Juliet...";
  return message(
    { type: "groupchat", id: crypto.randomUUID(), from: FROM },
    xml("body", NS.client, {}, body),
    xml("origin-id", "urn:xmpp:sid:0", { id: crypto.randomUUID() }),
    xml("occupant-id", "urn:xmpp:occupant-id:0", {
      id: "dd72603deec90a38ba552f7c68cbcc61bca202cd",
    }),
    xml("stanza-id", "urn:xmpp:sid:0", { id: crypto.randomUUID(), by: FROM.bare }),
  );
}

function entered(): Stanza {
  const ns = "http://jabber.org/protocol/muc#user";
  return presence(
    { from: FROM },
    xml("x", ns, {}, xml("item", ns, { affiliation: "member", role: "participant" })),
  );
}

async function online(server: TestServer, name: string): Promise<Client> {
  const host = server.host();
  const transport = new MemoryTransport();
  const stream = new XmppStream(transport, host.streamSettings, {
    onHeader() {},
    onElement() {},
    onClosed() {},
  });
  stream.sendHeader({ version: "1.0" }, NS.client);
  const jid = parseJid(`${name}@localhost/bench`)!;
  const session = await host.bind(jid, { stream, lang: "en", guest: false, loginBegun: 0 });
  return { session, transport };
}
