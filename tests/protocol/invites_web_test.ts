/** The web page of an invitation, its form, and invitations made over HTTP. */

import assert from "node:assert/strict";
import { login } from "../helpers/client.ts";
import { type Table, type TestServer, withServer } from "../helpers/server.ts";
import {
  createInvitation,
  type InvitationRequest,
  listInvitations,
} from "../../lib/hooks/invitations.ts";
import { accountExists } from "../../lib/hooks/accounts.ts";
import { rosterGet } from "../../lib/hooks/roster.ts";
import { parseJid } from "../../lib/jid.ts";

const MODULES = ["auth", "disco", "invites", "ping", "presence", "register", "roster"];
const HTTP = { address: ["127.0.0.1"], port: 0, tls: "none" };
const ALICE = parseJid("alice@localhost")!;
const PHONE = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36";

function withPages(
  invites: Table,
  transcript: (server: TestServer) => Promise<void>,
): Promise<void> {
  const modules = { register: { enabled: true, allowed: false, reserved: ["root"] }, invites };
  const http = { listen: { http: [HTTP] }, admins: ["boss@localhost"] };
  return withServer({ ...http, modules }, { modules: MODULES }, transcript);
}

async function invite(
  server: TestServer,
  request: Partial<InvitationRequest> = {},
): Promise<string> {
  const made = await server.host().hooks.ask(createInvitation, {
    register: true,
    by: "test",
    ...request,
  });
  // Wherever the name leads: it is this server that is tested.
  return made!.url!.replace("//localhost", "//127.0.0.1");
}

async function page(url: string, init: RequestInit = {}): Promise<[Response, string]> {
  const response = await fetch(url, init);
  return [response, await response.text()];
}

function filled(username: string, password: string, again = password): RequestInit {
  return { method: "POST", body: new URLSearchParams({ username, password, again }) };
}

Deno.test("the page says who invites, and recommends what fits (XEP-0379 §3.3)", () =>
  withPages({}, async (server) => {
    await server.addUser("alice@localhost", "password of alice");
    const url = await invite(server, { contact: ALICE });
    const token = url.slice(url.lastIndexOf("/") + 1);
    const [response, text] = await page(url, { headers: { "user-agent": PHONE } });
    assert.equal(response.status, 200);
    assert.match(text, /alice invites you to chat/);
    assert.match(text, new RegExp(`href="xmpp:alice@localhost\\?roster;preauth=${token};ibr=y"`));
    assert.match(text, /Get an app for Android/);
    assert.match(text, /<form method="post">/);
    // Nothing is loaded, nothing runs, nothing is kept or told.
    assert.doesNotMatch(text, /<script|<img|src=|@import|url\(/);
    const { headers } = response;
    assert.equal(headers.get("cache-control"), "no-store");
    assert.equal(headers.get("referrer-policy"), "same-origin");
    assert.match(
      headers.get("content-security-policy")!,
      /^default-src 'none'; style-src 'sha256-/,
    );
    const style = /<style>([^]*)<\/style>/.exec(text)![1]!;
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style));
    const base64 = btoa(String.fromCharCode(...new Uint8Array(digest)));
    assert(headers.get("content-security-policy")!.includes(`'sha256-${base64}'`));
  }));

