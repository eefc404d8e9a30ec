/**
 * XEP-0490: Message Displayed Synchronization: how far each chat has been read is kept by clients at a
 * node of the account. What the server does is to spare them the publication (§4.5): a message with a
 * displayed marker may carry the item, which is taken out and published.
 */

import { defineModule, type ModuleHost } from "../lib/module.ts";
import { STANZA_ID_NS } from "../lib/formats/stanza_id.ts";
import { discoInfo } from "../lib/hooks/disco.ts";
import { pepPublish } from "../lib/hooks/pubsub.ts";
import { stanzaFromClient } from "../lib/hooks/stanzas.ts";
import type { Session } from "../lib/session.ts";
import type { Stanza } from "../lib/stanza.ts";
import type { Element } from "../lib/xml/element.ts";

const DISPLAYED_NS = "urn:xmpp:mds:displayed:0";
const ASSIST_NS = "urn:xmpp:mds:server-assist:0";

/** §4.2 and §7: for the account alone. */
const OPTIONS = {
  access_model: "whitelist",
  persist_items: "true",
  max_items: "max",
  send_last_published_item: "never",
} as const;

export default defineModule({
  name: "displayed_sync",
  description: "Publishes how far a chat was read, from displayed markers",
  xeps: { "XEP-0490": "1.0.1" },
  setup(host) {
    host.on(discoInfo, (info, target) => {
      if (target.node !== "" && host.has(pepPublish)) info.features.add(ASSIST_NS);
    });
    // §5.2: before archives and carbons see it.
    host.on(stanzaFromClient, (stanza, session) => {
      if (stanza.name !== "message" || !stanza.hasNs(DISPLAYED_NS)) return;
      const displayed = stanza.child("displayed", DISPLAYED_NS);
      if (displayed !== undefined) publish(host, session, stanza, displayed);
      return stanza.filter((child) => child.ns !== DISPLAYED_NS);
    }, { priority: 900 });
  },
});

/** The message does not wait for it. */
function publish(host: ModuleHost, session: Session, stanza: Stanza, displayed: Element): void {
  const { account } = session;
  // §4.1: exactly one.
  if (displayed.elements("stanza-id", STANZA_ID_NS).length !== 1) return;
  const id = (stanza.to ?? account.jid).full;
  const item = { id, payload: displayed };
  const done = (async () => {
    try {
      await host.ask(pepPublish, account.jid, DISPLAYED_NS, item, OPTIONS);
    } catch (e) {
      host.log.warn("a displayed state was not published", {
        account: account.jid.bare,
        error: String(e),
      });
    }
  })();
  host.pledge(done);
}
