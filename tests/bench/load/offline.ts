/** Messages for users who are not there, and their delivery when they come. */

import { chatMessage } from "../stanzas.ts";
import { type LoadClient, login, online } from "./client.ts";
import { Meter } from "./meter.ts";
import { type Answer, DOMAIN, type OfflineOrder, userName } from "./order.ts";
import { each, until } from "./time.ts";

export async function offline(order: OfflineOrder): Promise<Answer> {
  const half = order.accounts >> 1;
  const senders: LoadClient[] = [];
  await each(half, 10, async (i) => {
    senders[i] = await online(order, userName(i));
  });
  const [storing, replaying] = [new Meter(order.pid), new Meter(order.pid)];
  await round(order, senders, new Meter(order.pid), new Meter(order.pid)); // to warm up
  const end = performance.now() + order.seconds * 1000;
  let rounds = 0;
  do {
    await round(order, senders, storing, replaying);
    rounds++;
  } while (performance.now() < end);
  await Promise.all(senders.map((client) => client.close()));
  const messages = rounds * half * order.messages;
  return { perStored: storing.per(messages), perReplayed: replaying.per(messages) };
}

async function round(
  order: OfflineOrder,
  senders: readonly LoadClient[],
  storing: Meter,
  replaying: Meter,
): Promise<void> {
  const half = senders.length;
  storing.start();
  await each(half, half, async (i) => {
    const to = `${userName(half + i)}@${DOMAIN}`;
    for (let n = 0; n < order.messages; n++) senders[i]!.send(chatMessage(to, n));
    await senders[i]!.sync(); // stanzas are handled in order, so all is stored
  });
  await storing.stopWhenQuiet();

  const recipients: LoadClient[] = [];
  let came = 0;
  await each(half, 10, async (i) => {
    recipients[i] = await login(order, userName(half + i));
  });
  for (const client of recipients) client.count("</message>", (n) => came += n);
  replaying.start();
  for (const client of recipients) client.send("<presence/>");
  await until(() => came >= half * order.messages, () => came);
  await replaying.stopWhenQuiet();
  await Promise.all(recipients.map((client) => client.close()));
  if (came !== half * order.messages) {
    throw new Error(`${half * order.messages} messages were kept and ${came} came`);
  }
}
