/** XEP-0050: Ad-Hoc Commands at services of modules and at the bare JIDs below them. */

import assert from "node:assert/strict";
import { login, type TestClient } from "../helpers/client.ts";
import { type TestServer, withServer } from "../helpers/server.ts";
import { StanzaError } from "../../lib/errors.ts";
import type { ServiceHandle } from "../../lib/module.ts";
import { makeService } from "../../lib/module_service.ts";

const NS = "http://jabber.org/protocol/commands";
const FORMS = "jabber:x:data";
const HATS = "urn:xmpp:hats:commands";
const INFO = "http://jabber.org/protocol/disco#info";
const ITEMS = "http://jabber.org/protocol/disco#items";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const SERVICE = "rooms.localhost";
const ROOM = `coven@${SERVICE}`;

/** A service with one room, which alice owns and bob may look at. */
function rooms(server: TestServer): { handle: ServiceHandle; close: () => void } {
  const made = makeService(server.host(), "test", "rooms", "Rooms");
  const { handle } = made;
  const mustExist = (node: string) => {
    if (node !== "coven") throw new StanzaError("item-not-found");
  };
  handle.disco({
    info: ({ node: room }, node) =>
      node !== "" || (room !== "" && room !== "coven") ? undefined : {
        identities: [{ category: "conference", type: "text" }],
        features: new Set(),
        forms: [],
      },
    items: (_to, node) => node === "own" ? { items: [{ jid: "x.localhost" }] } : undefined,
  });
  handle.command({
    node: "count",
    name: "Count rooms",
    at: "service",
    allowed: ({ isAdmin }) => isAdmin,
    run: (_, { to }) => `${to.full} has one`,
  });
  handle.command({
    node: `${HATS}:destroy`,
    name: "Destroy a hat",
    at: "node",
    formType: HATS,
    allowed({ from, to }) {
      mustExist(to.node);
      return Promise.resolve(from.node === "alice");
    },
    fields: ({ to }) => [{
      var: "hats#uri",
      type: "list-single",
      required: true,
      options: [{ value: `urn:${to.node}:hat` }, { value: "urn:other" }],
    }],
    check({ "hats#uri": uri }) {
      if (uri === "urn:other") throw new StanzaError("conflict", { text: "somebody wears it" });
    },
    run: ({ "hats#uri": uri }, { from, to }) => `${from.node} destroys ${uri} of ${to.bare}`,
  });
  handle.command({
    node: `${HATS}:list`,
    name: "List hats",
    at: "node",
    allowed: ({ to }) => {
      mustExist(to.node);
      return true;
    },
    run: () => ({
      result: { formType: HATS, table: { columns: [{ var: "hats#uri" }], rows: [] } },
    }),
  });
  return made;
}

function command(attrs: string, content = "", to = ROOM): string {
  return `<iq type='set' id='c' to='${to}'><command xmlns='${NS}' ${attrs}>${content}</command></iq>`;
}

function submit(uri: string, formType = HATS): string {
  return `<x xmlns='${FORMS}' type='submit'><field var='FORM_TYPE' type='hidden'>
    <value>${formType}</value></field><field var='hats#uri'><value>${uri}</value></field></x>`;
}

function refused(condition: string, app?: string, from = ROOM): string {
  const specific = app === undefined ? "" : `<${app} xmlns='${NS}'/>`;
  return `<iq type='error' id='c' from='${from}'><error><${condition} xmlns='${STANZAS}'/>
    ${specific}</error></iq>`;
}

/** The nodes of an answered disco#items. */
async function nodes(client: TestClient, to: string): Promise<(string | undefined)[]> {
  await client.request(
    `<iq type='get' id='d' to='${to}'><query xmlns='${ITEMS}' node='${NS}'/></iq>`,
    `<iq type='result' id='d' from='${to}'><query xmlns='${ITEMS}' node='${NS}'/></iq>`,
  );
  const items = client.last.elements()[0]!.elements();
  for (const item of items) assert.equal(item.attrs.jid, to);
  return items.map((i) => i.attrs.node);
}

function info(to: string, node?: string): string {
  const attr = node === undefined ? "" : ` node='${node}'`;
  return `<iq type='get' id='d' to='${to}'><query xmlns='${INFO}'${attr}/></iq>`;
}

