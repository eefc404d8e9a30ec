/** Logs of rooms as web pages. The rooms are made up: the module knows them by their hooks alone. */

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import {
  roomConfigured,
  roomCreated,
  type RoomDeparture,
  roomDestroyed,
  roomEntered,
  roomLeft,
  roomLogs,
  roomNickChanged,
  roomRetracted,
  roomSent,
} from "../../lib/hooks/mod.ts";
import { parseJid } from "../../lib/jid.ts";
import { NS } from "../../lib/ns.ts";
import type { Room, RoomConfig, RoomOccupant } from "../../lib/rooms.ts";
import { message } from "../../lib/stanza.ts";
import { type Element, xml } from "../../lib/xml/element.ts";
import { HTTP_LISTENERS, httpPort, raw } from "../helpers/http.ts";
import { ask, createRoom, join, MODULES, OWNER, ROOM } from "../helpers/muc.ts";
import { online } from "../helpers/client.ts";
import { type Table, type TestServer, withServer } from "../helpers/server.ts";

const CONFIG: RoomConfig = {
  name: "The Coven",
  description: "A dark cave",
  lang: "en",
  persistent: true,
  public: true,
  moderated: false,
  membersOnly: false,
  password: "",
  whois: "moderators",
  maxUsers: 0,
  allowPm: "anyone",
  allowInvites: false,
  changeSubject: false,
  presenceBroadcast: ["moderator", "participant", "visitor"],
  getMemberList: [],
  allowVisitorNickChange: true,
  allowVisitorStatus: true,
  allowVoiceRequests: true,
  allowRegistration: true,
  lockNicks: false,
  logging: true,
  archive: true,
  maxHistory: 20,
  slowMode: 0,
  forwardMentions: false,
  pubsub: "",
  contacts: [],
};

/** A room of which the module sees nothing but what happens. */
class Stage {
  readonly room: Room & { config: RoomConfig };
  readonly #server: TestServer;
  #sent = 0;

  constructor(
    server: TestServer,
    address = "coven@chat.localhost",
    config: Partial<RoomConfig> = {},
  ) {
    this.#server = server;
    this.room = {
      jid: parseJid(address)!,
      config: { ...CONFIG, ...config },
      locked: false,
      size: 0,
      occupants: () => [],
      occupant: () => undefined,
      occupantsOf: () => [],
      affiliationOf: () => "none",
    };
  }

  get #hooks() {
    return this.#server.host().hooks;
  }

  occupant(nick: string): RoomOccupant {
    return {
      nick,
      jid: this.room.jid.withResource(nick),
      user: parseJid("real-address@home.example")!,
      role: "participant",
      affiliation: "none",
      id: nick,
    };
  }

  say(nick: string, body: string, at = Date.now(), ...more: Element[]): string {
    return this.send(nick, at, xml("body", NS.client, {}, body), ...more);
  }

  send(nick: string, at: number, ...children: Element[]): string {
    const id = `m${++this.#sent}`;
    const from = nick === "" ? undefined : this.occupant(nick);
    const sent = message({ type: "groupchat", id, from: from?.jid ?? this.room.jid }, ...children);
    void this.#hooks.tell(roomSent, this.room, sent, from, `s-${id}`, at);
    return id;
  }

  create(): void {
    void this.#hooks.tell(roomCreated, this.room, parseJid("real-address@home.example/phone")!);
  }

  configure(changes: Partial<RoomConfig>): void {
    const before = this.room.config;
    this.room.config = { ...before, ...changes };
    void this.#hooks.tell(roomConfigured, this.room, before);
  }

  enter(nick: string): void {
    void this.#hooks.tell(roomEntered, this.room, this.occupant(nick));
  }

  leave(nick: string, why: RoomDeparture["why"] = "left", reason?: string): void {
    void this.#hooks.tell(roomLeft, this.room, this.occupant(nick), { why, reason });
  }

  rename(before: string, after: string): void {
    void this.#hooks.tell(roomNickChanged, this.room, this.occupant(after), before);
  }

  retract(id: string, reason?: string): void {
    void this.#hooks.tell(roomRetracted, this.room, `s-${id}`, reason);
  }

  destroy(): void {
    void this.#hooks.tell(roomDestroyed, this.room.jid);
  }

  get url(): string {
    return `/${encodeURIComponent(this.room.jid.node)}@${this.room.jid.domain}/`;
  }

  /** Asks the module where the log is. */
  async logs(): Promise<string | undefined> {
    return await this.#hooks.ask(roomLogs, this.room.jid);
  }
}

