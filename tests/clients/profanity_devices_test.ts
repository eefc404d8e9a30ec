/** One person with several profanities: copies, acknowledgements, history, and a server that dies. */

import assert from "node:assert/strict";
import { startConfab, tempFolder, toml } from "../cli/process.ts";
import { hasProfanity } from "./available.ts";
import { startProfanity } from "./profanity.ts";
import { xmppJs } from "./start.ts";

const [juliet, romeo] = ["juliet@localhost", "romeo@localhost"];

Deno.test({
  name: "profanity: copies for two devices, acknowledgements, history on a third, a restart",
  ignore: !await hasProfanity(),
  async fn() {
    await using confab = await startConfab(toml());
    await using home = await tempFolder();
    await confab.addUser(juliet, "give me my romeo");
    await confab.addUser(romeo, "a rose by any name");
    await using a = xmppJs("xmpp")(confab, juliet, "give me my romeo");
    await a.sees({ event: "online" });
    const device = async (name: string) => {
      const folder = `${home.path}/${name}`;
      await Deno.mkdir(folder);
      const profanity = await startProfanity(folder);
      for (const setting of ["/carbons on", "/mam on", "/reconnect 1", "/presence console none"]) {
        await profanity.type(setting);
      }
      await profanity.type(
        `/connect ${romeo} server 127.0.0.1 port ${confab.server.port} tls trust`,
      );
      await profanity.shows(/password:/i);
      await profanity.type("a rose by any name");
      await profanity.shows(/romeo@localhost\/profanity\.\w+ logged in successfully/);
      return profanity;
    };
    await using first = await device("first");
    await using second = await device("second");

    await second.type(`/msg ${juliet} see how she leans her cheek`);
    await a.sees({ event: "message", body: "see how she leans her cheek" });
    await first.type(`/msg ${juliet} O, that I were a glove upon that hand`);
    await a.sees({ event: "message", body: "O, that I were a glove upon that hand" });
    await second.shows(/O, that I were a glove upon that hand/);

    await first.type("/xmlconsole");
    await first.type("/disco info");
    await first.shows(/RECV:[^]*<a (h="\d+" )?xmlns="urn:xmpp:sm:3"/);

    await using third = await device("third");
    // It asks no archive before it has found one: this question comes behind those of its own.
    await third.type("/disco items");
    await third.shows(/pubsub\.localhost/);
    await third.type("/disco info pubsub.localhost");
    await third.shows(/pubsub#subscribe/);
    await third.type(`/msg ${juliet}`);
    const history = await third.shows(/O, that I were a glove upon that hand/);
    assert.match(history, /see how she leans her cheek/);

    // All of them have asked for sessions that can be resumed.
    confab.child.kill("SIGKILL");
    await confab.exited();
    await confab.start();
    const restored = /stream_management sessions restored +count=4/;
    for (let i = 0; i < 100 && !restored.test(confab.err); i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.match(confab.err, restored);
  },
});
