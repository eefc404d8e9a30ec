/** XEP-0433: Extended Channel Search, at the service of rooms. */

import assert from "node:assert/strict";
import { online } from "../helpers/client.ts";
import {
  configure,
  createRoom,
  enter,
  error,
  FORMS,
  mucTest,
  quiet,
  SERVICE,
  submission,
} from "../helpers/muc.ts";
import {
  ADDRESS,
  ERRORS,
  PARAMS,
  query,
  RSM,
  SEARCH,
  search,
  store,
  USERS,
} from "../helpers/muc_search.ts";

mucTest("XEP-0433 §4.1, §4.2.1: the service has a form for searches", async (server) => {
  const bob = await online(server, "bob");
  await bob.request(
    `<iq type='get' id='i' to='${SERVICE}'>
    <query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
    `<iq type='result'><query xmlns='http://jabber.org/protocol/disco#info'>
    <feature var='${SEARCH}'/></query></iq>`,
  );
  const field = (name: string, type: string, content: string) =>
    `<field var='${name}' type='${type}' label='{any}'>${content}</field>`;
  await bob.request(
    `<iq type='get' id='f' to='${SERVICE}'><search xmlns='${SEARCH}'/></iq>`,
    `<iq type='result' from='${SERVICE}'><search xmlns='${SEARCH}'><x xmlns='${FORMS}' type='form'>
    <field var='FORM_TYPE' type='hidden'><value>${PARAMS}</value></field>
    ${field("q", "text-single", "")}${field("all", "boolean", "")}
    ${field("sinname", "boolean", "<value>1</value>")}
    ${field("sindescription", "boolean", "<value>1</value>")}
    ${field("sinaddr", "boolean", "<value>1</value>")}
    ${field("min_users", "text-single", "<value>1</value>")}
    ${
      field(
        "types",
        "list-multi",
        "<value>xep-0045</value><option><value>xep-0045</value></option>",
      )
    }
    ${
      field(
        "key",
        "list-single",
        `<value>${USERS}</value><option><value>${USERS}</value></option>
      <option><value>${ADDRESS}</value></option>`,
      )
    }
    </x></search></iq>`,
  );
});

mucTest("XEP-0433 §4.2.2.1, §6.2: what is told about a room", async (server) => {
  await createRoom(server, "crone", "firstwitch", [
    "roomname=A Dark Cave",
    "roomdesc=For all good witches",
    "lang=en",
    "whois=anyone",
  ]);
  await store(server, { plain: {}, closed: { membersOnly: true } });
  const bob = await online(server, "bob");
  await bob.request(
    query(["q=witches"]),
    `<iq type='result' from='${SERVICE}'><result xmlns='${SEARCH}'>
    <item address='coven@${SERVICE}'><name>A Dark Cave</name>
      <description>For all good witches</description><language>en</language><nusers>1</nusers>
      <service-type>xep-0045</service-type><is-open>true</is-open>
      <anonymity-mode>{any}anonymity}none</anonymity-mode></item>
    <set xmlns='${RSM}'><first>{first}</first><last>{first}</last><count>1</count></set>
    </result></iq>`,
  );
  await bob.request(
    query(["all=1", "min_users=0", `key=${ADDRESS}`]),
    `<iq type='result'><result xmlns='${SEARCH}'>
    <item address='closed@${SERVICE}'><name>{absent}</name><description>{absent}</description>
      <language>{absent}</language><nusers>0</nusers><is-open>{absent}</is-open>
      <anonymity-mode>muc_semianonymous</anonymity-mode></item>
    <item address='coven@${SERVICE}'/>
    <item address='plain@${SERVICE}'><is-open>true</is-open></item>
    </result></iq>`,
  );
});

mucTest("XEP-0433 §4.2.2: words, and where they are looked for", async (server) => {
  await store(server, {
    sea: { name: "Fishing", description: "Boats and nets" },
    boats: { name: "Dry land" },
    küche: { name: "Café", description: "ΟΔΥΣΣΕΥΣ cooks" },
  });
  // In memory as in the storage: somebody is there.
  await createRoom(server, "crone", "firstwitch", ["roomname=Crème brûlée"], `crème@${SERVICE}`);
  const bob = await online(server, "bob");
  const found = async (q: string, ...fields: string[]) =>
    (await search(bob, [`q=${q}`, "min_users=0", `key=${ADDRESS}`, ...fields])).rooms;
  assert.equal(await found("boats"), "boats sea");
  assert.equal(await found("BOATS", "sinaddr=0"), "sea");
  assert.equal(await found("boats", "sinaddress=0"), "sea");
  assert.equal(await found("boats", "sindescription=0"), "boats");
  assert.equal(await found("boats", "sindescription=false", "sinaddr=false"), "");
  assert.equal(await found("fish", "sinname=0"), "");
  assert.equal(await found("fishing nets"), "sea");
  assert.equal(await found("fishing land"), "");
  assert.equal(await found("cafe"), "küche");
  assert.equal(await found("CAFÉ οδυσσευς"), "küche");
  assert.equal(await found("ΟΔΥΣ"), "küche");
  assert.equal(await found("kuche"), "küche");
  // A word that is too short does not count.
  assert.equal(await found("a boats"), "boats sea");
  // A whole address is that of one room.
  assert.equal(await found(`boats@${SERVICE}`), "boats");
  assert.equal(await found("boats@elsewhere.example"), "");
  for (const q of ["creme", "CRÈME", "brulee", `crème@${SERVICE}`]) {
    assert.equal(await found(q), "crème:1", q);
    assert.equal((await search(bob, [`q=${q}`])).rooms, "crème:1", q);
  }
  assert.equal((await search(bob, ["q=creme land"])).rooms, "");
});

mucTest("XEP-0433 §4.2.2, §6.1: users at least, the order, and all rooms", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch", [], `busy@${SERVICE}`);
  await createRoom(server, crone, "firstwitch", [], `aaa@${SERVICE}`);
  await createRoom(server, crone, "firstwitch", [], `zzz@${SERVICE}`);
  const hag = await online(server, "hag");
  await enter(hag, "thirdwitch", `busy@${SERVICE}`);
  await store(server, { lonely: {}, bbb: {} });
  const all = (...fields: string[]) => search(hag, ["all=1", ...fields]);
  assert.equal((await all()).rooms, "busy:2 aaa:1 zzz:1");
  assert.equal((await all("min_users=2")).rooms, "busy:2");
  assert.equal((await all("min_users=3")).rooms, "");
  assert.equal((await all("min_users=0")).rooms, "busy:2 aaa:1 zzz:1 bbb lonely");
  assert.equal((await all(`key=${ADDRESS}`)).rooms, "aaa:1 busy:2 zzz:1");
  assert.equal(
    (await all(`key=${ADDRESS}`, "min_users=0")).rooms,
    "aaa:1 bbb busy:2 lonely zzz:1",
  );
  assert.equal((await all("min_users=0")).count, "5");
  // Fields that nobody knows are ignored, and other kinds of services have no rooms here.
  assert.equal((await all("{urn:example}colour=red")).rooms, "busy:2 aaa:1 zzz:1");
  assert.equal((await all("types=xep-0045|xep-0369")).rooms, "busy:2 aaa:1 zzz:1");
  assert.equal((await all("types=xep-0369")).rooms, "");
});

mucTest("XEP-0433 §4.2.2.2-4.2.2.7: searches that are refused", async (server) => {
  const bob = await online(server, "bob");
  const refused = (fields: string[], condition: string, app = "", type = "modify") =>
    bob.request(
      query(fields),
      `<iq type='error' from='${SERVICE}'><error type='${type}'>
      <${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>${app}</error></iq>`,
    );
  const key = `<invalid-sort-key xmlns='${ERRORS}'/>`;
  await refused(["q=cave", "key={urn:example}colour"], "feature-not-implemented", key);
  const terms = `<invalid-search-terms xmlns='${ERRORS}'/>
    <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>{any}2 characters{any}</text>`;
  await refused(["q="], "bad-request", terms);
  await refused(["q=a b c"], "bad-request", terms);
  await refused(["q=\u0301\u0301"], "bad-request", terms);
  await refused(["q=ab cd ef gh ij kl mn op qr"], "bad-request", terms);
  const conflict = `<conflicting-fields xmlns='${ERRORS}'><var>all</var><var>q</var>
    </conflicting-fields>`;
  await refused(["q=cave", "all=1"], "bad-request", conflict);
  const nothing = `<no-search-conditions xmlns='${ERRORS}'/>`;
  await refused([], "bad-request", nothing);
  await refused(["all=0"], "bad-request", nothing);
  await refused(
    ["q=cave", "sinname=0", "sindescription=0", "sinaddr=0"],
    "bad-request",
    nothing,
  );
  await refused(["q=cave", "min_users=-1"], "not-acceptable");
  await refused(["q=cave", "min_users=many"], "not-acceptable");
  await refused(["q=cave|dark"], "not-acceptable");
  await refused(["all=maybe"], "not-acceptable");
  // Not a submission, and a form of another kind.
  const form = (x: string) =>
    bob.request(
      `<iq type='get' id='x' to='${SERVICE}'><search xmlns='${SEARCH}'>${x}</search></iq>`,
      `<iq type='error'>${error("bad-request")}</iq>`,
    );
  await form(`<x xmlns='${FORMS}' type='result'/>`);
  await form(`<x xmlns='${FORMS}'/>`);
  await form(submission("urn:example:other", "all=1"));
  await bob.receivesNothing();
});

mucTest(
  "XEP-0433 §4.2.2.4: so many searches within a minute",
  async (server) => {
    const bob = await online(server, "bob");
    for (let i = 0; i < 3; i++) await search(bob, ["all=1"]);
    await bob.request(
      query(["all=1"]),
      `<iq type='error'><error type='wait'>
      <resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
      <rate-limit xmlns='${ERRORS}' retry-after='60'/></error></iq>`,
    );
    await search(await online(server, "hag"), ["all=1"]);
  },
  { modules: { muc: { searches: 3 } } },
);

mucTest(
  "XEP-0433 §4.2.2.4: few searches of stored rooms wait for each other",
  async (server) => {
    await store(server, { sea: { name: "Fishing" } });
    const bob = await online(server, "bob");
    const answers = Array.from({ length: 20 }, () => query(["q=fishing", "min_users=0"]));
    bob.send(answers.join(""));
    const got = { result: 0, error: 0 };
    for (let i = 0; i < answers.length; i++) {
      const { type } = await bob.receives("<iq type='{type}'/>");
      got[type as "result" | "error"]++;
      if (type === "error") {
        assert(bob.last.child("error")!.child("rate-limit", ERRORS) !== undefined);
      }
    }
    assert(got.result >= 1 && got.result + got.error === 20, JSON.stringify(got));
    assert.equal((await search(bob, ["q=fishing", "min_users=0"])).rooms, "sea");
  },
  { modules: { muc: { searches_waiting: 0 } } },
);

mucTest("XEP-0433 §3: hidden rooms are never found, nor locked ones", async (server) => {
  const crone = await createRoom(server, "crone", "firstwitch", [
    "roomname=Secret cave",
    "publicroom=0",
  ]);
  await enter(crone, "firstwitch", `cave@${SERVICE}`);
  await store(server, { den: { name: "Secret cave", public: false } });
  for (const fields of [["q=cave"], ["all=1"], ["q=coven"], ["q=den"]]) {
    for (const least of [0, 1]) {
      for (const key of [USERS, ADDRESS]) {
        const found = await search(crone, [...fields, `min_users=${least}`, `key=${key}`]);
        assert.equal(found.rooms, "", fields.join());
      }
    }
  }
  await configure(crone, ["publicroom=1"]);
  await quiet(server);
  assert.equal((await search(crone, ["q=cave"])).rooms, "coven:1");
});
