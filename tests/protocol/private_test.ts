/** XEP-0049: Private XML Storage. */

import { login } from "../helpers/client.ts";
import { type Table, withServer } from "../helpers/server.ts";

const NS = "jabber:iq:private";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

function iq(type: "get" | "set", content: string, to = ""): string {
  return `<iq type='${type}' id='p'${to}><query xmlns='${NS}'>${content}</query></iq>`;
}

function refused(condition: string): string {
  return `<iq type='error' id='p'><error><${condition} xmlns='${STANZAS}'/></error></iq>`;
}

const DONE = "<iq type='result' id='p'>{empty}</iq>";

function limited(limits: Table): Table {
  return { modules: { private: limits } };
}

Deno.test("an element is kept as it is, for its account alone (§2.3)", () =>
  withServer({}, {}, async (server) => {
    const alice = await login(server, "alice");
    const prefs = "<exodus xmlns='exodus:prefs'><nick lang='en'>Ham &amp; let</nick></exodus>";
    await alice.request(
      iq("get", "<exodus xmlns='exodus:prefs'/>"),
      `<iq type='result' id='p'><query xmlns='${NS}'><exodus xmlns='exodus:prefs'>{empty}</exodus></query></iq>`,
    );
    await alice.request(iq("set", prefs), DONE);
    const other = await login(server, "alice");
    await other.request(
      iq("get", "<exodus xmlns='exodus:prefs'/>"),
      `<iq type='result' id='p'><query xmlns='${NS}'>${prefs}</query></iq>`,
    );
    // Another name, another namespace: other elements.
    for (const e of ["<other xmlns='exodus:prefs'/>", "<exodus xmlns='other:prefs'/>"]) {
      const empty = e.replace("/>", ">{empty}</") + e.slice(1, 7).trim().split(" ")[0] + ">";
      await alice.request(
        iq("get", e),
        `<iq type='result' id='p'><query xmlns='${NS}'>${empty}</query></iq>`,
      );
    }
    const bob = await login(server, "bob");
    await bob.request(
      iq("get", "<exodus xmlns='exodus:prefs'/>"),
      `<iq type='result' id='p'><query xmlns='${NS}'><exodus xmlns='exodus:prefs'>{empty}</exodus></query></iq>`,
    );
    for (const type of ["get", "set"] as const) {
      await bob.request(iq(type, prefs, " to='alice@localhost'"), refused("forbidden"));
    }
    // It is replaced as a whole, and emptied.
    await alice.request(iq("set", "<exodus xmlns='exodus:prefs'><a/></exodus>"), DONE);
    await alice.request(
      iq("get", "<exodus xmlns='exodus:prefs'/>"),
      `<iq type='result' id='p'><query xmlns='${NS}'><exodus xmlns='exodus:prefs'>{only}<a/></exodus></query></iq>`,
    );
    await alice.request(iq("set", "<exodus xmlns='exodus:prefs'/>"), DONE);
    await alice.request(
      iq("get", "<exodus xmlns='exodus:prefs'/>"),
      `<iq type='result' id='p'><query xmlns='${NS}'><exodus xmlns='exodus:prefs'>{empty}</exodus></query></iq>`,
    );
  }));

Deno.test("several elements are set at once, and asked for one by one", () =>
  withServer({}, {}, async (server) => {
    const alice = await login(server, "alice");
    const [a, b] = ["<a xmlns='n:s'>1</a>", "<b xmlns='n:s'>2</b>"];
    await alice.request(iq("set", a + b), DONE);
    for (const e of [a, b]) {
      await alice.request(
        iq("get", e),
        `<iq type='result' id='p'><query xmlns='${NS}'>${e}</query></iq>`,
      );
    }
    await alice.request(iq("get", a + b), refused("bad-request"));
  }));

Deno.test("requests that are wrong (§3)", () =>
  withServer({}, {}, async (server) => {
    const alice = await login(server, "alice");
    for (const type of ["get", "set"] as const) {
      await alice.request(iq(type, ""), refused("not-acceptable"));
      await alice.request(iq(type, "<a>no namespace of its own</a>"), refused("not-acceptable"));
    }
  }));

Deno.test("an element has its limit", () =>
  withServer(limited({ element_bytes: 1024 }), {}, async (server) => {
    const alice = await login(server, "alice");
    await alice.request(
      iq("set", `<a xmlns='n:s'>${"\u00e4".repeat(600)}</a>`),
      refused("policy-violation"),
    );
    await alice.request(iq("set", `<a xmlns='n:s'>${"a".repeat(600)}</a>`), DONE);
  }));

Deno.test("an account has its limits", () =>
  withServer(limited({ account_bytes: 2000, elements: 3 }), {}, async (server) => {
    const alice = await login(server, "alice");
    const long = (name: string) => `<${name} xmlns='n:s'>${"x".repeat(900)}</${name}>`;
    for (const name of ["a", "b"]) await alice.request(iq("set", long(name)), DONE);
    await alice.request(iq("set", long("c")), refused("policy-violation"));
    await alice.request(iq("set", long("b")), DONE); // in place of the old one
    await alice.request(iq("set", "<c xmlns='n:s'>1</c>"), DONE);
    await alice.request(iq("set", "<d xmlns='n:s'>1</d>"), refused("policy-violation"));
    await alice.request(iq("set", "<c xmlns='n:s'>2</c>"), DONE);
  }));
