/** A room full of people: what entering, memory and messages cost. */

import { type LoadClient, online } from "./client.ts";
import { memory, Meter } from "./meter.ts";
import { type Answer, type RoomOrder, userName } from "./order.ts";
import { delay, each, until } from "./time.ts";

const ROOM = "bench@conference.localhost";
const SENDERS = 4;
const WINDOW = 4;

const enter = (i: number) =>
  `<presence to='${ROOM}/n${i}'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>`;

const OPEN =
  `<iq type='set' id='open' to='${ROOM}'><query xmlns='http://jabber.org/protocol/muc#owner'>` +
  `<x xmlns='jabber:x:data' type='submit'/></query></iq>`;

export async function room(order: RoomOrder): Promise<Answer> {
  const count = order.accounts;
  const all: LoadClient[] = [];
  await each(count, 10, async (i) => {
    all[i] = await online(order, userName(i));
  });
  const outside = await settled(order, all[0]!);
  const entered = await enterAll(order, all);
  const inside = await settled(order, all[0]!);
  const perCopy = await talk(order, all);
  await Promise.all(all.map((client) => client.close()));
  return {
    ...entered,
    perCopy,
    perOccupant: outside === undefined || inside === undefined ? null : (inside - outside) / count,
  };
}

/** The first makes the room; then all others come at once. Everybody sees everybody. */
async function enterAll(order: RoomOrder, all: readonly LoadClient[]): Promise<Answer> {
  all[0]!.send(enter(0));
  await all[0]!.until("<subject");
  all[0]!.send(OPEN);
  await all[0]!.until(" id='open'");
  let presences = 0;
  for (const client of all) client.count("</presence>", (n) => presences += n);
  const meter = new Meter(order.pid);
  const start = performance.now();
  meter.start();
  for (let i = 1; i < all.length; i++) all[i]!.send(enter(i));
  // Of itself and of all others; the first has seen itself before.
  const expected = all.length * all.length - 1;
  await until(() => presences >= expected, () => presences);
  meter.stop();
  return { entering: (performance.now() - start) / 1000, perPresence: meter.per(expected) };
}

/** As in `idle.ts`. */
async function settled(order: RoomOrder, client: LoadClient): Promise<number | undefined> {
  for (let i = 0; i < 2; i++) {
    await delay(1000);
    await client.collectGarbage();
  }
  await delay(1000);
  return memory(order.pid);
}

async function talk(order: RoomOrder, all: readonly LoadClient[]): Promise<number> {
  const senders = all.slice(0, SENDERS);
  let sent = 0;
  let copies = 0;
  let stopped = false;
  const body = "x".repeat(100);
  const send = () => {
    const n = sent++;
    senders[n % senders.length]!.send(
      `<message type='groupchat' to='${ROOM}' id='g${n}'><body>${n} ${body}</body></message>`,
    );
  };
  const underWay = SENDERS * WINDOW;
  for (const client of all) {
    client.count("</message>", (n) => {
      copies += n;
      while (!stopped && sent * all.length - copies <= (underWay - 1) * all.length) send();
    });
  }
  for (let i = 0; i < underWay; i++) send();
  await delay(order.seconds * 300);
  const meter = new Meter(order.pid);
  const before = copies;
  meter.start();
  await delay(order.seconds * 1000);
  meter.stop();
  const counted = copies - before;
  stopped = true;
  await until(() => copies >= sent * all.length, () => copies);
  return meter.per(counted);
}
