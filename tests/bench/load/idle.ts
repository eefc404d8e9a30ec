/** What a session takes of the server's memory while nothing happens. */

import { type LoadClient, online } from "./client.ts";
import { memory } from "./meter.ts";
import { type Answer, type IdleOrder, userName } from "./order.ts";
import { delay, each } from "./time.ts";

/** How many sessions come and go before memory is looked at. */
const WARM_UP = 20;

/** The first account stays from beginning to end; what all others add is what counts. */
export async function idle(order: IdleOrder): Promise<Answer> {
  const first = await online(order, userName(0));
  const clients: LoadClient[] = [];
  const logIn = async (i: number) => {
    clients.push(await online(order, userName(i + 1)));
  };
  const count = order.accounts - 1;
  await each(Math.min(WARM_UP, count), 10, logIn);
  await Promise.all(clients.splice(0).map((client) => client.close()));
  const before = await settled(order, first);
  await each(count, 10, logIn);
  const after = await settled(order, first);
  await Promise.all([first, ...clients].map((client) => client.close()));
  if (before === undefined || after === undefined) return { perSession: null, before: null };
  return { perSession: (after - before) / count, before };
}

/**
 * What the server's memory comes to without its garbage, which the engine else leaves for half a minute
 * or more. The system gets it back a little later.
 */
async function settled(order: IdleOrder, client: LoadClient): Promise<number | undefined> {
  for (let i = 0; i < 2; i++) {
    await delay(order.seconds * 500);
    await client.collectGarbage();
  }
  await delay(order.seconds * 500);
  return memory(order.pid);
}
