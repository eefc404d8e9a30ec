/** slixmpp finds the upload service, uploads over https, and what it got can be downloaded. */

import assert from "node:assert/strict";
import { freePort, startConfab, toml } from "../cli/process.ts";
import { pythonWithUpload } from "./available.ts";
import { slixmpp } from "./start.ts";

const python = await pythonWithUpload();
if (python !== undefined) {
  Deno.test("slixmpp uploads a file", async () => {
    const port = freePort();
    const web = `[[listen.http]]\naddress = ["127.0.0.1"]\nport = ${port}\n`;
    const settings = "[modules.http_upload]\nmax_file_size = 1_000_000\nquota = 1_500_000\n";
    await using confab = await startConfab(
      toml(settings).replace("[listen]\nhttp = []\n", "") + web,
    );
    await confab.addUser("juliet@localhost", "give me my romeo");
    await using juliet = slixmpp(python, "slixmpp_upload.py")(
      confab,
      "juliet@localhost",
      "give me my romeo",
    );
    await juliet.sees({ event: "online" });
    const file = async (name: string, bytes: number) => {
      const path = `${confab.folder}/${name}`;
      await Deno.writeFile(path, crypto.getRandomValues(new Uint8Array(60_000)));
      await Deno.truncate(path, bytes);
      return path;
    };

    const picture = await file("très cool 🌹.jpg", 900_000);
    await juliet.order({ file: picture });
    const done = await juliet.sees({ event: "uploaded", file: picture });
    assert.equal(done.service, "upload.localhost");
    const url = String(done.url);
    assert.ok(url.startsWith(`https://localhost:${port}/upload/`));
    const cert = await Deno.readTextFile(`${confab.data}/certs/localhost.crt`);
    const client = Deno.createHttpClient({ caCerts: [cert] });
    const answer = await fetch(url, { client });
    assert.equal(answer.headers.get("content-type"), "image/jpeg");
    assert.deepEqual(new Uint8Array(await answer.arrayBuffer()), await Deno.readFile(picture));
    client.close();

    const large = await file("large.bin", 1_000_001);
    await juliet.order({ file: large });
    await juliet.sees({ event: "failed", file: large, why: /FileTooBig/ });
    const second = await file("second.bin", 600_001);
    await juliet.order({ file: second });
    await juliet.sees({ event: "refused", file: second, condition: "resource-constraint" });
    assert.doesNotMatch(confab.err, /^\S+ error /m);
  });
}