Deno.test("systems are told apart", () =>
  withPages({}, async (server) => {
    const url = await invite(server);
    const agents: [string, string][] = [
      [PHONE, "Android"],
      ["Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)", "iPhone and iPad"],
      ["Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "Windows"],
      ["Mozilla/5.0 (Macintosh; Intel Mac OS X 14_0)", "macOS"],
      ["Mozilla/5.0 (X11; Linux x86_64)", "Linux"],
      ["curl/8", "In the browser"],
    ];
    for (const [agent, title] of agents) {
      const [, text] = await page(url, { headers: { "user-agent": agent } });
      assert(text.includes(`<h2>Get an app for ${title}`) || title === "In the browser", agent);
    }
  }));

Deno.test("an account is made with the form, and both are contacts", () =>
  withPages({}, async (server) => {
    await server.addUser("alice@localhost", "password of alice");
    const url = await invite(server, { contact: ALICE });
    const wrong: [RequestInit, RegExp][] = [
      [filled("juliet", "a good password", "another"), /The two passwords differ/],
      [filled("juliet", "short"), /at least 8 characters/],
      [filled("", ""), /A name and a password are needed/],
      [filled("root", "a good password"), /This name is reserved/],
      [filled("boss", "a good password"), /This name is reserved/],
      [filled("alice", "a good password"), /There is an account of that name/],
      [filled('<b>"x', "a good password"), /value="&lt;b&gt;&quot;x"/],
    ];
    for (const [form, expected] of wrong) {
      const [response, text] = await page(url, form);
      assert.equal(response.status, 422);
      assert.match(text, expected);
      assert.doesNotMatch(text, /a good password/);
    }
    const [response, text] = await page(url, filled("Juliet", "a good password"));
    assert.equal(response.status, 201);
    assert.match(text, /juliet@localhost/);
    assert.match(text, /<strong>alice@localhost<\/strong> is in your contacts/);
    await login(server, "juliet", { password: "a good password" }).catch(() => {
      throw new Error("juliet cannot log in");
    });
    const roster = await server.host().hooks.ask(rosterGet, ALICE);
    assert.equal(roster!.items.get("juliet@localhost")!.subscription, "both");
    // Used up: for the page, and for the form.
    for (const init of [{}, filled("tybalt", "a good password")]) {
      const [again, over] = await page(url, init);
      assert.equal(again.status, 404);
      assert.match(over, /This invitation is over/);
    }
  }));

Deno.test("an invitation for a name has that name alone", () =>
  withPages({}, async (server) => {
    const url = await invite(server, { username: "juliet" });
    const [, text] = await page(url);
    assert.match(text, /name="username" value="juliet"[^>]*readonly/);
    const [other] = await page(url, filled("tybalt", "a good password"));
    assert.equal(other.status, 422);
    const [made] = await page(url, filled("juliet", "a good password"));
    assert.equal(made.status, 201);
  }));

Deno.test("no form from elsewhere, and not too many of them", () =>
  withPages({ web_attempts: 2 }, async (server) => {
    const url = await invite(server);
    const form = filled("juliet", "a good password");
    const elsewhere = [["origin", "https://evil.example"], ["sec-fetch-site", "cross-site"]];
    for (const [name, value] of elsewhere) {
      const [response] = await page(url, { ...form, headers: { [name!]: value! } });
      assert.equal(response.status, 403);
    }
    for (const status of [422, 422, 429]) {
      const [response] = await page(url, filled("juliet", "short"));
      assert.equal(response.status, status);
    }
    const [response] = await page(url, form);
    assert.equal(response.status, 429);
    const juliet = parseJid("juliet@localhost")!;
    assert.equal(await server.host().hooks.ask(accountExists, juliet) ?? false, false);
  }));

Deno.test("the form can be switched off, and is not there for contacts only", async () => {
  await withPages({ web_registration: false }, async (server) => {
    const url = await invite(server);
    assert.doesNotMatch((await page(url))[1], /<form/);
    assert.equal((await page(url, filled("juliet", "a good password")))[0].status, 404);
  });
  await withPages({}, async (server) => {
    await server.addUser("alice@localhost", "password of alice");
    const url = await invite(server, { contact: ALICE, register: false });
    const [, text] = await page(url);
    assert.doesNotMatch(text, /<form|ibr=y/);
    assert.equal((await page(url, filled("juliet", "a good password")))[0].status, 404);
  });
});

Deno.test("what is no invitation is not found", () =>
  withPages({}, async (server) => {
    const url = await invite(server);
    const base = url.slice(0, url.lastIndexOf("/"));
    for (const path of ["", "/", "/nonsense", `/${"A".repeat(24)}`, "/api", "/a/b"]) {
      assert.equal((await page(base + path))[0].status, 404, path);
    }
    assert.equal((await page(`${base}/api`, { method: "POST", body: "{}" }))[0].status, 404);
  }));

Deno.test("invitations over HTTP, for who knows the secret", () =>
  withPages({ api_secret: "a long random text", web_attempts: 3 }, async (server) => {
    await server.addUser("alice@localhost", "password of alice");
    const any = await invite(server);
    const api = any.slice(0, any.lastIndexOf("/")) + "/api";
    const post = (body: unknown, secret?: string) => {
      const headers: Record<string, string> = secret === undefined
        ? {}
        : { authorization: `Bearer ${secret}` };
      return page(api, { method: "POST", headers, body: JSON.stringify(body) });
    };
    const good = "a long random text";
    const [made, text] = await post(
      { username: "juliet", contact: "alice@localhost", lifetime: "1h" },
      good,
    );
    assert.equal(made.status, 201);
    const { id, uri, url, uses, expires } = JSON.parse(text);
    assert.match(uri, /^xmpp:juliet@localhost\?register;preauth=[A-Za-z0-9]{24}$/);
    assert.match(url, /^http:\/\/localhost:\d+\/invite\/[A-Za-z0-9]{24}$/);
    assert.equal(uses, 1);
    assert(Math.abs(Date.parse(expires) - Date.now() - 3_600_000) < 60_000);
    const listed = await server.host().hooks.ask(listInvitations);
    assert.equal(listed!.find((i) => i.id === id)!.by, "api");
    const wrong: unknown[] = [
      [],
      { uses: "2" },
      { color: "red" },
      { contact: "no one" },
      { contact: "nobody@localhost" },
      { username: "boss" },
      { lifetime: "soon" },
    ];
    for (const body of wrong) {
      const [response, problem] = await post(body, good);
      assert.equal(response.status, 400, JSON.stringify(body));
      assert(JSON.parse(problem).error.length > 0);
    }
    assert.equal((await post({ username: "juliet" }, good))[0].status, 409);
    for (const secret of [undefined, "", "wrong"]) {
      assert.equal((await post({}, secret))[0].status, 401);
    }
    assert.equal((await post({}, "guessing"))[0].status, 429);
  }));
