/** XEP-0441: what an account wants to have archived. */

import assert from "node:assert/strict";
import { login, online, type TestClient } from "../helpers/client.ts";
import { MAM, page } from "../helpers/mam.ts";
import { withServer } from "../helpers/server.ts";

const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const GET = `<iq type='get' id='p'><prefs xmlns='${MAM}'/></iq>`;

function prefs(usual: string, always: readonly string[] = [], never: readonly string[] = []) {
  const list = (name: string, jids: readonly string[]) =>
    `<${name}>${jids.map((jid) => `<jid>${jid}</jid>`).join("")}</${name}>`;
  return `<prefs xmlns='${MAM}' default='${usual}'>${list("always", always)}${
    list("never", never)
  }</prefs>`;
}

async function change(client: TestClient, wanted: string, kept = wanted): Promise<void> {
  await client.request(
    `<iq type='set' id='p'>${wanted}</iq>`,
    `<iq type='result' id='p'>${kept}</iq>`,
  );
}

/** Alice says a word to somebody. */
async function say(alice: TestClient, to: string, word: string): Promise<void> {
  alice.send(`<message to='${to}' type='chat'><body>${word}</body></message>`);
  await alice.sync();
  alice.skip();
}

Deno.test("they are shown, changed, and kept", () =>
  withServer({}, {}, async (server) => {
    const alice = await online(server, "alice");
    await alice.request(GET, `<iq type='result' id='p'>${prefs("always")}</iq>`);
    const wanted = prefs("roster", ["romeo@montague.lit"], ["montague@montague.lit/x"]);
    await change(alice, wanted);
    await alice.request(GET, `<iq type='result' id='p'>${wanted}</iq>`);
    const other = await login(server, "alice");
    await other.request(GET, `<iq type='result' id='p'>${wanted}</iq>`);
    // Prepared, each once; lists that are not there are empty.
    await change(
      alice,
      `<prefs xmlns='${MAM}' default='never'><always><jid>A@EXAMPLE.org</jid><jid>a@example.org</jid></always></prefs>`,
      prefs("never", ["a@example.org"]),
    );
    assert.equal(alice.last.child("prefs")!.child("always")!.elements().length, 1);
    await server.inner.unloadModule(server.host(), "mam");
    await server.inner.loadModule(server.host(), "mam");
    await alice.request(GET, `<iq type='result' id='p'>${prefs("never", ["a@example.org"])}</iq>`);
  }));

Deno.test("nobody is archived, but for these; everybody, but for those (§2.3)", () =>
  withServer({}, {}, async (server) => {
    const alice = await online(server, "alice");
    const bob = await online(server, "bob");
    const carol = await online(server, "carol");
    await change(alice, prefs("never", ["bob@localhost", "carol@localhost/x"]));
    await say(alice, "bob@localhost", "to bob");
    await say(alice, bob.jid, "to bob's client");
    await say(alice, "carol@localhost", "to carol");
    await say(alice, "carol@localhost/x", "to carol's x");
    await say(alice, "alice@localhost", "to myself");
    await say(bob, "alice@localhost", "from bob");
    await say(carol, "alice@localhost", "from carol");
    alice.skip();
    assert.deepEqual((await page(alice)).bodies, [
      "to bob",
      "to bob's client",
      "to carol's x",
      "from bob",
    ]);
    await change(alice, prefs("always", [], ["carol@localhost"]));
    await say(alice, "carol@localhost/x", "never");
    await say(alice, "dave@localhost", "always");
    assert.deepEqual((await page(alice)).bodies.slice(4), ["always"]);
    // The other side has its own mind.
    assert.deepEqual((await page(bob)).bodies, ["to bob", "to bob's client", "from bob"]);
    // An unarchived message bears no id of an archive.
    carol.skip();
    carol.send("<message to='alice@localhost' type='chat'><body>no id</body></message>");
    await alice.eventually(
      "<message><body>no id</body><stanza-id xmlns='urn:xmpp:sid:0'>{absent}</stanza-id></message>",
    );
  }));

Deno.test("only contacts, also while offline", () =>
  withServer({ modules: { mam: { default: "roster" } } }, {}, async (server) => {
    const alice = await online(server, "alice");
    const bob = await online(server, "bob");
    const carol = await online(server, "carol");
    await alice.request(
      "<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='bob@localhost'/></query></iq>",
      "<iq type='result' id='r'/>",
    );
    await say(alice, "bob@localhost", "to a contact");
    await say(alice, "carol@localhost", "to a stranger");
    await say(alice, "alice@localhost", "to myself");
    await alice.close();
    await new Promise((resolve) => setTimeout(resolve, 50));
    await say(bob, "alice@localhost", "from a contact");
    await say(carol, "alice@localhost", "from a stranger");
    // Without presence, so that what was kept for it does not come in between.
    const again = await login(server, "alice");
    assert.deepEqual((await page(again)).bodies, ["to a contact", "to myself", "from a contact"]);
    assert.deepEqual((await page(bob)).bodies, []);
  }));

Deno.test("what is wrong with them is said", () =>
  withServer({ modules: { mam: { exceptions: 3 } } }, {}, async (server) => {
    const alice = await online(server, "alice");
    const cases: [string, string][] = [
      [`<prefs xmlns='${MAM}'/>`, "bad-request"],
      [prefs("sometimes"), "bad-request"],
      [prefs("always", ["@"]), "jid-malformed"],
      [prefs("always", ["a@b", "c@d"], ["e@f", "g@h"]), "policy-violation"],
    ];
    for (const [wanted, condition] of cases) {
      await alice.request(
        `<iq type='set' id='p'>${wanted}</iq>`,
        `<iq type='error' id='p'><error><${condition} xmlns='${STANZAS}'/></error></iq>`,
      );
    }
    await alice.request(GET, `<iq type='result' id='p'>${prefs("always")}</iq>`);
  }));
