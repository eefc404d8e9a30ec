/**
 * XEP-0198: Stream Management: stanzas are acknowledged in both directions, and a session that has
 * lost its connection waits for its client, which gets what it has missed and nothing twice.
 *
 * A client's stanza counts as handled when its handlers are done, and the count leaves when all that
 * they have promised to keep is kept (`lib/durability.ts`). What is sent to a client is kept until it
 * is acknowledged, in memory and in a journal (`stream_management/journal.ts`), so that it survives
 * the end of the process as well.
 *
 * What remains uncertain: a stanza that was handled before the server died, and whose handling was not
 * yet in the journal, is sent again by its client, and handled again; its sender was not told that it
 * was handled. These are the stanzas of the last few milliseconds.
 */

import { join } from "node:path";
import { hostClosing } from "../lib/hooks/closing.ts";
import { bind2Inline, boundInline, resumeInline, sasl2Inline } from "../lib/hooks/inline.ts";
import { presenceChanged } from "../lib/hooks/presence.ts";
import { streamElement } from "../lib/hooks/stanzas.ts";
import {
  loggedIn,
  negotiationElement,
  sessionClosed,
  sessionsVanished,
  streamFeatures,
} from "../lib/hooks/streams.ts";
import type { Host } from "../lib/host.ts";
import { StreamError } from "../lib/errors.ts";
import { Jid } from "../lib/jid.ts";
import type { Later } from "../lib/later.ts";
import { then } from "../lib/later.ts";
import { defineModule, type ModuleHost } from "../lib/module.ts";
import { NS } from "../lib/ns.ts";
import { loginOf } from "../lib/stream/login.ts";
import type { Negotiation } from "../lib/stream/negotiation.ts";
import type { Element } from "../lib/xml/element.ts";
import { xml } from "../lib/xml/element.ts";
import { SM_NS } from "./stream_management/asker.ts";
import { Journal } from "./stream_management/journal.ts";
import { Keeper } from "./stream_management/keeper.ts";
import { replay, type Saved } from "./stream_management/records.ts";
import { restore } from "./stream_management/restore.ts";
import { enable, failed, onElement, resume } from "./stream_management/resume.ts";
import { Segments } from "./stream_management/segments.ts";
import { config, type Settings } from "./stream_management/settings.ts";

/** How long sessions wait for the module to be loaded again with other settings, in ms. */
const RELOAD_MS = 5000;

/** What the module does with a host's journal after it was unloaded. */
interface Aftermath {
  done: Promise<void>;
  /** It is loaded again. */
  cancel(): void;
}

/**
 * Hosts whose journal was read. When the module is loaded again, all that is in it has gone on without
 * the module, or is over and dealt with.
 */
const aftermaths = new WeakMap<Host, Aftermath>();

export default defineModule({
  name: "stream_management",
  description: "Acknowledges stanzas, and resumes sessions whose connection was lost",
  xeps: { "XEP-0198": "1.6.3" },
  config,
  setup(host) {
    const keeper = new Keeper(host);
    onStreams(host, keeper);
    inline(host, keeper);
    host.on(presenceChanged, (session) => keeper.presence(session));
    host.on(sessionClosed, (session) => keeper.hide(session));
    return keepJournal(host, keeper);
  },
});

function onStreams(host: ModuleHost<Settings>, keeper: Keeper): void {
  host.on(streamFeatures, (features, n) => {
    if (n.account === undefined || n.session?.outbox !== undefined) return;
    return [...features, xml("sm", SM_NS, {}, xml("optional", SM_NS))];
  });
  host.on(negotiationElement, (n, element) => {
    if (element.ns !== SM_NS) return undefined;
    if (element.name === "resume" && n.account !== undefined) return resumed(keeper, n, element);
    if (element.name !== "resume" && element.name !== "enable") return undefined;
    n.stream.send(failed("unexpected-request").toString());
    return true;
  });
  host.on(streamElement, (session, element) => {
    if (element.ns !== SM_NS) return undefined;
    return onElement(keeper, session, element);
  });
}

/** A client resumes in place of binding a resource. */
function resumed(keeper: Keeper, n: Negotiation, element: Element) {
  return then(resume(keeper, n, n.account!, element), ({ answer, session, proceed }) => {
    n.stream.send(answer.toString());
    if (session === undefined) return true as const;
    loginOf.set(session, n.login);
    proceed();
    const { login } = n;
    const told = login === undefined ? undefined : keeper.host.tell(loggedIn, session, login);
    return then(told, () => true as const);
  });
}

