/** XEP-0013: Flexible Offline Message Retrieval: kept messages are listed, read and removed by hand. */

import type { ModuleHost } from "../../lib/module.ts";
import { result } from "../../lib/module.ts";
import { StanzaError } from "../../lib/errors.ts";
import { delayText } from "../../lib/formats/delay.ts";
import { form } from "../../lib/formats/form.ts";
import { insertAtEnd, parseStored } from "../../lib/formats/stored.ts";
import { discoNodeInfo, discoNodeItems } from "../../lib/hooks/disco.ts";
import { sessionSend } from "../../lib/hooks/stanzas.ts";
import { offlineList, offlineRemove } from "../../lib/hooks/storage.ts";
import type { OfflineMessage } from "../../lib/hooks/storage.ts";
import type { Jid } from "../../lib/jid.ts";
import type { Session } from "../../lib/session.ts";
import type { Element } from "../../lib/xml/element.ts";
import { drained, endOfPortion, type Replays, sendAll } from "./replay.ts";

const OFFLINE_NS = "http://jabber.org/protocol/offline";

export function flexibleRetrieval(host: ModuleHost, replays: Replays): void {
  host.feature(OFFLINE_NS);

  host.on(discoNodeInfo, async (target, node, from) => {
    if (node !== OFFLINE_NS) return undefined;
    const { length } = await inbox(target, from);
    return {
      identities: [{ category: "automation", type: "message-list" }],
      features: new Set([OFFLINE_NS]),
      forms: [form({
        type: "result",
        formType: OFFLINE_NS,
        fields: [{ var: "number_of_messages", type: "text-single", value: String(length) }],
      })],
    };
  });

  host.on(discoNodeItems, async (target, node, from) => {
    if (node !== OFFLINE_NS) return undefined;
    const messages = await inbox(target, from);
    return messages.map((m) => ({ jid: target.bare, node: nodeOf(m), name: m.from }));
  });

  host.iq.get(OFFLINE_NS, "offline", async (iq, payload) => {
    const account = iq.from!.toBare();
    const session = host.session(iq.from!);
    const all = payload.child("fetch") !== undefined;
    if (all && session !== undefined) replays.retrievedBy(session);
    const messages = await listOf(account);
    const wanted = all ? messages : picked(payload, "view", messages);
    for (let from = 0; from < wanted.length;) {
      const to = endOfPortion(wanted, from);
      if (session?.outbox !== undefined && !await session.outbox.room()) break;
      const texts = wanted.slice(from, to).map(marked);
      from = to;
      if (session?.stream === undefined) break;
      // They stay in the store until the client removes them.
      if (!host.has(sessionSend)) sendAll(session, texts, "yes");
      else for (const text of texts) await session.send(parseStored(text));
      if (session.outbox === undefined && !await drained(session.stream, () => false)) break;
    }
    return result();
  }, "owner");

  host.iq.set(OFFLINE_NS, "offline", async (iq, payload) => {
    const account = iq.from!.toBare();
    const messages = await listOf(account);
    const all = payload.child("purge") !== undefined;
    const gone = all ? messages : picked(payload, "remove", messages);
    await host.ask(offlineRemove, account, gone.map((m) => m.id));
    return result();
  }, "owner");

  /** The messages for a disco request, which also begins the retrieval (§2.2). */
  async function inbox(target: Jid, from: Jid): Promise<readonly OfflineMessage[]> {
    if (target.node === "") throw new StanzaError("item-not-found");
    if (target.bare !== from.bare) throw new StanzaError("forbidden");
    const session: Session | undefined = host.session(from);
    if (session !== undefined) replays.retrievedBy(session);
    return await listOf(from.toBare());
  }

  async function listOf(account: Jid): Promise<readonly OfflineMessage[]> {
    return await host.ask(offlineList, account) ?? [];
  }

  function marked(m: OfflineMessage): string {
    const mark = `<offline xmlns='${OFFLINE_NS}'><item node='${nodeOf(m)}'/></offline>`;
    return insertAtEnd(m.xml, mark + delayText(host.domain, m.stamp));
  }
}

/** Names of one length, so that their order as text is that of arrival (§2.3). */
function nodeOf(message: OfflineMessage): string {
  return String(message.id).padStart(16, "0");
}

/** The messages named by `<item action=.. node=../>`. */
function picked(
  payload: Element,
  action: "view" | "remove",
  messages: readonly OfflineMessage[],
): OfflineMessage[] {
  const items = payload.elements("item");
  if (items.length === 0) throw new StanzaError("bad-request", { text: "no item is named" });
  const byNode = new Map(messages.map((m) => [nodeOf(m), m]));
  return items.map((item) => {
    if (item.attrs.action !== action) {
      throw new StanzaError("bad-request", { text: `the action must be ${action} here` });
    }
    const message = byNode.get(item.attrs.node ?? "");
    if (message === undefined) throw new StanzaError("item-not-found");
    return message;
  });
}
