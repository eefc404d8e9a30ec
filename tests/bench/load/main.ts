/** The load generator: one order as an argument, one answer on standard output. */

import { chat } from "./chat.ts";
import { idle } from "./idle.ts";
import { logins } from "./login.ts";
import { offline } from "./offline.ts";
import type { Answer, Order } from "./order.ts";
import { presence } from "./presence.ts";
import { room } from "./room.ts";

function obey(order: Order): Promise<Answer> {
  switch (order.load) {
    case "chat":
      return chat(order);
    case "login":
      return logins(order);
    case "idle":
      return idle(order);
    case "presence":
      return presence(order);
    case "room":
      return room(order);
    case "offline":
      return offline(order);
  }
}

if (import.meta.main) {
  console.log(JSON.stringify(await obey(JSON.parse(Deno.args[0]!))));
  Deno.exit(); // whatever connections are left
}
