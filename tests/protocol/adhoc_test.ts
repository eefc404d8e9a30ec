/** XEP-0050: Ad-Hoc Commands. */

import assert from "node:assert/strict";
import { connect, login, type TestClient } from "../helpers/client.ts";
import { type Table, type TestServer, withServer } from "../helpers/server.ts";
import { commandPage } from "../../lib/commands.ts";
import { StanzaError } from "../../lib/errors.ts";
import type { ModuleHost } from "../../lib/module.ts";

const NS = "http://jabber.org/protocol/commands";
const FORMS = "jabber:x:data";
const INFO = "http://jabber.org/protocol/disco#info";
const ITEMS = "http://jabber.org/protocol/disco#items";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

const ADMINS: Table = { admins: ["boss@localhost"] };

/** The handle of a module, as its author has it. */
function handle(server: TestServer): ModuleHost {
  return server.inner.modules.get(server.host())!.get("ping")!;
}

function greet(server: TestServer): void {
  handle(server).command({
    node: "greet",
    name: "Greet somebody",
    for: "user",
    instructions: "Whom shall we greet?",
    formType: "urn:example:greet",
    fields: [
      { var: "who", type: "jid-single", label: "Whom", required: true },
      { var: "times", type: "text-single", value: "1" },
    ],
    run({ who, times }, { from }) {
      if (times === "never") throw new StanzaError("not-allowed", { text: "be kind" });
      if (times === "fail") return { error: "nobody is there" };
      return { note: `${from.node} greets ${who?.toUpperCase()} ${times ?? "once"}` };
    },
  });
}

/** Three pages, the second of which depends on the first. */
function staged(server: TestServer): void {
  const first = commandPage({ fields: [{ var: "colour", type: "text-single", required: true }] });
  const second = commandPage({
    title: "Shade",
    fields: (_context, { colour }) => [
      {
        var: "shade",
        type: "list-single",
        options: [{ value: `light ${colour}` }, { value: `dark ${colour}` }],
      },
    ],
    check({ shade }) {
      if (shade === "dark black") throw new StanzaError("not-acceptable", { text: "too dark" });
    },
  });
  const third = commandPage({
    fields: [{ var: "sure", type: "boolean" }, { var: "secret", type: "text-private" }],
  });
  handle(server).command({
    node: "paint",
    name: "Paint",
    for: "anybody",
    pages: [first, second, third],
    run: ({ colour, shade, sure }) => ({
      result: {
        table: {
          columns: [{ var: "what" }],
          rows: [{ what: `${colour} ${shade} ${sure === true ? "yes" : "no"}` }],
        },
      },
    }),
  });
}

function command(attrs: string, content = "", to = "localhost"): string {
  return `<iq type='set' id='c' to='${to}'><command xmlns='${NS}' ${attrs}>${content}</command></iq>`;
}

function filled(fields: Record<string, string>, type = "submit"): string {
  const all = Object.entries(fields).map(([name, value]) =>
    `<field var='${name}'><value>${value}</value></field>`
  );
  return `<x xmlns='${FORMS}' type='${type}'>${all.join("")}</x>`;
}

function answer(status: string, content = "", node = "greet", session = "{id}"): string {
  return `<iq type='result' id='c' from='localhost'><command xmlns='${NS}' node='${node}'
    sessionid='${session}' status='${status}'>${content}</command></iq>`;
}

function refused(type: string, condition: string, app?: string): string {
  const specific = app === undefined ? "" : `<${app} xmlns='${NS}'/>`;
  return `<iq type='error' id='c' from='localhost'><command xmlns='${NS}'>{empty}</command>
    <error type='${type}'><${condition} xmlns='${STANZAS}'/>${specific}</error></iq>`;
}

async function begin(client: TestClient, node = "greet"): Promise<string> {
  const { id } = await client.request(
    command(`node='${node}'`),
    answer("executing", `<x xmlns='${FORMS}' type='form'/>`, node),
  );
  return id!;
}

