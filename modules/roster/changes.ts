/**
 * Changes of rosters, one at a time for each account, and what follows from one: others are told, and
 * interested resources get a push (RFC 6121 §2.1.6).
 */

import type { Later } from "../../lib/later.ts";
import { then } from "../../lib/later.ts";
import { Jid } from "../../lib/jid.ts";
import { StanzaError } from "../../lib/errors.ts";
import { iq } from "../../lib/stanza.ts";
import type { Session } from "../../lib/session.ts";
import { slot } from "../../lib/session.ts";
import type { ModuleHost } from "../../lib/module.ts";
import type { Roster, RosterItem } from "../../lib/hooks/roster.ts";
import {
  rosterGet,
  rosterGetItem,
  rosterRemoveItem,
  rosterSetItem,
} from "../../lib/hooks/roster.ts";
import type { ItemChange } from "../../lib/hooks/roster_changes.ts";
import { rosterChanged } from "../../lib/hooks/roster_changes.ts";
import { sessionFreeze, sessionThaw } from "../../lib/hooks/streams.ts";
import {
  blankItem,
  isModification,
  isVoid,
  itemElement,
  queryElement,
  removedElement,
} from "./item.ts";
import { Serial } from "./serial.ts";

/** Set on sessions that have asked for the roster (RFC 6121 §2.2). */
const interest = slot<true>();

type Kept = (interested: readonly Session[]) => void;

const NO_SESSIONS: readonly Session[] = [];

export class Changes {
  readonly #host: ModuleHost;
  readonly #maxItems: number;
  readonly #serial = new Serial();
  /** Owners' addresses, by object, whose writes are announced here and not by the storage. */
  readonly #ours = new WeakSet<Jid>();
  #pushes = 0;

  constructor(host: ModuleHost, maxItems: number) {
    this.#host = host;
    this.#maxItems = maxItems;
    host.on(sessionFreeze, (state, session) => {
      if (interest.get(session) === true) state.roster = true;
    });
    host.on(sessionThaw, (session, state) => {
      if (state.roster === true) interest.set(session, true);
    });
  }

  /** The roster for a client, which is interested from then on and misses no push. */
  open(account: Jid, session: Session | undefined): Later<Roster> {
    return this.#serial.run(
      account.bare,
      () =>
        then(this.#host.ask(rosterGet, account), (roster) => {
          if (session !== undefined && interest.get(session) !== true) {
            interest.set(session, true);
            session.changed();
          }
          return roster!;
        }),
    );
  }

  /** See `rosterChange`. */
  change(account: Jid, contact: Jid, change: ItemChange, kept?: Kept): Later<true> {
    return this.#serial.run(
      account.bare,
      () =>
        then(this.#host.ask(rosterGetItem, account, contact), (found) => {
          const before = found === "none" ? undefined : found;
          const changed = change(before ?? blankItem(contact.bare));
          const after = changed === "remove" || (changed !== undefined && isVoid(changed))
            ? undefined
            : changed;
          if (changed === undefined || before === after) return true;
          return then(this.#checkSize(account, before, after), () =>
            then(this.#store(account, contact, after), () =>
              then(this.announce(account, before, after, kept), () =>
                true as const)));
        }),
    );
  }

  #store(account: Jid, contact: Jid, after: RosterItem | undefined): Later<void> {
    const owner = Jid.of(account.node, account.domain);
    this.#ours.add(owner);
    const stored: Later<boolean | undefined> = after === undefined
      ? this.#host.ask(rosterRemoveItem, owner, contact)
      : this.#host.ask(rosterSetItem, owner, after);
    return then(stored, (done) => {
      if (done === undefined) throw new StanzaError("service-unavailable");
    });
  }

  #checkSize(account: Jid, before?: RosterItem, after?: RosterItem): Later<void> {
    if (after?.listed !== true || before?.listed === true) return;
    return then(this.#host.ask(rosterGet, account), (roster) => {
      if (roster!.items.size < this.#maxItems) return;
      let listed = 0;
      for (const item of roster!.items.values()) if (item.listed) listed++;
      if (listed < this.#maxItems) return;
      const text = `a roster has at most ${this.#maxItems} contacts`;
      throw new StanzaError("policy-violation", { text });
    });
  }

  /** True if a write with this owner's object was begun by `change`. */
  isOurs(owner: Jid): boolean {
    return this.#ours.has(owner);
  }

  /** Tells what was stored. */
  announce(
    account: Jid,
    before: RosterItem | undefined,
    after: RosterItem | undefined,
    kept?: Kept,
    version?: string,
  ): Later<void> {
    return then(this.#host.tell(rosterChanged, account, before, after), () => {
      const interested = this.#interested(account);
      kept?.(interested);
      if (interested.length === 0 || !isModification(before, after)) return;
      if (version !== undefined) return this.#push(interested, version, before, after);
      return then(
        this.#host.ask(rosterGet, account),
        (roster) => this.#push(interested, roster!.version, before, after),
      );
    });
  }

  #interested(account: Jid): readonly Session[] {
    const online = this.#host.account(account);
    return online?.sessions.filter((s) => interest.get(s) === true) ?? NO_SESSIONS;
  }

  /** Without `from`: from the account itself. */
  #push(to: readonly Session[], version: string, before?: RosterItem, after?: RosterItem): void {
    const item = after?.listed === true ? itemElement(after) : removedElement(before!.jid);
    const id = `push${(++this.#pushes).toString(36)}`;
    const push = iq({ type: "set", id }, queryElement(version, [item]));
    for (const session of to) session.send(push, session.jid.full);
  }
}
