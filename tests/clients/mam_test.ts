/** slixmpp reads an archive, by its own implementation of XEP-0313. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { startConfab, toml } from "../cli/process.ts";
import { pythonWithSlixmpp } from "./available.ts";
import { LineClient } from "./line_client.ts";
import { slixmpp } from "./start.ts";

const python = await pythonWithSlixmpp();

Deno.test({
  name: "slixmpp reads its archive page by page",
  ignore: python === undefined,
  fn: async () => {
    await using confab = await startConfab(toml());
    const [juliet, romeo] = ["juliet@localhost", "romeo@localhost"];
    await confab.addUser(juliet, "give me my romeo");
    await confab.addUser(romeo, "a rose by any name");
    const bodies = Array.from({ length: 25 }, (_, i) => `message ${i} <&> 🌹`);
    {
      await using writer = slixmpp(python!)(confab, romeo, "a rose by any name");
      await writer.sees({ event: "online" });
      for (const body of bodies) await writer.order({ do: "message", to: juliet, body });
      await writer.order({ do: "message", to: "nurse@localhost", body: "to the nurse" });
      await writer.order({ do: "message", to: romeo, body: "to myself" });
      await writer.sees({ event: "message", body: "to myself" });
      await writer.end();
    }
    for (
      const [jid, password, contact, found] of [
        [juliet, "give me my romeo", romeo, bodies],
        [romeo, "a rose by any name", "nurse@localhost", [...bodies, "to the nurse", "to myself"]],
      ] as const
    ) {
      const command = new Deno.Command(python!, {
        args: [
          fileURLToPath(new URL("slixmpp_mam.py", import.meta.url)),
          jid,
          password,
          "127.0.0.1",
          String(confab.server.port),
          `${confab.data}/certs/localhost.crt`,
          contact,
        ],
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      });
      await using reader = new LineClient(command);
      const { features } = await reader.sees({ event: "features" });
      assert.deepEqual(features, [
        "urn:xmpp:mam:2",
        "urn:xmpp:mam:2#extended",
        "urn:xmpp:mam:2#groupchat-field",
      ]);
      const { fields } = await reader.sees({ event: "fields" });
      assert.ok(["with", "start", "end", "ids"].every((f) => (fields as string[]).includes(f)));
      const { first, last } = await reader.sees({ event: "metadata" });
      assert.ok(first !== "" && last !== "" && first !== last);
      assert.deepEqual((await reader.sees({ event: "all" })).bodies, found);
      assert.deepEqual((await reader.sees({ event: "back" })).bodies, found.toReversed());
      const withContact = contact === romeo ? found : ["to the nurse"];
      assert.deepEqual((await reader.sees({ event: "with" })).bodies, withContact);
    }
  },
});
