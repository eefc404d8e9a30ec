/** Two devices of one account on slixmpp, one of which falls asleep (XEP-0280, XEP-0352, XEP-0198). */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type Confab, startConfab, toml } from "../cli/process.ts";
import { pythonWithSlixmpp } from "./available.ts";
import { LineClient } from "./line_client.ts";

const python = await pythonWithSlixmpp();

function device(confab: Confab, jid: string): LineClient {
  return new LineClient(
    new Deno.Command(python!, {
      args: [
        fileURLToPath(new URL("slixmpp_device.py", import.meta.url)),
        jid,
        "a password",
        "127.0.0.1",
        String(confab.server.port),
        `${confab.data}/certs/localhost.crt`,
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }),
  );
}

/** Has the client do something, and waits until it has. */
async function does(client: LineClient, order: Record<string, string>): Promise<void> {
  await client.order(order);
  await client.sees({ event: "done", what: order.do! });
}

Deno.test({
  name: "slixmpp: a phone and a desktop see the same conversation",
  ignore: python === undefined,
  fn: async () => {
    await using confab = await startConfab(toml());
    const [juliet, romeo] = ["juliet@localhost", "romeo@localhost"];
    await confab.addUser(juliet, "a password");
    await confab.addUser(romeo, "a password");
    await using phone = device(confab, `${juliet}/phone`);
    await using desk = device(confab, `${juliet}/desk`);
    await using other = device(confab, `${romeo}/garden`);
    for (const client of [phone, desk, other]) {
      await client.sees({ event: "online" });
      await client.sees({ event: "csi" });
    }

    // Awake: both sides of it.
    await does(other, { do: "message", to: `${juliet}/desk`, body: "his" });
    await desk.sees({ event: "message", body: "his" });
    await phone.sees({
      event: "copy",
      direction: "received",
      from: `${romeo}/garden`,
      body: "his",
    });
    await does(desk, { do: "message", to: `${romeo}/garden`, body: "hers" });
    await other.sees({ event: "message", from: `${juliet}/desk`, body: "hers" });
    await phone.sees({ event: "copy", direction: "sent", to: `${romeo}/garden`, body: "hers" });

    // Inactive: presence and chat states are for later.
    await does(phone, { do: "inactive" });
    phone.forget();
    await does(other, { do: "status", to: `${juliet}/phone`, status: "one" });
    await does(other, { do: "status", to: `${juliet}/phone`, status: "two" });
    await does(other, { do: "composing", to: `${juliet}/phone` });
    await does(desk, { do: "message", to: `${romeo}/garden`, body: "from the desk" });
    await other.sees({ event: "message", body: "from the desk" });
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.deepEqual(phone.events, []);
    await does(other, { do: "message", to: `${juliet}/desk`, body: "wake up" });
    await phone.sees({ event: "copy", direction: "received", body: "wake up" });
    await phone.sees({ event: "presence", from: `${romeo}/garden`, status: "two" });
    await phone.sees({ event: "composing", from: `${romeo}/garden` });
    await phone.sees({ event: "copy", direction: "sent", body: "from the desk" });
    assert.deepEqual(phone.events, []);
    await does(other, { do: "composing", to: `${juliet}/phone` });
    await does(phone, { do: "active" });
    await phone.sees({ event: "composing", from: `${romeo}/garden` });

    // Out of reach: all of it comes when it resumes.
    await does(phone, { do: "lose" });
    await does(other, { do: "message", to: `${juliet}/desk`, body: "are you there?" });
    await desk.sees({ event: "message", body: "are you there?" });
    await does(desk, { do: "message", to: `${romeo}/garden`, body: "at the desk" });
    await other.sees({ event: "message", body: "at the desk" });
    await does(phone, { do: "come back" });
    await phone.sees({ event: "resumed" });
    await phone.sees({ event: "copy", direction: "received", body: "are you there?" });
    await phone.sees({ event: "copy", direction: "sent", body: "at the desk" });
    assert.doesNotMatch(confab.err, /^\S+ error /m);
  },
});
