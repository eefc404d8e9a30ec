/** Who answers IQs: a host's handlers by payload, and the requests it has sent itself. */

import type { Deadlines } from "./deadlines.ts";
import type { Later } from "./later.ts";
import type { LogArea } from "./log.ts";
import type { Stanza } from "./stanza.ts";
import type { Jid } from "./jid.ts";
import { errorOf, iq, resultOf } from "./stanza.ts";
import { StanzaError } from "./errors.ts";
import { refusal } from "./stanza_rules.ts";
import type { IqHandler, IqReply, IqScope } from "./module.ts";
import { EMPTY_RESULT, NO_REPLY } from "./module.ts";
import type { Element } from "./xml/element.ts";

interface Entry {
  readonly module: string;
  readonly handler: IqHandler;
  readonly scope: IqScope;
}

export class IqTable {
  readonly #handlers = new Map<string, Entry>();
  readonly #log: LogArea;

  constructor(log: LogArea) {
    this.#log = log;
  }

  /** Registers a handler; two for the same payload and address are a mistake. */
  add(type: "get" | "set", ns: string, name: string, entry: Entry): () => void {
    const where = entry.scope === "host" ? "host" : "account";
    const key = `${where} ${type} ${name} ${ns}`;
    const other = this.#handlers.get(key);
    if (other !== undefined) {
      throw new Error(
        `the modules ${other.module} and ${entry.module} both handle IQ ${type} <${name} xmlns='${ns}'> for the ${where}`,
      );
    }
    this.#handlers.set(key, entry);
    return () => this.#handlers.delete(key);
  }

  /** The handler for an IQ get or set. */
  find(where: "host" | "account", request: Stanza, payload: Element): Entry | undefined {
    return this.#handlers.get(`${where} ${request.attrs.type} ${payload.name} ${payload.ns}`);
  }

  /** Runs a handler and makes the answer, a failure's too; `undefined` if there is none to send. */
  answer(entry: Entry, request: Stanza, payload: Element): Later<Stanza | undefined> {
    try {
      const reply = entry.handler(request, payload);
      if (reply instanceof Promise) {
        return reply.then((r) => replyTo(request, r), (e) => this.#failed(entry, request, e));
      }
      return replyTo(request, reply);
    } catch (e) {
      return this.#failed(entry, request, e);
    }
  }

  #failed(entry: Entry, request: Stanza, e: unknown): Stanza {
    if (e instanceof StanzaError) {
      if (this.#log.debugOn) this.#log.debug("an IQ was refused", refusal(request, e));
      return errorOf(request, e);
    }
    this.#log.error("an IQ handler failed", {
      module: entry.module,
      id: request.id ?? "",
      error: e instanceof Error ? e.stack ?? e.message : String(e),
    });
    return errorOf(request, new StanzaError("internal-server-error"));
  }
}

function replyTo(request: Stanza, reply: IqReply): Stanza | undefined {
  if (reply === NO_REPLY) return undefined;
  return reply === EMPTY_RESULT ? resultOf(request) : resultOf(request, reply);
}

interface Pending {
  readonly to: string;
  settle(answer: Stanza | StanzaError): void;
}

/** IQs that a host has sent and that wait for their answer. */
export class Requests {
  readonly #pending = new Map<string, Pending>();
  readonly #deadlines: Deadlines;
  #next = 0;

  constructor(deadlines: Deadlines) {
    this.#deadlines = deadlines;
  }

  /** Sends through `route`; rejects with the `StanzaError` that came back, or on time-out. */
  send(
    route: (request: Stanza) => void,
    from: Jid,
    to: Jid,
    type: "get" | "set",
    payload: Element,
    ms: number,
  ): Promise<Stanza> {
    // Unguessable, so that nobody can answer in another's place.
    const id = `${this.#next++}-${crypto.randomUUID()}`;
    return new Promise((resolve, reject) => {
      const deadline = this.#deadlines.after(ms, () => {
        this.#pending.delete(id);
        reject(new StanzaError("remote-server-timeout"));
      });
      this.#pending.set(id, {
        to: to.full,
        settle: (answer) => {
          deadline.cancel();
          if (answer instanceof StanzaError) reject(answer);
          else resolve(answer);
        },
      });
      route(iq({ type, id, from, to }, payload));
    });
  }

  /** Takes an IQ result or error addressed to the host; false if nobody waits for it. */
  settle(answer: Stanza): boolean {
    const pending = this.#pending.get(answer.id ?? "");
    if (pending === undefined || pending.to !== answer.from?.full) return false;
    this.#pending.delete(answer.id!);
    pending.settle(answer.isError ? errorIn(answer) : answer);
    return true;
  }
}

function errorIn(answer: Stanza): StanzaError {
  const condition = answer.child("error")?.first()?.name ?? "undefined-condition";
  return new StanzaError(condition as ConstructorParameters<typeof StanzaError>[0]);
}
