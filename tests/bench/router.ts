/**
 * What a stanza costs between parser and socket: `Router.fromClient` with every module that is on by
 * default, and the output of the streams, on transports that are only memory.
 */

import { isLater } from "../../lib/later.ts";
import { parseJid } from "../../lib/jid.ts";
import { NS } from "../../lib/ns.ts";
import type { Session } from "../../lib/session.ts";
import { Stanza } from "../../lib/stanza.ts";
import { XmppStream } from "../../lib/stream/stream.ts";
import { defaultXmlLimits, StreamParser } from "../../lib/xml/parser.ts";
import { startServer, type TestServer } from "../helpers/server.ts";
import { bestRound, type Figure, microseconds, scaled } from "./figure.ts";
import { MemoryTransport } from "./memory_transport.ts";
import { chatMessage } from "./stanzas.ts";

const CONTACTS = 50;
/** Stanzas handled in what would be one turn of the event loop. */
const PER_TURN = 10;

interface Client {
  readonly session: Session;
  readonly transport: MemoryTransport;
}

export async function routerFigures(scale: number): Promise<Figure[]> {
  const server = await startServer({ log: { level: "warn" } });
  try {
    return await figures(server, scale);
  } finally {
    await server.stop();
  }
}

async function figures(server: TestServer, scale: number): Promise<Figure[]> {
  const [romeo, juliet] = [await online(server, "romeo"), await online(server, "juliet")];
  const watchers: Client[] = [];
  for (let i = 0; i < CONTACTS; i++) watchers.push(await online(server, `watcher${i}`));
  for (const { session } of watchers) {
    await handle(session, "<presence to='juliet@localhost' type='subscribe'/>");
    await handle(juliet.session, `<presence to='${session.jid.bare}' type='subscribed'/>`);
  }
  const ping = "<iq to='localhost' id='p' type='get'><ping xmlns='urn:xmpp:ping'/></iq>";
  const away = "<presence><show>away</show><status>on the balcony</status></presence>";
  const many = scaled(2000, scale);
  const few = scaled(200, scale);
  const full = juliet.session.jid.full;
  return [
    await figure("chat message to a full JID", romeo, chatMessage(full, "m"), many, [juliet]),
    await figure(
      "chat message to a bare JID",
      romeo,
      chatMessage("juliet@localhost", "m"),
      many,
      [juliet],
    ),
    await figure("ping of the server, with the answer", romeo, ping, many, [romeo]),
    await figure(`presence to ${CONTACTS} contacts, all of it`, juliet, away, few, watchers),
  ];
}

/** Sends a stanza so many times; each of `recipients` must get it, or its answer, every time. */
async function figure(
  what: string,
  from: Client,
  xml: string,
  times: number,
  recipients: readonly Client[],
): Promise<Figure> {
  const { session } = from;
  const { router, flusher } = session.host.server;
  const name = /^<(\w+)/.exec(xml)![1]!;
  const value = await bestRound(async () => {
    const stanzas = parsed(xml, times);
    flusher.flush();
    for (const r of [from, ...recipients]) r.transport.take();
    const start = performance.now();
    for (let i = 0; i < times; i++) {
      const done = router.fromClient(session, stanzas[i]!);
      if (isLater(done)) await done;
      if (i % PER_TURN === PER_TURN - 1) flusher.flush();
    }
    flusher.flush();
    const time = microseconds(start, times);
    for (const { session: { jid }, transport } of recipients) {
      const text = transport.take();
      const came = text.split(`<${name} `).length - 1;
      if (came !== times || text.includes("type='error'")) {
        throw new Error(`${jid.full} got ${came} of ${times} stanzas: ${text.slice(0, 400)}`);
      }
    }
    return time;
  });
  return { what, unit: "µs", value };
}

async function online(server: TestServer, name: string): Promise<Client> {
  await server.addUser(`${name}@localhost`, "secret words");
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
  await handle(session, "<presence/>");
  return { session, transport };
}

/** Has the server handle one stanza of this session to its end. */
async function handle(session: Session, xml: string): Promise<void> {
  await session.host.server.router.fromClient(session, parsed(xml, 1)[0]!);
}

/** A stanza as a stream reads it, so many times anew. */
function parsed(xml: string, times: number): Stanza[] {
  const parser = new StreamParser(defaultXmlLimits, Stanza);
  parser.push(
    new TextEncoder().encode(
      `<stream:stream xmlns='${NS.client}' xmlns:stream='${NS.streams}' version='1.0'>` +
        xml.repeat(times),
    ),
  );
  parser.next(); // the header
  return Array.from({ length: times }, () => {
    const stanza = parser.next();
    if (!(stanza instanceof Stanza)) throw new Error(`no stanza: ${xml}`);
    return stanza;
  });
}
