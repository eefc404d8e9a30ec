/**
 * Archives the messages of accounts as they pass: what a client sends, once it is accepted, and what
 * reaches an account. This is on the way of every message: nothing here waits but for what must be
 * read first, about an account that is offline and was not written to for a while.
 */

import { setSentArchiveId } from "../../lib/formats/sent_id.ts";
import { traitsOf } from "../../lib/formats/message_traits.ts";
import {
  hasStanzaId,
  stampStanzaId,
  stanzaIdBy,
  stripStanzaIds,
} from "../../lib/formats/stanza_id.ts";
import { accountExists } from "../../lib/hooks/accounts.ts";
import { type Archived, type ArchiveEntry, archiveStore } from "../../lib/hooks/archive.ts";
import type { Jid } from "../../lib/jid.ts";
import { type Later, then } from "../../lib/later.ts";
import type { ModuleHost } from "../../lib/module.ts";
import type { Session } from "../../lib/session.ts";
import type { Stanza } from "../../lib/stanza.ts";
import type { PreferencesKeeper } from "./preferences.ts";

type Host = Pick<ModuleHost, "account" | "ask">;

export class AccountArchives {
  readonly #host: Host;
  readonly #preferences: PreferencesKeeper;

  constructor(host: Host, preferences: PreferencesKeeper) {
    this.#host = host;
    this.#preferences = preferences;
  }

  /** What a client has sent, for the archive of its own account. */
  outgoing(stanza: Stanza, session: Session): Later<Stanza | void> {
    if (stanza.name !== "message" || !traitsOf(stanza).archive) return;
    const { to } = stanza;
    const own = session.account.jid;
    // What goes to the account itself is archived when it arrives there.
    if (to === undefined || to.bare === own.bare) return;
    const allowed = this.#preferences.allows(own, to);
    if (allowed === false) return;
    return allowed === true
      ? this.#keepSent(stanza, session, to)
      : allowed.then((yes) => yes ? this.#keepSent(stanza, session, to) : undefined);
  }

  #keepSent(stanza: Stanza, session: Session, to: Jid): Later<void> {
    const { account } = session;
    const archived = this.#keep(account.jid, { message: stanza, with: to });
    // Only those who copy it to the other resources want to know.
    if (account.sessions.length < 2) return then(archived, () => {});
    return then(archived, (a) => {
      if (a !== undefined) setSentArchiveId(stanza, a.id);
    });
  }

  /** What reaches an account, from whomever. */
  incoming(stanza: Stanza, to: Jid): Later<Stanza | void> {
    if (!traitsOf(stanza).archive) return;
    const { from } = stanza;
    if (from === undefined) return;
    // To oneself: the one with a resource says more.
    const other = from.bare === to.bare && to.resource !== "" ? to : from;
    if (this.#host.account(to) !== undefined) return this.#receive(stanza, to, other);
    return then(
      this.#host.ask(accountExists, to.toBare()),
      (exists) => exists === true ? this.#receive(stanza, to, other) : undefined,
    );
  }

  #receive(stanza: Stanza, to: Jid, other: Jid): Later<Stanza | void> {
    const allowed = this.#preferences.allows(to, other);
    if (allowed === false) return;
    return allowed === true
      ? this.#keepReceived(stanza, to, other)
      : allowed.then((yes) => yes ? this.#keepReceived(stanza, to, other) : undefined);
  }

  #keepReceived(stanza: Stanza, to: Jid, other: Jid): Later<Stanza | void> {
    // Where the module stable_ids is off, nobody has removed what pretends to be ours.
    const clean = hasStanzaId(stanza) && stanzaIdBy(stanza, to.bare) !== undefined
      ? stripStanzaIds(stanza, (by) => by === to.bare)
      : stanza;
    const archived = this.#keep(to, { message: clean, with: other });
    return then(archived, (a) => a && stampStanzaId(clean, to.bare, a.id));
  }

  #keep(account: Jid, entry: ArchiveEntry): Later<Archived | undefined> {
    return this.#host.ask(archiveStore, account.bare, entry);
  }
}