function notFound(id = "d"): string {
  return `<iq type='error' id='${id}'><error><item-not-found xmlns='${STANZAS}'/></error></iq>`;
}

Deno.test("everybody finds the commands that they may run, at the service and at its rooms", () =>
  withServer({ admins: ["boss@localhost"] }, {}, async (server) => {
    rooms(server);
    const boss = await login(server, "boss");
    const alice = await login(server, "alice");
    const bob = await login(server, "bob");
    const all = [`${HATS}:destroy`, `${HATS}:list`];
    assert.deepEqual(await nodes(boss, SERVICE), ["count"]);
    assert.deepEqual(await nodes(alice, SERVICE), []);
    assert.deepEqual(await nodes(alice, ROOM), all);
    assert.deepEqual(await nodes(bob, ROOM), all.slice(1));
    for (const to of [SERVICE, ROOM]) {
      await bob.request(
        info(to),
        `<iq type='result' id='d'><query xmlns='${INFO}'><identity category='conference'/>
          <feature var='${NS}'/></query></iq>`,
      );
      await bob.request(
        info(to, NS),
        `<iq type='result' id='d'><query xmlns='${INFO}' node='${NS}'>
          <identity category='automation' type='command-list'/></query></iq>`,
      );
    }
    await alice.request(
      info(ROOM, `${HATS}:destroy`),
      `<iq type='result' id='d'><query xmlns='${INFO}' node='${HATS}:destroy'>
        <identity category='automation' type='command-node' name='Destroy a hat'/>
        <feature var='${NS}'/><feature var='${FORMS}'/></query></iq>`,
    );
    await bob.request(
      info(ROOM, `${HATS}:destroy`),
      `<iq type='error' id='d'><error><forbidden xmlns='${STANZAS}'/></error></iq>`,
    );
    // What is not there has no commands, at each place are its own, and other nodes are the service's.
    const query = `<query xmlns='${ITEMS}' node='${NS}'/>`;
    await bob.request(`<iq type='get' id='d' to='no@${SERVICE}'>${query}</iq>`, notFound());
    await bob.request(info(`no@${SERVICE}`, NS), notFound());
    await boss.request(info(ROOM, "count"), notFound());
    await alice.request(info(SERVICE, `${HATS}:list`), notFound());
    await alice.request(
      `<iq type='get' id='d' to='${SERVICE}'><query xmlns='${ITEMS}' node='own'/></iq>`,
      `<iq type='result' id='d'><query xmlns='${ITEMS}'><item jid='x.localhost'/></query></iq>`,
    );
    assert.deepEqual(
      (await nodes(alice, "localhost")).filter((node) => all.includes(node!)),
      [],
    );
  }));

Deno.test("a command of a room: form, answer, errors, sessions (§2.4, §4.4)", () =>
  withServer({ admins: ["boss@localhost"] }, {}, async (server) => {
    rooms(server);
    const boss = await login(server, "boss");
    const alice = await login(server, "alice");
    const bob = await login(server, "bob");
    const { id } = await alice.request(
      command(`node='${HATS}:destroy' action='execute'`),
      `<iq type='result' id='c' from='${ROOM}'><command xmlns='${NS}' node='${HATS}:destroy'
        sessionid='{id}' status='executing'><x xmlns='${FORMS}' type='form'>
        <field var='FORM_TYPE' type='hidden'><value>${HATS}</value></field>
        <field var='hats#uri' type='list-single'><required/>
        <option><value>urn:coven:hat</value></option></field></x></command></iq>`,
    );
    const again = (content: string, to?: string) =>
      command(`node='${HATS}:destroy' sessionid='${id}'`, content, to);
    const hat = submit("urn:coven:hat");
    await alice.request(again(submit("urn:none")), refused("bad-request", "bad-payload"));
    await alice.request(again(submit("urn:other")), refused("conflict"));
    await alice.request(
      again(hat, SERVICE),
      refused("item-not-found", undefined, SERVICE),
    );
    await bob.request(again(hat), refused("forbidden"));
    await alice.request(
      again(hat),
      `<iq type='result' id='c' from='${ROOM}'><command xmlns='${NS}' sessionid='${id}'
        status='completed'><note>alice destroys urn:coven:hat of ${ROOM}</note></command></iq>`,
    );
    await alice.request(again(hat), refused("not-allowed", "session-expired"));
    await bob.request(
      command(`node='${HATS}:list'`),
      `<iq type='result' id='c' from='${ROOM}'><command xmlns='${NS}' status='completed'>
        <x xmlns='${FORMS}' type='result'><field var='FORM_TYPE'><value>${HATS}</value></field>
        <reported><field var='hats#uri'/></reported></x></command></iq>`,
    );
    await boss.request(
      command("node='count'", "", SERVICE),
      `<iq type='result' id='c' from='${SERVICE}'><command xmlns='${NS}' status='completed'>
        <note>${SERVICE} has one</note></command></iq>`,
    );
    await alice.request(
      command("node='count'", "", SERVICE),
      refused("forbidden", undefined, SERVICE),
    );
    await alice.request(
      command(`node='${HATS}:list'`, "", `no@${SERVICE}`),
      refused("item-not-found", undefined, `no@${SERVICE}`),
    );
  }));