Deno.test("a command of one page: found, filled in, run (§2.2, §2.4)", () =>
  withServer({}, {}, async (server) => {
    greet(server);
    const alice = await login(server, "alice");
    await alice.request(
      `<iq type='get' id='d' to='localhost'><query xmlns='${INFO}'/></iq>`,
      `<iq type='result' id='d'><query xmlns='${INFO}'><feature var='${NS}'/></query></iq>`,
    );
    await alice.request(
      `<iq type='get' id='d' to='localhost'><query xmlns='${INFO}' node='${NS}'/></iq>`,
      `<iq type='result' id='d'><query xmlns='${INFO}' node='${NS}'>
        <identity category='automation' type='command-list'/></query></iq>`,
    );
    await alice.request(
      `<iq type='get' id='d' to='localhost'><query xmlns='${ITEMS}' node='${NS}'/></iq>`,
      `<iq type='result' id='d'><query xmlns='${ITEMS}' node='${NS}'>
        <item jid='localhost' node='greet' name='Greet somebody'/></query></iq>`,
    );
    await alice.request(
      `<iq type='get' id='d' to='localhost'><query xmlns='${INFO}' node='greet'/></iq>`,
      `<iq type='result' id='d'><query xmlns='${INFO}' node='greet'>
        <identity category='automation' type='command-node' name='Greet somebody'/>
        <feature var='${NS}'/><feature var='${FORMS}'/></query></iq>`,
    );
    const { id } = await alice.request(
      command("node='greet' action='execute'"),
      answer(
        "executing",
        `<actions execute='complete'><complete/>{only}</actions>
        <x xmlns='${FORMS}' type='form'><title>Greet somebody</title>
          <instructions>Whom shall we greet?</instructions>
          <field var='FORM_TYPE'><value>urn:example:greet</value></field>
          <field var='who' type='jid-single'><required/></field>
          <field var='times'><value>1</value></field></x>`,
      ),
    );
    assert(id!.length >= 40);
    await alice.request(
      command(`node='greet' sessionid='${id}'`, filled({ who: "bob@localhost", times: "2" })),
      answer(
        "completed",
        "<note type='info'>alice greets BOB@LOCALHOST 2</note>",
        "greet",
        id!,
      ),
    );
    // Done is done.
    await alice.request(
      command(`node='greet' sessionid='${id}'`, filled({ who: "bob@localhost" })),
      refused("cancel", "not-allowed", "session-expired"),
    );
  }));

Deno.test("what cannot be accepted leaves the form open (§3.6, §4.4)", () =>
  withServer({}, {}, async (server) => {
    greet(server);
    const alice = await login(server, "alice");
    const id = await begin(alice);
    const again = (form: string, action = "complete") =>
      command(`node='greet' sessionid='${id}' action='${action}'`, form);
    const bad = refused("modify", "bad-request", "bad-payload");
    await alice.request(again(""), bad);
    await alice.request(again(filled({ times: "1" })), bad);
    await alice.request(again(filled({ who: "not an @address@" })), bad);
    await alice.request(again("<x xmlns='jabber:x:data' type='form'/>"), bad);
    await alice.request(
      again(filled({ FORM_TYPE: "urn:example:else", who: "bob@localhost" })),
      bad,
    );
    await alice.request(
      again(filled({ who: "bob@localhost", times: "never" })),
      refused("cancel", "not-allowed"),
    );
    // §3.5.1: a form of type cancel counts as submitted.
    await alice.request(
      again(filled({ who: "bob@localhost", times: "fail" }, "cancel")),
      answer("completed", "<note type='error'>nobody is there</note>"),
    );
  }));

Deno.test("several pages: forth, back with what was given, and done", () =>
  withServer({}, {}, async (server) => {
    staged(server);
    const alice = await login(server, "alice");
    const { id } = await alice.request(
      command("node='paint'"),
      answer("executing", "<actions execute='next'><next/>{only}</actions>", "paint"),
    );
    const go = (action: string, form = "") =>
      command(`node='paint' sessionid='${id}' action='${action}'`, form);
    const shades = (colour: string) =>
      answer(
        "executing",
        `<actions execute='next'><prev/><next/>{only}</actions><x xmlns='${FORMS}' type='form'>
          <title>Shade</title><field var='shade'><option><value>light ${colour}</value></option>
          <option><value>dark ${colour}</value></option></field></x>`,
        "paint",
      );
    const badAction = refused("modify", "bad-request", "bad-action");
    await alice.request(go("prev"), badAction);
    await alice.request(go("complete", filled({ colour: "red" })), badAction);
    await alice.request(go("next", filled({ colour: "red" })), shades("red"));
    await alice.request(
      go("prev"),
      answer(
        "executing",
        `<x xmlns='${FORMS}'><field var='colour'><value>red</value></field></x>`,
        "paint",
      ),
    );
    await alice.request(go("execute", filled({ colour: "black" })), shades("black"));
    await alice.request(
      go("next", filled({ shade: "dark red" })),
      refused("modify", "bad-request", "bad-payload"),
    );
    await alice.request(
      go("next", filled({ shade: "dark black" })),
      refused("modify", "not-acceptable"),
    );
    await alice.request(
      go("next", filled({ shade: "light black" })),
      answer(
        "executing",
        "<actions execute='complete'><prev/><complete/>{only}</actions>",
        "paint",
      ),
    );
    await alice.request(go("next", filled({ sure: "1" })), badAction);
    await alice.request(
      go("execute", filled({ sure: "1", secret: "x" })),
      answer(
        "completed",
        `<x xmlns='${FORMS}' type='result'><reported/><item><field var='what'>
          <value>black light black yes</value></field></item></x>`,
        "paint",
      ),
    );
  }));

