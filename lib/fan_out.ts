/** The same stanza to many accounts by the rules for presence, made into text once. */

import type { Later } from "./later.ts";
import { isLater } from "./later.ts";
import type { Host } from "./host.ts";
import type { Account } from "./session.ts";
import type { Jid } from "./jid.ts";
import type { Stanza } from "./stanza.ts";
import type { Refusals } from "./refusals.ts";
import { DROP } from "./hooks/hook.ts";
import { deliver, stanzaToAccount } from "./hooks/stanzas.ts";

export class FanOut {
  readonly #hosts: ReadonlyMap<string, Host>;
  readonly #refusals: Refusals;
  readonly #route: (stanza: Stanza) => Later<void>;

  /** @param route brings a stanza to any address and answers what is refused */
  constructor(
    hosts: ReadonlyMap<string, Host>,
    refusals: Refusals,
    route: (stanza: Stanza) => Later<void>,
  ) {
    this.#hosts = hosts;
    this.#refusals = refusals;
    this.#route = route;
  }

  /** See `ModuleHost.fanOut`. */
  send(stanza: Stanza, recipients: Iterable<Jid>): void {
    for (const to of recipients) {
      const host = this.#hosts.get(to.domain);
      if (host === undefined || to.node === "" || host.hooks.has(deliver)) {
        settle(this.#route(stanza.addressedTo(to)));
        continue;
      }
      const account = host.online.get(to.node);
      if (account === undefined) continue;
      if (host.hooks.has(stanzaToAccount)) {
        settle(this.#notifyFiltered(host, account, stanza, to));
      } else notify(account, stanza, to);
    }
  }

  #notifyFiltered(host: Host, account: Account, stanza: Stanza, to: Jid): Later<void> {
    try {
      const passed = host.hooks.filter(stanzaToAccount, stanza, to);
      if (passed instanceof Promise) {
        return passed.then(
          (s) => s === DROP ? undefined : notify(account, s, to),
          (e) => this.#refusals.refused(stanza, e),
        );
      }
      if (passed !== DROP) notify(account, passed, to);
    } catch (e) {
      return this.#refusals.refused(stanza, e);
    }
  }
}

/** Presence notifications: every available resource, or the connected one named. */
export function notify(account: Account | undefined, stanza: Stanza, to: Jid): void {
  if (account === undefined) return;
  for (const session of account.sessions) {
    const meant = to.resource === ""
      ? session.presence !== undefined
      : session.jid.resource === to.resource;
    if (meant) settle(session.send(stanza, to.full));
  }
}

/** Failures were answered or logged on the way. */
export function settle(done: Later<void>): void {
  if (isLater(done)) done.catch(() => {});
}