Deno.test("XEP-0317 §3.3: the form may come along with the first request", () =>
  withServer({ modules: { adhoc: { sessions: 1 } } }, {}, async (server) => {
    const { handle } = rooms(server);
    handle.command({
      node: "later",
      name: "Two pages",
      at: "node",
      pages: [
        { fields: [{ var: "a", type: "text-single" }] },
        { fields: [{ var: "b", type: "text-single" }] },
      ],
      run: () => {},
    });
    const alice = await login(server, "alice");
    const bob = await login(server, "bob");
    const now = (form: string) => command(`node='${HATS}:destroy' action='execute'`, form);
    await bob.request(now(submit("urn:coven:hat")), refused("forbidden"));
    await alice.request(now(submit("urn:none")), refused("bad-request", "bad-payload"));
    await alice.request(
      now(submit("urn:coven:hat", "urn:else")),
      refused("bad-request", "bad-payload"),
    );
    await alice.request(now(submit("urn:other")), refused("conflict"));
    const { first } = await alice.request(
      now(submit("urn:coven:hat")),
      `<iq type='result' id='c' from='${ROOM}'><command xmlns='${NS}' node='${HATS}:destroy'
        sessionid='{first}' status='completed'>
        <note>alice destroys urn:coven:hat of ${ROOM}</note></command></iq>`,
    );
    assert(first!.length >= 40);
    // None of these has left a session behind: there is room for one.
    await alice.request(
      now(`<x xmlns='${FORMS}' type='cancel'/>`),
      `<iq type='result' id='c'><command xmlns='${NS}' status='executing'/></iq>`,
    );
    await bob.request(
      command("node='later'", `<x xmlns='${FORMS}' type='submit'/>`),
      refused("resource-constraint"),
    );
  }));

Deno.test("commands of services need the module, whatever came first, and go with the service", () =>
  withServer({}, {}, async (server) => {
    const host = server.host();
    await server.inner.unloadModule(host, "adhoc");
    const { handle, close } = rooms(server);
    const alice = await login(server, "alice");
    const list = command(`node='${HATS}:list'`);
    const done = `<iq type='result' id='c'><command xmlns='${NS}' status='completed'/></iq>`;
    const nothing = async () => {
      await alice.request(list, refused("service-unavailable"));
      await alice.request(info(ROOM, NS), notFound());
      await alice.request(
        `<iq type='get' id='d' to='${ROOM}'><query xmlns='${ITEMS}' node='${NS}'/></iq>`,
        notFound(),
      );
      await alice.request(
        info(ROOM),
        `<iq type='result' id='d'><query xmlns='${INFO}'><identity/><feature>{absent}</feature>
          </query></iq>`,
      );
    };
    await nothing();
    await server.inner.loadModule(host, "adhoc");
    await alice.request(list, done);
    await server.inner.unloadModule(host, "adhoc");
    await nothing();
    await server.inner.loadModule(host, "adhoc");
    await alice.request(list, done);

    assert.throws(
      () => handle.command({ node: "count", name: "Too", at: "service", run: () => {} }),
      /test and test both have a command count/,
    );
    close();
    await alice.request(list, refused("remote-server-not-found"));
    rooms(server);
    await alice.request(list, done);
  }));
