/** Presence probes for accounts of this host (RFC 6121 §4.3.2, §4.6.6). */

import type { Jid } from "../../lib/jid.ts";
import type { Later } from "../../lib/later.ts";
import { then } from "../../lib/later.ts";
import type { Stanza } from "../../lib/stanza.ts";
import { presence } from "../../lib/stanza.ts";
import type { ModuleHost } from "../../lib/module.ts";
import { presenceCheck } from "../../lib/hooks/presence.ts";
import type { ContactBook } from "./contacts.ts";
import { wasTold } from "./directed.ts";

export class Probes {
  readonly #host: ModuleHost;
  readonly #book: ContactBook;

  constructor(host: ModuleHost, book: ContactBook) {
    this.#host = host;
    this.#book = book;
  }

  /** Answers a probe; the account may not exist, which looks like not being authorised. */
  answer(probe: Stanza, account: Jid): Later<true> {
    const prober = probe.from!;
    return then(this.#book.sees(account, prober), (authorised) => {
      const answered = authorised
        ? this.#answerContact(probe, account)
        : this.#answerStranger(probe, account);
      return then(answered, () => true as const);
    });
  }

  #answerContact(probe: Stanza, account: Jid): Later<void> {
    const { from: prober, to, id } = probe;
    if (!to!.isBare) {
      const there = this.#host.session(to!)?.presence !== undefined;
      return this.#mere(to!, prober!, there, there ? undefined : id);
    }
    return then(this.#host.ask(presenceCheck, account, prober!.toBare()), (known) => {
      const stanzas = known ??
        this.#host.account(account)?.available().map((s) => s.presence!) ?? [];
      if (stanzas.length === 0) return this.#mere(account, prober!, false, id);
      return this.#sendAll(stanzas, prober!);
    });
  }

  async #sendAll(stanzas: readonly Stanza[], to: Jid): Promise<void> {
    for (const stanza of stanzas) await this.#host.send(stanza.addressedTo(to));
  }

  #answerStranger(probe: Stanza, account: Jid): Later<void> {
    const { from: prober, to, id } = probe;
    const session = to!.isBare ? undefined : this.#host.session(to!);
    if (session !== undefined && wasTold(session, prober!)) {
      return this.#mere(to!, prober!, true, undefined);
    }
    return this.#host.send(presence({ type: "unsubscribed", id, from: account, to: prober }));
  }

  /** That somebody is there or not, and nothing else. */
  #mere(from: Jid, to: Jid, there: boolean, id: string | undefined): Later<void> {
    return this.#host.send(presence({ type: there ? undefined : "unavailable", id, from, to }));
  }
}
