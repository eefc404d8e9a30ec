/**
 * XEP-0442: Pubsub Message Archive Management: what was published at the nodes of a service, as it was,
 * for those who may read the node. The archives themselves are kept by whoever answers the hooks of
 * `lib/hooks/archive.ts`.
 */

import { StanzaError } from "../../lib/errors.ts";
import { MAM_NS } from "../../lib/formats/mam.ts";
import { archiveOwner, archiveServe, archiveStore, archiveWipe } from "../../lib/hooks/archive.ts";
import { parseJid } from "../../lib/jid.ts";
import { type IqHandler, result, type ServiceHandle } from "../../lib/module.ts";
import { checkRead } from "./access.ts";
import type { Engine } from "./engine.ts";
import { nodeOf } from "./errors.ts";
import { eventMessage, itemsEvent } from "./events.ts";

/** Archives all that is published, and answers who asks for it. */
export function archiveNodes(engine: Engine, service: ServiceHandle): void {
  const { host } = engine.realm;
  engine.archive = async (node, item) => {
    const message = eventMessage(node.owner, itemsEvent(node, [item]));
    const publisher = parseJid(item.publisher) ?? node.owner;
    await host.ask(archiveStore, archiveOwner(node.owner, node.name), { message, with: publisher });
  };
  engine.wipeArchive = async ({ owner, name }) => {
    await host.ask(archiveWipe, archiveOwner(owner, name));
  };
  const serve: IqHandler = async (iq, query) => {
    const node = await engine.nodes.needKept(iq.to!, nodeOf(query), iq.from!);
    await checkRead(engine.realm, node, iq.from!);
    const answer = await host.ask(archiveServe, iq, archiveOwner(node.owner, node.name), {
      // Who has published an item is told only where the node is so.
      mayAskWith: node.config.itemreply === "publisher",
    });
    if (answer === undefined) throw new StanzaError("service-unavailable");
    return result(answer);
  };
  service.feature(MAM_NS);
  service.iq.get(MAM_NS, "query", serve);
  service.iq.set(MAM_NS, "query", serve);
  service.iq.get(MAM_NS, "metadata", serve);
}
