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

/** Restored at a time: what they ask of the store is asked together. */
const TOGETHER = 64;

/** How many are back. */
export async function restore(keeper: Keeper, host: Host, all: readonly Saved[]): Promise<number> {
  const byAddress = new Map<string, Saved[]>();
  for (const saved of all) {
    const address = `${saved.opened.node}/${saved.opened.resource}`;
    const others = byAddress.get(address);
    if (others === undefined) byAddress.set(address, [saved]);
    else others.push(saved);
  }
  const groups = [...byAddress.values()];
  let count = 0;
  for (let from = 0; from < groups.length; from += TOGETHER) {
    const some = groups.slice(from, from + TOGETHER);
    const counts = await Promise.all(some.map((group) => restoreAll(keeper, host, group)));
    for (const n of counts) count += n;
  }
  return count;
}

/** Those that had the same address, one after the other: the last one keeps it. */
async function restoreAll(keeper: Keeper, host: Host, group: readonly Saved[]): Promise<number> {
  let count = 0;
  for (const saved of group) {
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
  const earlier = host.session(full);
  earlier?.end(new StreamError("conflict"));
  await earlier?.ended;
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
    await session.ended; // what it leaves is kept elsewhere before the journal is begun anew
    return false;
  }
  return true;
}