Deno.test("a command that asks for nothing is done at once, and one is cancelled (§2.4.3)", () =>
  withServer({}, {}, async (server) => {
    greet(server);
    handle(server).command({ node: "noop", name: "Nothing", for: "anybody", run: () => {} });
    const alice = await login(server, "alice");
    await alice.request(command("node='noop'"), answer("completed", "{empty}", "noop"));
    const id = await begin(alice);
    await alice.request(
      command(`node='greet' sessionid='${id}' action='cancel'`),
      answer("canceled", "{empty}", "greet", id),
    );
    await alice.request(
      command(`node='greet' sessionid='${id}' action='cancel'`),
      refused("cancel", "not-allowed", "session-expired"),
    );
  }));

Deno.test("errors by the table (§4.4)", () =>
  withServer({}, {}, async (server) => {
    greet(server);
    staged(server);
    const alice = await login(server, "alice");
    const bob = await login(server, "bob");
    const id = await begin(alice);
    const bad = (app: string) => refused("modify", "bad-request", app);
    await alice.request(command("node='none'"), refused("cancel", "item-not-found"));
    await alice.request(command(""), refused("cancel", "item-not-found"));
    await alice.request(command("node='greet' action='dance'"), bad("malformed-action"));
    await alice.request(command("node='greet' action='next'"), bad("bad-action"));
    await alice.request(command("node='greet' xml:lang='not a tag'"), bad("bad-locale"));
    await alice.request(command("node='greet' sessionid='made.up'"), bad("bad-sessionid"));
    await alice.request(command("node='greet' sessionid=''"), bad("bad-sessionid"));
    await alice.request(command(`node='greet' sessionid='x${id}'`), bad("bad-sessionid"));
    await alice.request(command(`node='paint' sessionid='${id}'`), bad("bad-sessionid"));
    // Nobody else's, not even that of another client of hers.
    const attempt = command(`node='greet' sessionid='${id}'`, filled({ who: "bob@localhost" }));
    await bob.request(attempt, bad("bad-sessionid"));
    const second = await login(server, "alice");
    await second.request(attempt, bad("bad-sessionid"));
    // Another language than ours is no reason to refuse.
    await alice.request(
      command("node='greet' xml:lang='fr-ca'"),
      `<iq type='result' id='c'><command xmlns='${NS}' xml:lang='en' status='executing'/></iq>`,
    );
  }));