const NOON = Date.parse("2025-11-30T12:00:00Z");

function withLogs(
  settings: Table,
  transcript: (
    server: TestServer,
    get: (path: string, init?: RequestInit) => Promise<[Response, string]>,
  ) => Promise<void>,
  more: Table = { listen: HTTP_LISTENERS },
): Promise<void> {
  const modules = { muc_log: { enabled: true, ...settings } };
  return withServer({ ...more, modules }, { modules: ["muc_log"] }, (server) => {
    return transcript(server, async (path, init) => {
      await written();
      const response = await fetch(`http://127.0.0.1:${httpPort(server)}/logs${path}`, init);
      return [response, await response.text()];
    });
  });
}

/** Entries are written some ms later. */
function written(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 120));
}

/** What the lines of a day say, without markup. */
function linesOf(page: string): string[] {
  const list = /<ol class="log card">([^]*)<\/ol>/.exec(page)![1]!;
  return list.split("</li>").slice(0, -1).map((line) =>
    line.replace(/<time[^]*?<\/time>/, "").replace("</span>", ": ").replace(/<[^>]*>/g, "")
      .replaceAll("&#39;", "'").trim()
  );
}

Deno.test("rooms, days and what was said, as pages and as text", () =>
  withLogs({ time_zone: "Europe/Zurich" }, async (server, get) => {
    const stage = new Stage(server);
    stage.say("firstwitch", "Thrice the brinded cat hath mew'd.", NOON);
    stage.say("secondwitch", "/me whines", NOON + 1000);
    stage.send("firstwitch", NOON + 2000, xml("subject", NS.client, {}, "Fire burn"));
    stage.say("", "The room is cold.", NOON + 3000);
    stage.say("thirdwitch", "late", Date.parse("2025-11-30T23:30:00Z"));
    stage.say("thirdwitch", "early", Date.parse("2025-10-31T23:30:00Z"));

    const [index, rooms] = await get("/");
    assert.equal(index.status, 200);
    assert.match(rooms, /<a class="title" href="\/logs\/coven@chat\.localhost\/"><bdi>The Coven</);
    assert.match(rooms, /A dark cave/);
    assert.match(rooms, /coven@chat\.localhost\/2025-12-01">1 December 2025</);

    for (
      const path of ["/coven@chat.localhost/", "/coven@chat.localhost", "/COVEN%40chat.localhost/"]
    ) {
      const [, days] = await get(path);
      const links = [...days.matchAll(/href="\/logs\/coven@chat\.localhost\/(\d[^"]*)"/g)];
      assert.deepEqual(links.map(([, day]) => day), ["2025-12-01", "2025-11-01", "2025-11-30"]);
      assert.match(days, /<h2>2025<\/h2>[^]*<h3>December<\/h3>[^]*<h3>November<\/h3>/);
    }

    const [response, page] = await get(`${stage.url}2025-11-30`);
    assert.deepEqual(linesOf(page), [
      "firstwitch: Thrice the brinded cat hath mew'd.",
      "secondwitch whines",
      "firstwitch set the subject: Fire burn",
      "The room is cold.",
    ]);
    assert.match(page, /<h1>Sunday,? 30 November 2025<\/h1>/);
    assert.match(page, /<time datetime="2025-11-30T12:00:00Z">13:00:00<\/time>/);
    const [, id] = /<li id="(e\d+)"/.exec(page)!;
    assert(page.includes(`href="#${id}"`));
    assert.match(page, /href="[^"]*2025-11-01" rel="prev"/);
    assert.match(page, /href="[^"]*2025-12-01" rel="next"/);
    assert.doesNotMatch(page, /<script|style=|real-address/);
    const { headers } = response;
    assert.match(headers.get("content-security-policy")!, /^default-src 'none'; style-src 'self';/);
    assert.equal(headers.get("x-robots-tag"), "noindex");
    assert.equal(headers.get("cache-control"), "max-age=300");

    const [plain, text] = await get(`${stage.url}2025-11-30.txt`);
    assert.equal(plain.headers.get("content-type"), "text/plain; charset=utf-8");
    assert.equal(
      text,
      [
        "The Coven (coven@chat.localhost), 2025-11-30, Europe/Zurich",
        "",
        "[13:00:00] <firstwitch> Thrice the brinded cat hath mew'd.",
        "[13:00:01] * <secondwitch> whines",
        "[13:00:02] -- <firstwitch> set the subject: Fire burn",
        "[13:00:03] -- The room is cold.",
        "",
      ].join("\n"),
    );
  }));

Deno.test("who comes and goes, and what happens to the room", () =>
  withLogs({}, async (server, get) => {
    const stage = new Stage(server, "new@chat.localhost", { password: "xyzzy", public: true });
    stage.configure({ password: "" });
    stage.create();
    stage.enter("witch");
    stage.rename("witch", "hecate");
    stage.leave("hecate", "left", "bye");
    stage.leave("spammer", "kicked", "spam");
    stage.leave("troll", "banned");
    stage.leave("guest", "members-only");
    stage.leave("member", "affiliation");
    stage.leave("ghost", "error");
    stage.configure({ moderated: true, maxHistory: 3 });
    stage.configure({ logging: false });
    stage.say("witch", "not for the log");
    stage.enter("witch");
    const [, page] = await get(`${stage.url}${new Date().toISOString().slice(0, 10)}`);
    assert.deepEqual(linesOf(page), [
      "The settings were changed: password",
      "The room was made",
      "witch entered",
      "witch is now hecate",
      "hecate left (bye)",
      "spammer was kicked (spam)",
      "troll was banned",
      "guest had to leave: the room is for members only now",
      "member is not a member any more",
      "ghost lost the connection",
      "The settings were changed: moderation, history",
      "Logging ends",
    ]);
    assert.doesNotMatch(page, /xyzzy/);
  }));

Deno.test("`events`: only what is wanted is logged beside messages", () =>
  withLogs({ events: ["removals"] }, async (server, get) => {
    const stage = new Stage(server);
    stage.enter("witch");
    stage.say("witch", "hail");
    stage.rename("witch", "hecate");
    stage.send("witch", Date.now(), xml("subject", NS.client, {}, "Fire"));
    stage.configure({ moderated: true });
    stage.leave("spammer", "kicked");
    stage.leave("witch");
    const [, page] = await get(`${stage.url}${new Date().toISOString().slice(0, 10)}`);
    assert.deepEqual(linesOf(page), ["witch: hail", "spammer was kicked"]);
  }));

Deno.test("corrections are shown as such; retracted texts are gone for good", () =>
  withLogs({}, async (server, get) => {
    const stage = new Stage(server);
    const correct = (id: string) => xml("replace", "urn:xmpp:message-correct:0", { id });
    const first = stage.say("witch", "eye of nwet", NOON);
    stage.say("witch", "eye of newt", NOON + 1, correct(first));
    stage.say("other", "I correct others", NOON + 2, correct(first));
    const spam = stage.say("spammer", "buy potions", NOON + 3);
    stage.say("spammer", "buy cheap potions", NOON + 4, correct(spam));
    stage.say("witch", "cipher", NOON + 5, xml("encryption", "urn:xmpp:eme:0", {}));
    stage.retract(spam, "<i>spam</i>");
    const [, page] = await get(`${stage.url}2025-11-30`);
    assert.deepEqual(linesOf(page), [
      "witch: eye of nwet",
      "witch: correctioneye of newt",
      "other: correctionI correct others",
      "A message of spammer was retracted (&lt;i&gt;spam&lt;/i&gt;)",
      "A message of spammer was retracted (&lt;i&gt;spam&lt;/i&gt;)",
      "witch wrote [encrypted]",
    ]);
    const [, id] = /<li id="(e\d+)"\s+class="message corrected"/.exec(page)!;
    assert(page.includes(`<a class="tag" href="#${id}">correction</a>`));
    assert.doesNotMatch(page, /potions|cipher/);
    const kept = await server.inner.store.db.selectFrom("room_log_entries").select("text")
      .execute();
    assert.equal(kept.length, 6);
    assert.doesNotMatch(JSON.stringify(kept), /potions|cipher/);
  }));

Deno.test("no script runs from a nickname, a name or a message", () =>
  withLogs({}, async (server, get) => {
    const evil = `"><script>alert('1')</script><img src=x onerror=alert(2)>`;
    const stage = new Stage(server, "coven@chat.localhost", { name: evil, description: evil });
    stage.say(evil, `${evil} javascript:alert(3) http://a.example/"onclick=alert(4)`, NOON);
    stage.say("\u202egro.live", "\u2067RTL\u2028[12:00:00] <admin> forged", NOON);
    for (const path of ["/", stage.url, `${stage.url}2025-11-30`]) {
      const [, page] = await get(path);
      assert.doesNotMatch(page, /<script|<img|[\u2028\u202e\u2067]/);
      for (const [tag] of page.matchAll(/<[a-z][^>]*>/g)) {
        assert.doesNotMatch(tag, /\son|javascript|alert/i);
      }
    }
    const [, page] = await get(`${stage.url}2025-11-30`);
    assert.match(page, /<a href="http:\/\/a\.example\/" rel="nofollow noopener noreferrer ugc">/);
    const [, text] = await get(`${stage.url}2025-11-30.txt`);
    assert.equal(text.split("\n").filter((line) => line.startsWith("[")).length, 2);
    assert.match(text, /\n {11}\[12:00:00\] <admin> forged\n/);
  }));

Deno.test("what is not there is not found, and nothing of the request comes back", () =>
  withLogs({}, async (server, get) => {
    const stage = new Stage(server);
    stage.say("witch", "hail", NOON);
    for (
      const path of [
        "/other@chat.localhost/",
        "/coven/",
        "/coven@chat.localhost%2Fnick/",
        "/chat.localhost/",
        "/%3Cscript%3Ealert(1)%3C%2Fscript%3E/",
        "/<script>alert(1)</script>",
        "/%00@chat.localhost/",
        "/%/",
        "/%ff%fe@x/",
        `${stage.url}2025-11-29`,
        `${stage.url}2025-02-30`,
        `${stage.url}0001-01-01`,
        `${stage.url}9999-12-31`,
        `${stage.url}2025-11-30.html`,
        `${stage.url}<script>`,
        `${stage.url}2025-11-30?part=0`,
        `${stage.url}2025-11-30?part=2`,
        `${stage.url}2025-11-30?part=9999999999`,
        `${stage.url}2025-11-30?part=<script>`,
        `${stage.url}?until=<script>`,
        `${stage.url}2025-11-30/more`,
        `/${"x".repeat(5000)}@chat.localhost/`,
      ]
    ) {
      const [response, page] = await get(path);
      assert.equal(response.status, 404, path);
      assert.match(page, /<h1>Not found<\/h1>/);
      assert.doesNotMatch(page, /script|xxx/);
    }
    for (const after of ["%00", "<script>", "'"]) {
      const [response, page] = await get(`/?after=${after}`);
      assert.equal(response.status, 200);
      assert.doesNotMatch(page, /script/);
    }
    const [post] = await get(`${stage.url}2025-11-30`, { method: "POST", body: "x" });
    assert.equal(post.status, 405);
    assert.equal(post.headers.get("allow"), "GET, HEAD");
  }));

Deno.test("HEAD, and pages that the browser has already", () =>
  withLogs({}, async (server, get) => {
    const stage = new Stage(server);
    const id = stage.say("witch", "hail", NOON);
    const path = `${stage.url}2025-11-30`;
    const [first, page] = await get(path);
    const etag = first.headers.get("etag")!;
    const [head, nothing] = await get(path, { method: "HEAD" });
    assert.equal(head.status, 200);
    assert.equal(nothing, "");
    const length = String(new TextEncoder().encode(page).length);
    assert.equal(head.headers.get("content-length"), length);
    const known = { headers: { "if-none-match": `W/"other", ${etag}` } };
    assert.equal((await get(path, known))[0].status, 304);
    stage.retract(id);
    assert.equal((await get(path, known))[0].status, 200);
    // Today goes on.
    stage.say("witch", "hail");
    const [today] = await get(`${stage.url}${new Date().toISOString().slice(0, 10)}`);
    assert.equal(today.headers.get("cache-control"), "no-cache");
  }));

Deno.test("rooms that are not open to all have no pages, unless `private_rooms` is link", async () => {
  const closed: Partial<RoomConfig>[] = [{ public: false }, { password: "x" }, {
    membersOnly: true,
  }];
  await withLogs({}, async (server, get) => {
    for (const config of closed) {
      const stage = new Stage(server, "private@chat.localhost", config);
      stage.say("witch", "hush", NOON);
      assert.equal(await stage.logs(), "unreachable");
      assert.equal((await get(stage.url))[0].status, 404);
      assert.equal((await get(`${stage.url}2025-11-30.txt`))[0].status, 404);
      assert.doesNotMatch((await get("/"))[1], /private@/);
    }
    // What was said behind closed doors stays there.
    const stage = new Stage(server, "private@chat.localhost", { membersOnly: true });
    stage.configure({ membersOnly: false });
    stage.say("witch", "hello all", NOON + 1);
    assert.match((await stage.logs())!, /\/logs\/private@chat\.localhost\/$/);
    const [, page] = await get(`${stage.url}2025-11-30`);
    assert.deepEqual(linesOf(page), ["witch: hello all"]);
    // A room that is logged no more can be closed as well.
    stage.configure({ logging: false });
    assert.equal((await get(stage.url))[0].status, 200);
    stage.configure({ password: "x" });
    assert.equal((await get(stage.url))[0].status, 404);
  });
  await withLogs({ private_rooms: "link", robots: "index" }, async (server, get) => {
    for (const config of closed) {
      const stage = new Stage(server, "private@chat.localhost", config);
      stage.say("witch", "hush", NOON);
      assert.match((await stage.logs())!, /\/logs\/private@chat\.localhost\/$/);
      const [response, page] = await get(`${stage.url}2025-11-30`);
      assert.match(page, /hush/);
      assert.equal(response.headers.get("x-robots-tag"), "noindex");
      assert.doesNotMatch((await get("/"))[1], /private@/);
    }
  });
});

Deno.test("a room that is destroyed takes its log along, unless `keep_destroyed`", async () => {
  await withLogs({}, async (server, get) => {
    const stage = new Stage(server);
    stage.say("witch", "hail", NOON);
    assert.equal((await get(stage.url))[0].status, 200);
    stage.destroy();
    assert.equal((await get(stage.url))[0].status, 404);
    const again = new Stage(server);
    again.create();
    const [, days] = await get(stage.url);
    assert.doesNotMatch(days, /2025-11-30/);
    assert.equal((await get(`${stage.url}2025-11-30`))[0].status, 404);
  });
  await withLogs({ keep_destroyed: true }, async (server, get) => {
    const stage = new Stage(server);
    stage.say("witch", "hail", NOON);
    stage.destroy();
    const [response, page] = await get(stage.url);
    assert.equal(response.status, 200);
    assert.match(page, /destroyed/);
    const [, today] = await get(`${stage.url}${new Date().toISOString().slice(0, 10)}`);
    assert.deepEqual(linesOf(today), ["The room was destroyed"]);
  });
});

Deno.test("limits: text of an entry, entries, days and rooms on a page", () =>
  withLogs(
    { text_bytes: 256, page_entries: 10, page_days: 2, page_rooms: 2 },
    async (server, get) => {
      const stage = new Stage(server);
      for (let i = 0; i < 25; i++) stage.say("witch", `line ${i}`, NOON + i);
      const [, first] = await get(`${stage.url}2025-11-30`);
      assert.equal(linesOf(first).length, 10);
      assert.match(first, /Part\s+<b aria-current="page">1<\/b>\s*<a href="[^"]*\?part=2">2/);
      const [, third] = await get(`${stage.url}2025-11-30?part=3`);
      assert.deepEqual(linesOf(third)[0], "witch: line 20");
      const [, text] = await get(`${stage.url}2025-11-30.txt?part=3`);
      assert.match(text, /^[^\n]*, part 3 of 3\n\n\[12:00:00\] <witch> line 20\n/);

      const DAY = 86_400_000;
      for (const days of [1, 2, 3]) stage.say("witch", "x".repeat(300), NOON - days * DAY);
      const [, latest] = await get(stage.url);
      assert.match(latest, /2025-11-29"[^]*2025-11-30"/);
      assert.match(latest, /\?until=2025-11-28" rel="next"/);
      const [, earlier] = await get(`${stage.url}?until=2025-11-28`);
      assert.match(earlier, /2025-11-27"[^]*2025-11-28"/);
      assert.doesNotMatch(earlier, /rel="next"/);
      const [, cut] = await get(`${stage.url}2025-11-29`);
      assert.deepEqual(linesOf(cut), [`witch: ${"x".repeat(253)}…`]);

      for (const name of ["d", "e"]) new Stage(server, `${name}@chat.localhost`).say("w", "hi");
      const [, rooms] = await get("/");
      assert.match(rooms, /href="\/logs\/\?after=d%40chat\.localhost" rel="next"/);
      const [, more] = await get("/?after=d%40chat.localhost");
      assert.match(more, /e@chat\.localhost/);
      assert.doesNotMatch(more, /d@chat\.localhost|rel="next"/);
    },
  ));

Deno.test("rooms with strange addresses", () =>
  withLogs({}, async (server, get) => {
    for (
      const address of ["a%b#c?d=e@chat.localhost", "日本@chat.localhost", "..@chat.localhost"]
    ) {
      const stage = new Stage(server, address);
      stage.say("witch", "hail", NOON);
      await written();
      const [, rooms] = await get("/");
      const links = [...rooms.matchAll(/class="title" href="\/logs([^"]*)"/g)].map(([, x]) => x!);
      const found = await Promise.all(links.map((link) => get(link)));
      assert(found.some(([, page]) => page.includes(`>${address}<`)), address);
      const url = new URL((await stage.logs())!);
      assert.equal((await get(`${url.pathname.slice(5)}2025-11-30`))[0].status, 200);
    }
  }));

Deno.test("themes, one's own style sheet, and search engines", async () => {
  await withLogs({ theme: "dark", robots: "index" }, async (server, get) => {
    const stage = new Stage(server);
    stage.say("witch", "hail", NOON);
    const [response, page] = await get(stage.url);
    assert.match(page, /<html lang="en" class="dark">/);
    assert.doesNotMatch(page, /noindex/);
    assert.equal(response.headers.get("x-robots-tag"), null);
    const [style, css] = await get("/style.css");
    assert.equal(style.headers.get("content-type"), "text/css; charset=utf-8");
    assert.match(css, /prefers-color-scheme/);
    const [, nick] = /class="nick (h\d+)"/.exec((await get(`${stage.url}2025-11-30`))[1])!;
    assert(css.includes(`.${nick}{`));
  });
  const own = await Deno.makeTempFile({ suffix: ".css" });
  try {
    await writeFile(own, "body { color: red }");
    await withLogs({ css: own }, async (_server, get) => {
      assert.equal((await get("/style.css"))[1], "body { color: red }");
      await writeFile(own, "body { color: blue }");
      assert.equal((await get("/style.css"))[1], "body { color: blue }");
      await Deno.remove(own);
      assert.match((await get("/style.css"))[1], /prefers-color-scheme/);
    });
  } finally {
    await Deno.remove(own).catch(() => {});
  }
});

Deno.test("a real room: its owner wants a log, and who enters is told (status 170)", () =>
  withServer(
    { listen: HTTP_LISTENERS, modules: { muc: {}, muc_log: {} } },
    { modules: [...MODULES, "muc_log"] },
    async (server) => {
      const owner = await createRoom(server, "crone", "firstwitch", ["enablelogging=1"]);
      const bob = await online(server, "bob");
      bob.send(join("secondwitch"));
      await bob.eventually(
        `<presence from='${ROOM}/secondwitch'><x xmlns='http://jabber.org/protocol/muc#user'>
        <item/><status code='110'/><status code='170'/></x></presence>`,
      );
      bob.send(`<message type='groupchat' to='${ROOM}' id='m1'><body>spam</body></message>`);
      const { id } = await bob.eventually(
        `<message type='groupchat' id='m1'><stanza-id xmlns='urn:xmpp:sid:0' id='{id}'/></message>`,
      );
      bob.send(`<message type='groupchat' to='${ROOM}' id='m2'>
        <retract id='${id}' xmlns='urn:xmpp:message-retract:1'/><body>took it back</body></message>`);
      const kick = `<item nick='secondwitch' role='none'><reason>spam</reason></item>`;
      await ask(
        owner,
        "set",
        `<query xmlns='http://jabber.org/protocol/muc#admin'>${kick}</query>`,
      );
      const day = new Date().toISOString().slice(0, 10);
      const url = `http://127.0.0.1:${httpPort(server)}/logs/${ROOM}/${day}`;
      await written();
      assert.deepEqual(linesOf(await (await fetch(url)).text()), [
        "Logging begins",
        "secondwitch entered",
        "A message of secondwitch was retracted",
        "secondwitch was kicked (spam)",
      ]);
      await ask(owner, "set", `<query xmlns='${OWNER}'><destroy/></query>`);
      await written();
      assert.equal((await fetch(url, { method: "HEAD" })).status, 404);
      const left = await server.inner.store.db.selectFrom("room_log_entries").selectAll().execute();
      assert.deepEqual(left, []);
    },
  ));

Deno.test("without HTTP there are logs, but no pages", () =>
  withLogs({}, async (server) => {
    assert.equal(await new Stage(server).logs(), "unreachable");
  }, {}));

Deno.test("the name of the time zone is checked", async () => {
  await assert.rejects(
    withLogs({ time_zone: "Europe/Springfield" }, () => Promise.resolve()),
    /time_zone.*expected the name of a time zone/,
  );
});

Deno.test("many requests at once, also broken ones", () =>
  withLogs({}, async (server, get) => {
    const stage = new Stage(server);
    for (let i = 0; i < 900; i++) stage.say("witch", `line ${i}`, NOON + i);
    const pages = await Promise.all(
      Array.from({ length: 20 }, () => get(`${stage.url}2025-11-30`)),
    );
    for (const [, page] of pages) assert.equal(linesOf(page).length, 900);
    const { status } = await raw(
      httpPort(server),
      "GET /logs/%E0%A4%A@x/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    assert.equal(status, 404);
  }));
