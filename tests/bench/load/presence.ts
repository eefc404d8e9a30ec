/** Presence that goes out to all contacts. */

import { type LoadClient, online } from "./client.ts";
import { Meter } from "./meter.ts";
import { type Answer, DOMAIN, type PresenceOrder, userName } from "./order.ts";
import { delay, each, until } from "./time.ts";

export async function presence(order: PresenceOrder): Promise<Answer> {
  const all: LoadClient[] = [];
  await each(order.accounts, 10, async (i) => {
    all[i] = await online(order, userName(i));
  });
  const senders = all.slice(0, order.senders);
  const contacts = all.slice(order.senders);
  await subscribe(senders, contacts, order.senders);

  let sent = 0;
  let copies = 0;
  let stopped = false;
  const send = () => {
    const n = sent++;
    senders[n % senders.length]!.send(
      `<presence><show>away</show><status>${n}</status></presence>`,
    );
  };
  for (const contact of contacts) {
    contact.count("</presence>", (n) => {
      copies += n;
      while (!stopped && sent * contacts.length - copies <= (order.window - 1) * contacts.length) {
        send();
      }
    });
  }
  for (let i = 0; i < order.window; i++) send();

  await delay(order.seconds * 300);
  const meter = new Meter(order.pid);
  const before = copies;
  meter.start();
  await delay(order.seconds * 1000);
  meter.stop();
  const count = copies - before;

  stopped = true;
  await until(() => copies === sent * contacts.length, () => copies);
  await Promise.all(all.map((client) => client.close()));
  return { perCopy: meter.per(count) };
}

/** Every contact sees the presence of every sender from now on. */
async function subscribe(
  senders: readonly LoadClient[],
  contacts: readonly LoadClient[],
  first: number,
): Promise<void> {
  const address = (i: number) => `${userName(i)}@${DOMAIN}`;
  for (const contact of contacts) {
    senders.forEach((_, i) => contact.send(`<presence to='${address(i)}' type='subscribe'/>`));
  }
  for (const contact of contacts) await contact.sync();
  for (const sender of senders) {
    contacts.forEach((_, i) =>
      sender.send(`<presence to='${address(first + i)}' type='subscribed'/>`)
    );
  }
  for (const sender of senders) await sender.sync();
  for (const contact of contacts) await contact.sync();
}
