/** Invitations from the command line, asked of a running server and made on the store alone. */

import assert from "node:assert/strict";
import { connect } from "../helpers/client.ts";
import { Confab, startConfab, tempFolder, toml } from "./process.ts";

/** With a web page for each, by invitation only. */
const CONFIG = toml("[modules]\nregister = { allowed = false }\n").replace(
  "http = []",
  'http = [{ address = ["127.0.0.1"], port = 0, tls = "none" }]',
);

/** The same story both ways; the link that is good at its end. */
async function story(confab: Confab): Promise<string> {
  assert.equal(await confab.ok("invite", "list"), "no open invitations");
  const plain = await confab.ok("invite");
  assert.match(plain, /^http:\/\/localhost(:\d+)?\/invite\/[A-Za-z0-9]{24}\n/);
  assert.match(plain, /for clients {2}xmpp:localhost\?register;preauth=[A-Za-z0-9]{24}\n/);
  assert.match(plain, /good until {3}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, once\n/);
  const id = /take back {4}invite revoke ([0-9a-f]{12})/.exec(plain)![1]!;

  assert.match(await confab.refused("invite", "--contact", "alice@localhost"), /no account alice/);
  await confab.ok("user", "add", "alice@localhost", "--password", "a good password");
  const contact = await confab.json("invite", "--contact", "alice@localhost", "--count", "5");
  assert.match(contact.uri, /^xmpp:alice@localhost\?roster;preauth=[A-Za-z0-9]{24};ibr=y$/);
  assert.equal(contact.uses, 5);
  const named = await confab.json("invite", "--for", "Juliet", "--expires", "12h");
  assert.match(named.uri, /^xmpp:juliet@localhost\?register;preauth=/);
  assert(Math.abs(named.expires - Date.now() - 12 * 3_600_000) < 60_000);

  assert.match(await confab.refused("invite", "--for", "juliet"), /the name juliet is taken/);
  assert.match(await confab.refused("invite", "--for", "alice"), /the name alice is taken/);
  assert.match(await confab.refused("invite", "--count", "many"), /--count is a whole number/);
  assert.match(await confab.refused("invite", "--expires", "soon"), /--expires is a time/);
  assert.match(await confab.refused("invite", "--host", "example.net"), /is not a host/);
  assert.equal((await confab.run(["invite", "juliet"])).code, 2);

  const list = await confab.ok("invite", "list");
  assert.equal(list.split("\n").length, 4);
  assert.match(
    list,
    new RegExp(`${contact.id} +localhost +a new account +alice@localhost +0 of 5`),
  );
  assert.match(list, /juliet .*command line/);
  assert(!list.includes(contact.token));
  assert.match(await confab.ok("invite", "revoke", id), /is void/);
  assert.match(await confab.refused("invite", "revoke", id), /no open invitation/);
  assert.equal((await confab.json("invite", "list")).length, 2);
  return named.token;
}

Deno.test("invitations of a running server, and one of them followed", async () => {
  await using confab = await startConfab(CONFIG);
  const token = await story(confab);
  const juliet = await connect(confab.server, { tls: "direct" });
  await juliet.open();
  juliet.send(
    `<iq type='set' id='p'><preauth xmlns='urn:xmpp:pars:0' token='${token}'/></iq>`,
  );
  await juliet.receives("<iq type='result' id='p'/>");
  juliet.send(
    `<iq type='set' id='r'><query xmlns='jabber:iq:register'><username>juliet</username>
      <password>a good password</password></query></iq>`,
  );
  await juliet.receives("<iq type='result' id='r'/>");
  assert.match(await confab.ok("user", "list"), /juliet@localhost/);
  assert.equal((await confab.json("invite", "list")).length, 1);
});

Deno.test("invitations without a running server", async () => {
  await using folder = await tempFolder();
  const confab = new Confab(folder.path, false);
  await confab.write(CONFIG);
  await story(confab);
});

Deno.test("where nobody keeps invitations or makes accounts, that is said", async () => {
  await using folder = await tempFolder();
  const confab = new Confab(folder.path, false);
  await confab.write(toml());
  assert.match(await confab.refused("invite"), /switch the module register on/);
  await confab.write(toml("[modules]\ninvites = false\n"));
  assert.match(await confab.refused("invite"), /switch the module invites on/);
});