Deno.test("commands are for whom they are for, in the list and out of it", () =>
  withServer(
    { ...ADMINS, hosts: { localhost: { anonymous: true } } },
    {},
    async (server) => {
      greet(server);
      const host = handle(server);
      let open = false;
      host.command({ node: "rule", name: "Rule", for: "admin", run: () => "ruled" });
      host.command({ node: "all", name: "All", for: "anybody", run: () => "hello" });
      host.command({ node: "own", name: "Own", for: "owner", run: (_, { to }) => to.full });
      host.command({
        node: "some",
        name: "Some",
        for: "user",
        allowed: () => Promise.resolve(open),
        run: () => "well",
      });
      const nodes = async (client: TestClient, to = "localhost") => {
        await client.request(
          `<iq type='get' id='d' to='${to}'><query xmlns='${ITEMS}' node='${NS}'/></iq>`,
          `<iq type='result' id='d'/>`,
        );
        const items = client.last.elements()[0]!.elements();
        return items.map((i) => i.attrs.node).filter((n) => /^[a-z]+$/.test(n!));
      };
      const boss = await login(server, "boss");
      const alice = await login(server, "alice");
      const guest = await connect(server);
      await guest.open();
      await guest.upgrade();
      guest.send(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'>=</auth>",
      );
      await guest.receives("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
      await guest.open();
      await guest.bind();
      assert.deepEqual(await nodes(boss), ["greet", "rule", "all"]);
      assert.deepEqual(await nodes(alice), ["greet", "all"]);
      assert.deepEqual(await nodes(guest), ["all"]);
      open = true;
      assert.deepEqual(await nodes(alice), ["greet", "all", "some"]);
      assert.deepEqual(await nodes(alice, "alice@localhost"), ["own"]);

      const forbidden = refused("cancel", "forbidden");
      await boss.request(command("node='rule'"), answer("completed", "<note>ruled</note>", "rule"));
      await alice.request(command("node='rule'"), forbidden);
      await guest.request(command("node='greet'"), forbidden);
      await alice.request(
        `<iq type='get' id='d' to='localhost'><query xmlns='${INFO}' node='rule'/></iq>`,
        `<iq type='error' id='d'><error><forbidden xmlns='${STANZAS}'/></error></iq>`,
      );
      // To the account itself, also without an address; not to somebody else's.
      await alice.request(
        command("node='own'", "", "alice@localhost"),
        `<iq type='result' id='c'><command xmlns='${NS}'><note>alice@localhost</note></command></iq>`,
      );
      await alice.request(
        `<iq type='set' id='c'><command xmlns='${NS}' node='own'/></iq>`,
        `<iq type='result' id='c'><command xmlns='${NS}'><note>alice@localhost</note></command></iq>`,
      );
      await alice.request(command("node='own'"), refused("cancel", "item-not-found"));
      await alice.request(
        command("node='own'", "", "boss@localhost"),
        `<iq type='error' id='c'><error><forbidden xmlns='${STANZAS}'/></error></iq>`,
      );
    },
  ));

Deno.test("who is an administrator no more does not finish", () =>
  withServer(ADMINS, {}, async (server) => {
    handle(server).command({
      node: "rule",
      name: "Rule",
      for: "admin",
      fields: [{ var: "how", type: "text-single" }],
      run: () => "ruled",
    });
    const boss = await login(server, "boss");
    const id = await begin(boss, "rule");
    server.inner.config = { ...server.inner.config, admins: [] };
    await boss.request(
      command(`node='rule' sessionid='${id}'`, filled({ how: "well" })),
      refused("cancel", "forbidden"),
    );
  }));

Deno.test("limits: of an account the oldest goes, all together are refused more", () =>
  withServer(
    { modules: { adhoc: { sessions: 3, sessions_per_user: 2 } } },
    {},
    async (server) => {
      greet(server);
      const alice = await login(server, "alice");
      const bob = await login(server, "bob");
      const ids = [await begin(alice), await begin(alice), await begin(alice)];
      const go = (id: string) => command(`node='greet' sessionid='${id}' action='cancel'`);
      await alice.request(go(ids[0]!), refused("cancel", "not-allowed", "session-expired"));
      await begin(bob);
      await bob.request(command("node='greet'"), refused("wait", "resource-constraint"));
      await alice.request(go(ids[1]!), answer("canceled"));
      await begin(bob);
      // What a client that leaves had under way goes with it.
      await alice.close();
      const carol = await login(server, "carol");
      await begin(carol);
    },
  ));

Deno.test("a form that does not come back in time is forgotten", () =>
  withServer({ modules: { adhoc: { session_timeout: "10s" } } }, {}, async (server) => {
    greet(server);
    const alice = await login(server, "alice");
    const id = await begin(alice);
    const { now } = performance;
    performance.now = () => now.call(performance) + 10_001;
    try {
      await alice.request(
        command(`node='greet' sessionid='${id}'`, filled({ who: "bob@localhost" })),
        refused("cancel", "not-allowed", "session-expired"),
      );
    } finally {
      performance.now = now;
    }
  }));

Deno.test("commands go with their module, and two of one node are refused", () =>
  withServer({}, {}, async (server) => {
    greet(server);
    assert.throws(
      () => handle(server).command({ node: "greet", name: "Too", for: "user", run: () => "" }),
      /the modules ping and ping both have a command greet/,
    );
    const alice = await login(server, "alice");
    const id = await begin(alice);
    await server.inner.unloadModule(server.host(), "ping");
    alice.send(command(`node='greet' sessionid='${id}'`));
    await alice.receives(refused("cancel", "item-not-found"));
    await server.inner.loadModule(server.host(), "ping");
    greet(server);
    await alice.request(
      command(`node='greet' sessionid='${id}'`, filled({ who: "bob@localhost" })),
      refused("cancel", "not-allowed", "session-expired"),
    );
  }));

Deno.test("a failing command is an internal error, and says nothing", () =>
  withServer({}, { mayLogErrors: true }, async (server) => {
    handle(server).command({
      node: "broken",
      name: "Broken",
      for: "anybody",
      run: () => {
        throw new Error("secret detail");
      },
    });
    const alice = await login(server, "alice");
    await alice.request(
      command("node='broken'"),
      `<iq type='error' id='c'><error type='cancel'>
        <internal-server-error xmlns='${STANZAS}'/></error></iq>`,
    );
    assert(!alice.last.toString().includes("secret detail"));
  }));
