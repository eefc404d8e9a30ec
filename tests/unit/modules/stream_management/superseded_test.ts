/** Presence in a queue of which only the last of each sender counts. */

import assert from "node:assert/strict";
import { type Entry, Queue, UNTIL_SAFE } from "../../../../modules/stream_management/queue.ts";
import { thinOut } from "../../../../modules/stream_management/superseded.ts";

const USER = "http://jabber.org/protocol/muc#user";

function queueOf(texts: readonly (string | Entry)[]): Queue {
  const queue = new Queue(7);
  for (const t of texts) queue.push(typeof t === "string" ? { text: t, stamp: 0, flags: 0 } : t);
  return queue;
}

const texts = (queue: Queue) => queue.behind(queue.acked).map((e) => e.text);
const show = (from: string, inside = "", more = "") =>
  `<presence from='${from}' to='me@x/1'${more}>${inside}</presence>`;

Deno.test("the last of each sender stays where it came, behind what may have been sent", () => {
  const sent = show("a@x/1", "sent");
  const queue = queueOf([
    sent,
    show("a@x/1", "old"),
    show("b@x/1", "old"),
    "<message/>",
    show("a@x/1", "", " type='unavailable'"),
    show("a@x/2"),
    show("b@x/1", "new"),
  ]);
  const { from, left } = thinOut(queue, 8);
  assert.equal(from, 8);
  assert.equal(left, show("a@x/1", "old").length + show("b@x/1", "old").length);
  assert.deepEqual(texts(queue), [
    sent,
    "<message/>",
    show("a@x/1", "", " type='unavailable'"),
    show("a@x/2"),
    show("b@x/1", "new"),
  ]);
  assert.equal(queue.size, texts(queue).join("").length);
  assert.equal(queue.sent, 12);
});

Deno.test("answers, requests and one's own presence in a room stay", () => {
  const self = show("room@x/me", `<x xmlns='${USER}'><status code='110'/></x>`);
  const asks = show("a@x", "", " type='subscribe'");
  const all = [self, self, asks, asks, "<iq/>", "<iq/>"];
  const queue = queueOf(all);
  assert.equal(thinOut(queue, 7).left, 0);
  assert.deepEqual(texts(queue), all);
});

Deno.test("what somebody waits for keeps its number, and little is left alone", () => {
  const kept = { text: "<message/>", stamp: 0, flags: UNTIL_SAFE };
  const queue = queueOf([show("a@x"), show("a@x"), kept, show("a@x"), show("a@x")]);
  assert.equal(thinOut(queue, 7).from, 10);
  assert.equal(queue.length, 4);
  const long = queueOf([...Array(20).fill("<message/>"), show("a@x"), show("a@x")]);
  assert.equal(thinOut(long, 7).left, 0);
  assert.equal(long.length, 22);
});
