/** XEP-0384: OMEMO: what it needs of a server, and what nodes of known purpose are made like. */

import { login } from "../helpers/client.ts";
import { found, items, OPEN, publish, PUBLISHED, publishOptions, PUBSUB } from "../helpers/pep.ts";
import { withServer } from "../helpers/server.ts";

const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const AXOLOTL = "eu.siacs.conversations.axolotl";
const OMEMO = "urn:xmpp:omemo:2";
const REFUSED = "<iq type='error' id='items'><error/></iq>";

const OLD_LIST = (...ids: number[]) =>
  `<list xmlns='${AXOLOTL}'>${ids.map((id) => `<device id='${id}'/>`).join("")}</list>`;
const OLD_BUNDLE = `<bundle xmlns='${AXOLOTL}'><identityKey>AAAA</identityKey>
  <signedPreKeyPublic signedPreKeyId='1'>BBBB</signedPreKeyPublic></bundle>`;
const DEVICES = (...ids: number[]) =>
  `<devices xmlns='${OMEMO}'>${ids.map((id) => `<device id='${id}'/>`).join("")}</devices>`;
const BUNDLE = `<bundle xmlns='${OMEMO}'><ik>AAAA</ik></bundle>`;

const hosts = { localhost: {}, "other.test": {} };

Deno.test("two accounts fetch each other's keys, and so does a stranger", () =>
  withServer({ hosts }, {}, async (server) => {
    const alice = await login(server, "alice");
    const bob = await login(server, "bob");
    const eve = await login(server, "eve", { domain: "other.test" });
    let device = 0;
    for (const client of [alice, bob]) {
      device += 1000;
      const list = `${AXOLOTL}.devicelist`;
      const bundles = `${AXOLOTL}.bundles:${device}`;
      await client.request(publish(list, "current", OLD_LIST(device), OPEN), PUBLISHED);
      await client.request(publish(bundles, "current", OLD_BUNDLE, OPEN), PUBLISHED);
      await client.request(
        publish(`${OMEMO}:devices`, "current", DEVICES(device), OPEN),
        PUBLISHED,
      );
      const many = publishOptions({ access_model: "open", max_items: "max" });
      for (const id of [device, device + 1]) {
        await client.request(publish(`${OMEMO}:bundles`, `${id}`, BUNDLE, many), PUBLISHED);
      }
      const owner = client.jid.split("/")[0]!;
      for (const reader of [alice, bob, eve]) {
        await reader.request(
          items(list, owner),
          found(list, `<item id='current'>${OLD_LIST(device)}</item>`),
        );
        await reader.request(
          items(bundles, owner),
          found(bundles, `<item id='current'>${OLD_BUNDLE}</item>`),
        );
        await reader.request(
          items(`${OMEMO}:devices`, owner),
          found(`${OMEMO}:devices`, `<item id='current'>${DEVICES(device)}</item>`),
        );
        await reader.request(
          items(`${OMEMO}:bundles`, owner),
          found(
            `${OMEMO}:bundles`,
            `<item id='${device}'>${BUNDLE}</item><item id='${device + 1}'>${BUNDLE}</item>`,
          ),
        );
        // One device's alone.
        await reader.request(
          `<iq type='get' id='one' to='${owner}'><pubsub xmlns='${PUBSUB}'>
            <items node='${OMEMO}:bundles'><item id='${device}'/></items></pubsub></iq>`,
          `<iq type='result' id='one'><pubsub xmlns='${PUBSUB}'><items node='${OMEMO}:bundles'>
            {only}<item id='${device}'>${BUNDLE}</item></items></pubsub></iq>`,
        );
      }
    }
    // The list is replaced.
    const list = `${AXOLOTL}.devicelist`;
    await alice.request(publish(list, "current", OLD_LIST(1000, 1001), OPEN), PUBLISHED);
    await eve.request(
      items(list, "alice@localhost"),
      found(list, `{only}<item id='current'>${OLD_LIST(1000, 1001)}</item>`),
    );
  }));

Deno.test("clients that say nothing get nodes that fit", () =>
  withServer({ hosts }, {}, async (server) => {
    const alice = await login(server, "alice");
    const eve = await login(server, "eve", { domain: "other.test" });
    const x = "<x xmlns='urn:x'/>";
    const open = [
      `${AXOLOTL}.devicelist`,
      `${AXOLOTL}.bundles:1`,
      `${OMEMO}:devices`,
      "urn:xmpp:openpgp:0:public-keys",
      "urn:xmpp:openpgp:0:public-keys:ABCD",
    ];
    for (const node of open) {
      await alice.request(publish(node, "a", x), PUBLISHED);
      await alice.request(publish(node, "b", x), PUBLISHED);
      await eve.request(items(node, "alice@localhost"), found(node, "{only}<item id='b'/>"));
    }
    for (const node of [`${OMEMO}:bundles`, "urn:xmpp:stickers:0"]) {
      await alice.request(publish(node, "a", x), PUBLISHED);
      await alice.request(publish(node, "b", x), PUBLISHED);
      const both = found(node, "<item id='a'/><item id='b'/>");
      await eve.request(items(node, "alice@localhost"), both);
    }
    const lists = ["urn:xmpp:mds:displayed:0", "urn:xmpp:contacts", "urn:xmpp:bookmarks:1"];
    for (const node of lists) {
      await alice.request(publish(node, "a@b", x), PUBLISHED);
      await alice.request(publish(node, "c@d", x), PUBLISHED);
      await eve.request(items(node, "alice@localhost"), REFUSED);
      await alice.request(items(node), found(node, "<item id='a@b'/><item id='c@d'/>"));
    }
    await alice.request(publish("urn:xmpp:openpgp:0:secret-key", "a", x), PUBLISHED);
    await eve.request(items("urn:xmpp:openpgp:0:secret-key", "alice@localhost"), REFUSED);
    // Of unknown purpose: for those who see her presence (XEP-0163).
    await alice.request(publish("urn:example", "a", x), PUBLISHED);
    await eve.request(
      items("urn:example", "alice@localhost"),
      `<iq type='error' id='items'><error><not-authorized xmlns='${STANZAS}'/></error></iq>`,
    );
  }));
