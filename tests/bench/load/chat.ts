/** Messages between pairs of users, as fast as the server delivers them. */

import { chatMessage } from "../stanzas.ts";
import { fullJid, type LoadClient, online } from "./client.ts";
import { Meter } from "./meter.ts";
import { type Answer, type ChatOrder, userName } from "./order.ts";
import { delay, each, until } from "./time.ts";

export async function chat(order: ChatOrder): Promise<Answer> {
  const clients: LoadClient[] = [];
  await each(order.accounts, 10, async (i) => {
    clients[i] = await online(order, userName(i));
  });
  let sent = 0;
  let delivered = 0;
  let stopped = false;
  const send = (from: number, count: number) => {
    const to = fullJid(userName(from ^ 1));
    for (let n = 0; n < count; n++) clients[from]!.send(chatMessage(to, ++sent));
  };
  for (const [i, client] of clients.entries()) {
    client.count("</message>", (n) => {
      delivered += n;
      // These were the partner's: there is room for as many of his.
      if (!stopped) send(i ^ 1, n);
    });
  }
  for (let i = 0; i < order.accounts; i++) send(i, order.window);

  await delay(order.seconds * 300); // until the server runs smoothly
  const meter = new Meter(order.pid);
  const before = delivered;
  meter.start();
  await delay(order.seconds * 1000);
  meter.stop();
  const count = delivered - before;

  stopped = true;
  await until(() => delivered === sent, () => delivered);
  await Promise.all(clients.map((c) => c.close()));
  if (delivered !== sent) throw new Error(`${sent} messages were sent and ${delivered} delivered`);
  return { perMessage: meter.per(count) };
}
