/** What becomes of stanzas that are refused, or that break whoever handles them. */

import type { Later } from "./later.ts";
import { isLater } from "./later.ts";
import type { LogArea } from "./log.ts";
import type { Stanza } from "./stanza.ts";
import { errorOf } from "./stanza.ts";
import { StanzaError, StreamError } from "./errors.ts";
import { isAnswer, refusal } from "./stanza_rules.ts";

export class Refusals {
  readonly #log: LogArea;
  readonly #route: (answer: Stanza) => Later<void>;

  /** @param route brings an error to the sender; what it throws is not answered again */
  constructor(log: LogArea, route: (answer: Stanza) => Later<void>) {
    this.#log = log;
    this.#route = route;
  }

  /** Runs a step; what it refuses is answered to the sender, what it breaks is logged. */
  guarded(stanza: Stanza, step: () => Later<void>): Later<void> {
    try {
      const done = step();
      return isLater(done) ? done.catch((e) => this.refused(stanza, e)) : done;
    } catch (e) {
      return this.refused(stanza, e);
    }
  }

  /** Answers what was thrown; throws only what ends the stream. */
  refused(stanza: Stanza, e: unknown): Later<void> {
    if (e instanceof StreamError) throw e;
    this.noted(stanza, e);
    return this.#bounce(
      stanza,
      e instanceof StanzaError ? e : new StanzaError("internal-server-error"),
    );
  }

  /** Logs what was thrown, for a stanza whose sender is told nothing. */
  noted(stanza: Stanza, e: unknown): void {
    if (e instanceof StanzaError) {
      if (this.#log.debugOn) this.#log.debug("a stanza was refused", refusal(stanza, e));
      return;
    }
    this.#log.error("a stanza could not be handled", {
      kind: stanza.name,
      id: stanza.id ?? "",
      from: stanza.from?.full ?? "",
      error: e instanceof Error ? e.stack ?? e.message : String(e),
    });
  }

  /** Tells the sender, unless that could make a loop (RFC 6120 §8.3.1). */
  #bounce(stanza: Stanza, error: StanzaError): Later<void> {
    if (stanza.from === undefined || stanza.isError || isAnswer(stanza)) return;
    if (stanza.name === "presence" && SILENT_PRESENCE.has(stanza.type ?? "")) return;
    const answer = errorOf(stanza, error);
    return this.guarded(answer, () => this.#route(answer));
  }
}

/** Presence whose failure concerns nobody. */
const SILENT_PRESENCE: ReadonlySet<string> = new Set(["unavailable", "probe"]);
