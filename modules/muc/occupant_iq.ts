/**
 * IQs to an occupant's address (XEP-0045 §17.4): passed on, without telling either side who the other
 * really is; and pings to oneself, by which a client finds out whether it is still there (XEP-0410).
 */

import { StanzaError } from "../../lib/errors.ts";
import type { Jid } from "../../lib/jid.ts";
import { Recent } from "../../lib/recent.ts";
import { resultOf, Stanza } from "../../lib/stanza.ts";
import { isAnswer } from "../../lib/stanza_rules.ts";
import { PING } from "./names.ts";
import type { Client } from "./occupant.ts";
import { addresseeOf, occupantAt } from "./private.ts";
import type { Room } from "./room.ts";

/** Requests under way of a service, and how long one may take. */
const REQUESTS = 10_000;
const REQUEST_MS = 120_000;

interface Passed {
  /** Who has asked, and under which id. */
  readonly asker: Jid;
  readonly id: string;
  /** Who was asked, by both addresses. */
  readonly asked: Jid;
  readonly occupant: Jid;
}

/** The requests of a service that were passed on. */
export class PassedRequests {
  readonly #passed = new Recent<Passed>(REQUESTS, REQUEST_MS);

  /** An IQ to `room@service/nick`, of a room that may be none. */
  onIq(room: Room | undefined, stanza: Stanza): true {
    if (!isAnswer(stanza)) this.#request(room, stanza);
    else if (room !== undefined) this.#answer(room, stanza);
    return true;
  }

  #request(room: Room | undefined, stanza: Stanza): void {
    const client = room?.client(stanza.from!);
    const isPing = stanza.first()?.is("ping", PING) === true;
    if (room === undefined || client === undefined) {
      // XEP-0045 §6.6, XEP-0410 §3: who is not there is told so, and not whether the room or nick is.
      const isDisco = stanza.first()?.ns.startsWith("http://jabber.org/protocol/disco#") === true;
      throw new StanzaError(isDisco ? "bad-request" : "not-acceptable");
    }
    const target = occupantAt(room, stanza.to!);
    if (isPing && target === client.occupant) {
      return void room.service.host.send(resultOf(stanza));
    }
    room.service.checkRate(client.occupant.user, stanza);
    this.#pass(room, stanza, client, target.main);
  }

  #pass(room: Room, stanza: Stanza, client: Client, target: Client): void {
    const to = addresseeOf(stanza, target);
    const id = crypto.randomUUID();
    this.#passed.set(id, {
      asker: client.jid,
      id: stanza.id ?? "",
      asked: to,
      occupant: stanza.to!,
    });
    const request = stanza.withAttrs({ id }).sentFrom(client.occupant.jid).addressedTo(to);
    void room.service.host.send(request);
  }

  /** Goes to whoever has asked, if it comes from whoever was asked. */
  #answer(room: Room, stanza: Stanza): void {
    const passed = this.#passed.get(stanza.id ?? "");
    if (passed === undefined || passed.asked.full !== stanza.from!.full) return;
    this.#passed.delete(stanza.id!);
    if (passed.occupant.bare !== room.jid.bare) return;
    const answer = stanza.withAttrs({ id: passed.id }).sentFrom(passed.occupant);
    void room.service.host.send(withoutBy(answer).addressedTo(passed.asker));
  }
}

/** An error may name the real address of who makes it (RFC 6120 §8.3.2). */
function withoutBy(answer: Stanza): Stanza {
  const error = answer.child("error");
  if (error?.attrs.by === undefined) return answer;
  const children = answer.children.map((c) => c === error ? error.withAttrs({ by: undefined }) : c);
  const copy = new Stanza(answer.name, answer.ns, answer.attrs, children);
  copy.from = answer.from;
  copy.to = answer.to;
  return copy;
}
