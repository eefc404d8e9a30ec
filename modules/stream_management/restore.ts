/** Sessions that the journal has kept over a restart: bound again, and waiting for their clients. */

import { StreamError } from "../../lib/errors.ts";
import { parseStored } from "../../lib/formats/stored.ts";
import { accountExists, mayLogin } from "../../lib/hooks/accounts.ts";
import { sessionThaw } from "../../lib/hooks/streams.ts";
import type { Host } from "../../lib/host.ts";
import { Jid } from "../../lib/jid.ts";
import { priorityOf } from "../../lib/stanza_rules.ts";
import type { Keeper } from "./keeper.ts";
import type { Saved } from "./records.ts";

/** How many are back. */
export async function restore(keeper: Keeper, host: Host, all: readonly Saved[]): Promise<number> {
  let count = 0;
  for (const saved of all) {
    // It has gone on: the module alone was loaded anew.
    if (keeper.find(saved.opened.id) !== undefined) continue;
    try {
      if (await restoreOne(keeper, host, saved)) count++;
    } catch (e) {
      keeper.log.error("a session could not be restored", {
        session: `${saved.opened.node}@${host.domain}/${saved.opened.resource}`,
        error: e instanceof Error ? e.stack ?? e.message : String(e),
      });
    }
  }
  return count;
}

async function restoreOne(keeper: Keeper, host: Host, saved: Saved): Promise<boolean> {
  const { node, resource, lang, since } = saved.opened;
  const account = Jid.of(node, host.domain);
  if (await host.hooks.ask(accountExists, account) !== true) return false;
  const full = account.withResource(resource);
  // A client that came back without resuming: the journal has both if the end of one is not in it.
  host.session(full)?.end(new StreamError("conflict"));
  const session = await host.bind(full, {
    stream: undefined,
    lang,
    guest: false,
    loginBegun: performance.now(),
    since,
  });
  const { presence, frozen } = saved.state;
  if (presence !== undefined) {
    session.presence = parseStored(presence);
    session.priority = priorityOf(session.presence);
  }
  keeper.restore(session, saved);
  await host.hooks.tell(sessionThaw, session, frozen);
  if (await host.hooks.ask(mayLogin, account) !== true) {
    session.end(new StreamError("not-authorized"));
    return false;
  }
  return true;
}
