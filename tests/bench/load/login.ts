/** Logins: connection, TLS if asked for, SCRAM, a resource, presence, and the end of it all. */

import { online } from "./client.ts";
import { Meter } from "./meter.ts";
import { type Answer, type LoginOrder, userName } from "./order.ts";
import { each } from "./time.ts";

export async function logins(order: LoginOrder): Promise<Answer> {
  const logInAndOut = async (i: number) => {
    const client = await online(order, userName(i));
    await client.close();
  };
  // Every account once: from now on its keys are known, and the server runs smoothly.
  await each(order.accounts, order.atOnce, logInAndOut);

  const meter = new Meter(order.pid);
  const end = performance.now() + order.seconds * 1000;
  let count = 0;
  meter.start();
  while (performance.now() < end) {
    // No account twice at the same time: that would be another kind of login.
    await each(order.accounts, order.atOnce, async (i) => {
      if (performance.now() >= end) return;
      await logInAndOut(i);
      count++;
    });
  }
  await meter.stopWhenQuiet();
  return { perSecond: count / meter.seconds };
}