/** XEP-0198 §9. */
function inline(host: ModuleHost<Settings>, keeper: Keeper): void {
  host.on(sasl2Inline, (elements) => [...elements, xml("sm", SM_NS)]);
  host.on(bind2Inline, (namespaces) => [...namespaces, SM_NS]);
  host.on(resumeInline, (n, account, request) => {
    const element = request.is("resume", SM_NS) ? request : request.child("resume", SM_NS);
    if (element === undefined) return undefined;
    return then(resume(keeper, n, account, element), (resumption) => {
      // The client has come again meanwhile. It would be bound here now, and as the same client end
      // the session that its other connection is about to have.
      if (resumption.answer.child("conflict", NS.stanzaErrors) === undefined) return resumption;
      throw new StreamError("conflict", "resumed on another stream");
    });
  });
  host.on(boundInline, (elements, session, request) => {
    const element = request.child("enable", SM_NS);
    if (element !== undefined) return [...elements, enable(keeper, session, element)];
  });
}

function keepJournal(host: ModuleHost<Settings>, keeper: Keeper): Later<void> {
  const { durability, segment_bytes } = host.config;
  const folder = join(host.server.data, "sm.journal", encodeURIComponent(host.domain));
  const segments = new Segments(folder, durability === "off" ? "process" : durability);
  let core: Host | undefined;
  let isClosing = false;

  const close = async () => {
    const { journal } = keeper;
    keeper.journal = undefined;
    await journal?.close();
    segments.close();
  };
  host.on(hostClosing, () => {
    isClosing = true;
    return close(); // while the other modules can still say what they keep with a session
  });
  host.onUnload(async () => {
    await close();
    if (isClosing || core === undefined) return;
    const late = core;
    const deadline = late.server.deadlines.after(RELOAD_MS, () => {
      aftermath.done = keeper.abandon(late).then(() => segments.forget());
    });
    const aftermath = { done: Promise.resolve(), cancel: () => deadline.cancel() };
    aftermaths.set(late, aftermath);
  });

  return host.onOpen(async (itself) => {
    core = itself;
    const before = aftermaths.get(itself);
    before?.cancel();
    keeper.adopt(host.accounts());
    await before?.done;
    await segments.lock();
    if (before === undefined) await bringBack(keeper, itself, segments);
    if (durability === "off") return await segments.clear();
    const journal = new Journal(
      segments,
      itself.server.durability,
      host.log,
      segment_bytes,
      () => keeper.shown(),
    );
    keeper.startJournal(journal);
    await journal.start();
  });
}

/** Restores the sessions in the journal, and says which are lost with the server's process. */
async function bringBack(keeper: Keeper, itself: Host, segments: Segments): Promise<void> {
  const { host } = keeper;
  const shown = new Set<string>();
  const saved = await readSessions(host, segments, shown);
  const count = await restore(keeper, itself, saved);
  if (count === 0) return;
  host.log.info("sessions restored", { count });
  for (const { opened, state } of saved) {
    if (state.presence !== undefined) shown.add(`${opened.node}/${opened.resource}`);
  }
  const lost: Jid[] = [];
  for (const name of shown) {
    const at = name.indexOf("/");
    const jid = Jid.of(name.slice(0, at), host.domain).withResource(name.slice(at + 1));
    if (itself.session(jid)?.presence === undefined) lost.push(jid);
  }
  if (lost.length > 0) await host.tell(sessionsVanished, lost);
}

async function readSessions(
  host: ModuleHost<Settings>,
  segments: Segments,
  shown: Set<string>,
): Promise<readonly Saved[]> {
  const { frames, damaged, foreign } = await segments.read();
  if (foreign) {
    host.log.error("the journal is damaged or of another version; it is set aside");
    await segments.setAside();
    return [];
  }
  if (damaged > 0) {
    host.log.warn("the end of the journal is damaged and was cut off", { bytes: damaged });
  }
  try {
    return replay(frames, shown);
  } catch (e) {
    host.log.error("the journal cannot be read; it is set aside", { error: String(e) });
    await segments.setAside();
    return [];
  }
}
