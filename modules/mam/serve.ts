/**
 * Answers requests to an archive: results go out one by one, at the reader's pace, and the `<fin/>`
 * comes behind them (XEP-0313 §4).
 */

import { StanzaError } from "../../lib/errors.ts";
import {
  finElement,
  MAM_NS,
  metadataElement,
  queryForm,
  type QueryOptions,
  readQuery,
  resultWriter,
} from "../../lib/formats/mam.ts";
import { parseStored } from "../../lib/formats/stored.ts";
import type { ArchivedMessage, ServeOptions } from "../../lib/hooks/archive.ts";
import { archiveMetadata, archiveQuery } from "../../lib/hooks/archive.ts";
import { sessionSend } from "../../lib/hooks/stanzas.ts";
import type { ModuleHost } from "../../lib/module.ts";
import type { Session } from "../../lib/session.ts";
import type { Stanza } from "../../lib/stanza.ts";
import type { XmppStream } from "../../lib/stream/stream.ts";
import type { Element } from "../../lib/xml/element.ts";

/** Characters handed to a stream before the connection is given time to take them. */
const PORTION = 65_536;

/** How long to wait for a slow client before looking again, in ms. */
const FIRST_WAIT_MS = 5;
const LONGEST_WAIT_MS = 1000;

/** See the hook `archiveServe`. */
export async function serve(
  host: ModuleHost,
  request: Stanza,
  owner: string,
  reading: QueryOptions,
  options: ServeOptions = {},
): Promise<Element> {
  const payload = request.first()!;
  if (payload.is("metadata", MAM_NS)) {
    return metadataElement(await host.ask(archiveMetadata, owner) ?? "empty");
  }
  if (request.type === "get") return queryForm(reading);
  const { query, queryId, flipped } = readQuery(payload, reading);
  if (query.with !== undefined && options.mayAskWith === false) {
    throw new StanzaError("forbidden", { text: "authors are not to be asked for here" });
  }
  const page = await host.ask(archiveQuery, owner, query);
  if (page === undefined) throw new StanzaError("service-unavailable");
  const write = resultWriter(request.to!, request.from!, queryId);
  const { shape } = options;
  const texts = (flipped ? page.messages.toReversed() : page.messages)
    .map((m) => write(shape === undefined ? m : shaped(m, shape)));
  await deliver(host, request, texts);
  return finElement(page);
}

function shaped(message: ArchivedMessage, shape: (message: Stanza) => Stanza): ArchivedMessage {
  return { ...message, xml: shape(parseStored(message.xml)).wire() };
}

async function deliver(host: ModuleHost, request: Stanza, texts: readonly string[]): Promise<void> {
  const session = host.session(request.from!);
  if (session === undefined) {
    for (const text of texts) await host.send(parseStored(text));
    return;
  }
  const filtered = session.host.hooks.has(sessionSend);
  let size = 0;
  for (const text of texts) {
    if (filtered) await session.send(parseStored(text));
    else session.sendText(text, "yes");
    if ((size += text.length) < PORTION) continue;
    size = 0;
    await drained(session);
  }
}

/** Waits until the connection has taken most of what was sent, or is gone. */
async function drained(session: Session): Promise<void> {
  const stream: XmppStream | undefined = session.stream;
  if (stream === undefined) return;
  // Streams are written at the end of the turn.
  await new Promise((resolve) => setImmediate(resolve));
  for (
    let wait = FIRST_WAIT_MS;
    stream.waiting > PORTION;
    wait = Math.min(2 * wait, LONGEST_WAIT_MS)
  ) {
    if (stream.closed) return;
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}
