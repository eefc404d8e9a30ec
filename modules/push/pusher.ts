/**
 * When a push leaves, and what becomes of app servers that do not take it (XEP-0357 §7).
 *
 * A client that was told is expected to come; until it does, it is told again only after a while.
 * A call does not wait for that.
 */

import { StanzaError } from "../../lib/errors.ts";
import { type Jid, parseJid } from "../../lib/jid.ts";
import { then } from "../../lib/later.ts";
import type { ModuleHost } from "../../lib/module.ts";
import { copiedMessage } from "../../lib/formats/message_traits.ts";
import { Stanza } from "../../lib/stanza.ts";
import type { ChatSettings } from "./chat_settings.ts";
import { type Contents, type News, publication } from "./notification.ts";
import type { Registration, RegistrationBook, Registrations } from "./registrations.ts";
import { isSame, NONE } from "./registrations.ts";

export interface Rules extends Contents {
  /** ms; 0: never again until the client was here. */
  readonly interval: number;
  readonly timeout: number;
  readonly retry: number;
  readonly failures: number;
  readonly from: "server" | "account";
}

/** Which of an account's registrations are concerned. */
export type Choice = (registration: Registration) => boolean;

/** A call may be told of again so soon: it is over before the next interval is. */
const CALL_INTERVAL_MS = 2000;
const LONGEST_RETRY_MS = 3_600_000;
const CALLS_NS = "urn:xmpp:jingle-message:0";

/** The app server has understood, and will not have it. */
const FINAL: ReadonlySet<string> = new Set([
  "bad-request",
  "conflict",
  "feature-not-implemented",
  "forbidden",
  "gone",
  "item-not-found",
  "jid-malformed",
  "not-acceptable",
  "not-allowed",
  "not-authorized",
  "registration-required",
  "subscription-required",
]);

export class Pusher {
  readonly #host: ModuleHost;
  readonly #rules: Rules;
  readonly #book: RegistrationBook;
  readonly #settings: ChatSettings;

  constructor(host: ModuleHost, rules: Rules, book: RegistrationBook, settings: ChatSettings) {
    this.#host = host;
    this.#rules = rules;
    this.#book = book;
    this.#settings = settings;
  }

  /** A message that a person waits for has come; nobody waits for what follows from that here. */
  message(account: Jid, stanza: Stanza, choice: Choice): void {
    this.#withRegistrations(account, choice, (due) => {
      const message = inside(stanza);
      return then(
        this.#settings.wants(account, message),
        (wanted) => wanted ? this.#tell(account, due, { message, requests: undefined }) : undefined,
      );
    });
  }

  /** Somebody wants to be a contact. `count` says how many do; with 0 there is nothing to tell. */
  request(account: Jid, choice: Choice, count: () => Promise<number>): void {
    this.#withRegistrations(account, choice, async (due) => {
      const requests = await count();
      if (requests > 0) this.#tell(account, due, { message: undefined, requests });
    });
  }

  #withRegistrations(
    account: Jid,
    choice: Choice,
    f: (due: Registrations) => Promise<void> | void,
  ): void {
    const list = this.#book.known(account);
    if (list === NONE) return;
    const go = async () => {
      const due = (list ?? await this.#book.of(account)).filter(choice);
      if (due.length > 0) await f(due);
    };
    go().catch((e) => this.#report(account, e));
  }

  #report(account: Jid, e: unknown): void {
    this.#host.log.error("a push could not be made", {
      jid: account.bare,
      error: e instanceof Error ? e.stack ?? e.message : String(e),
    });
  }

  #tell(account: Jid, due: Registrations, news: News): void {
    const now = performance.now();
    for (const registration of due) {
      registration.missed += news.message === undefined ? 0 : 1;
      if (this.#isDue(registration, news, now)) void this.#push(account, registration, news);
    }
  }

  #isDue({ pushed, notBefore, underWay, over }: Registration, news: News, now: number): boolean {
    if (over || underWay || now < notBefore) return false;
    if (pushed === undefined) return true;
    const isCall = news.message?.child("propose", CALLS_NS) !== undefined;
    const { interval } = this.#rules;
    if (isCall && now >= pushed + CALL_INTERVAL_MS) return true;
    return interval > 0 && now >= pushed + interval;
  }

  async #push(account: Jid, r: Registration, news: News): Promise<void> {
    r.underWay = true;
    r.pushed = performance.now();
    const { from, timeout } = this.#rules;
    const payload = publication(r, news, this.#rules);
    const sender = from === "account" ? account.toBare() : undefined;
    try {
      await this.#host.request(r.service, "set", payload, timeout, sender);
      r.failures = 0;
      r.notBefore = 0;
    } catch (e) {
      this.#failed(account, r, news, e);
    } finally {
      r.underWay = false;
    }
  }

  #failed(account: Jid, r: Registration, news: News, e: unknown): void {
    if (!(e instanceof StanzaError)) return this.#report(account, e);
    if (r.over) return;
    r.failures++;
    const final = FINAL.has(e.condition);
    const facts = { jid: account.bare, service: r.service.full, error: e.condition };
    if (final || r.failures >= this.#rules.failures) {
      this.#host.log.info("push disabled: the app server does not take it", facts);
      const gone = this.#book.giveUp(account.toBare(), r);
      gone.catch((why) => this.#report(account, why));
      return;
    }
    const wait = Math.min(this.#rules.retry * 2 ** (r.failures - 1), LONGEST_RETRY_MS);
    r.notBefore = performance.now() + wait;
    this.#host.log.debug("a push has failed", { ...facts, retry_seconds: wait / 1000 });
    this.#host.after(wait, () => {
      this.#again(account, r, news).catch((why) => this.#report(account, why));
    });
  }

  async #again(account: Jid, failed: Registration, news: News): Promise<void> {
    // Not if the client has come by itself.
    if (failed.pushed === undefined || failed.over) return;
    const r = (await this.#book.of(account)).find((other) => isSame(other, failed));
    if (r === undefined || r.over || r.underWay) return;
    // Forgotten in between, and read again: or it would have failed for the first time for ever.
    r.failures = Math.max(r.failures, failed.failures);
    r.missed = Math.max(r.missed, failed.missed);
    await this.#push(account, r, news);
  }
}

/** The message itself, if this is a copy of one (XEP-0280). */
function inside(stanza: Stanza): Stanza {
  const copied = copiedMessage(stanza);
  if (copied === undefined || copied instanceof Stanza) return copied ?? stanza;
  const message = new Stanza(copied.name, copied.ns, copied.attrs, copied.children);
  message.from = parseJid(copied.attrs.from ?? "");
  return message;
}

/** The client is here: whatever it has missed, it sees now. */
export function reset(registration: Registration): void {
  registration.missed = 0;
  registration.pushed = undefined;
}
