/** The pages, as HTML that runs nothing and loads nothing but its style sheet. */

import { html, raw } from "hono/html";
import { formatDateTime } from "../../lib/formats/datetime.ts";
import { classOf } from "./colour.ts";
import type { Entry } from "./entries.ts";
import type { DayPart, ListedLog, Log } from "./logs.ts";
import { cleanLine, cleanText, pieces } from "./text.ts";
import { joinUri, roomUrl } from "./urls.ts";
import { isPassing, longDate, monthName, sentenceOf, shortDate, type Word } from "./words.ts";
import type { Zone } from "./zone.ts";

type Html = ReturnType<typeof html>;

/** What all pages have in common. */
export interface Site {
  readonly domain: string;
  /** The path of the index, without a slash at its end. */
  readonly base: string;
  readonly theme: "light" | "dark" | "auto";
  readonly zone: Zone;
  /** Whether search engines may keep the page. */
  readonly indexed: boolean;
}

/** Spam in a room shall be worth nothing: no rank in search engines, no visit that tells where it is from. */
const REL = "nofollow noopener noreferrer ugc";

const ARROWS = { before: "←", after: "→" } as const;

function layout(site: Site, title: string, body: Html): Html {
  const { theme, base, indexed } = site;
  return html`
    <!DOCTYPE html>
    <html lang="en" class="${theme}">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        ${indexed ? "" : raw('<meta name="robots" content="noindex">')}
        <link rel="icon" href="data:,">
        <link rel="stylesheet" href="${base}/style.css">
        <title>${title}</title>
      </head>
      <body>
        ${body}
      </body>
    </html>
  `;
}

// ---- rooms ----

export function indexPage(
  site: Site,
  logs: readonly ListedLog[],
  first: boolean,
  next: string | undefined,
): Html {
  const title = `Chat logs of ${site.domain}`;
  const more = [
    first ? "" : html`<a href="${site.base}/">First rooms</a>`,
    " ",
    next === undefined
      ? ""
      : html`<a href="${site.base}/?after=${encodeURIComponent(next)}" rel="next">More rooms</a>`,
  ];
  return layout(
    site,
    title,
    html`
      <header>
        <h1>${title}</h1>
        <p class="about">Rooms whose discussion is public, and kept here.</p>
      </header>
      <main>
        ${logs.length === 0
          ? html`<p class="card empty">No room has a public log.</p>`
          : html`<ul class="rooms card">${logs.map((log) => listed(site, log))}</ul>`}
        <p class="parts">${more}</p>
      </main>
    `,
  );
}

function listed(site: Site, log: ListedLog): Html {
  const { base, zone } = site;
  const day = zone.dayOf(log.last);
  const url = roomUrl(base, log.room);
  return html`
    <li>
      <a class="last" href="${url}${day}">${shortDate(day)} ${day.slice(0, 4)}</a>
      <a class="title" href="${url}">${isolated(titleOf(log))}</a>
      <p class="address">${isolated(log.room)}</p>
      <p class="about">${isolated(cleanText(log.description))}</p>
    </li>
  `;
}

// ---- days ----

export function roomPage(
  site: Site,
  log: Log,
  days: readonly string[],
  from: string | undefined,
  next: string | undefined,
): Html {
  const url = roomUrl(site.base, log.room);
  const years = Map.groupBy(days, (day) => day.slice(0, 4));
  const more = [
    from === undefined ? "" : html`<a href="${url}">Latest days</a>`,
    " ",
    next === undefined ? "" : html`<a href="${url}?until=${next}" rel="next">Earlier days</a>`,
  ];
  return layout(
    site,
    titleOf(log),
    html`
      <header>
        <p class="crumbs">${upLink(site, log)}</p>
        <h1>${isolated(titleOf(log))}</h1>
        <p class="address">${roomLink(log)}${stateOf(log)}</p>
        <p class="about">${isolated(cleanText(log.description))}</p>
      </header>
      <main>
        ${days.length === 0 ? html`<p class="card empty">Nothing was said yet.</p>` : ""}
        ${[...years].map(([year, days]) => yearOfDays(url, year, days))}
        <p class="parts">${more}</p>
      </main>
      ${footer(site)}
    `,
  );
}

function yearOfDays(url: string, year: string, days: readonly string[]): Html {
  const months = Map.groupBy(days, (day) => day.slice(0, 7));
  return html`
    <section>
      <h2>${year}</h2>
      <div class="card">${[...months].map(([month, days]) =>
        html`
          <div class="month">
            <h3>${monthName(month)}</h3>
            <ul class="days">${days.toReversed().map((day) =>
              html`<li><a href="${url}${day}" title="${longDate(day)}">${
                Number(day.slice(8))
              }</a></li>`
            )}</ul>
          </div>
        `
      )}</div>
    </section>
  `;
}

// ---- one day ----

export interface DayContent {
  readonly log: Log;
  readonly day: string;
  readonly content: DayPart;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

export function dayPage(site: Site, page: DayContent): Html {
  const { log, day, content } = page;
  const url = roomUrl(site.base, log.room);
  const parts = partLinks(`${url}${day}`, content);
  const text = `${url}${day}.txt${content.part > 1 ? `?part=${content.part}` : ""}`;
  const step = (to: string | undefined, which: "before" | "after") => {
    if (to === undefined) return "";
    const date = to.slice(0, 4) === day.slice(0, 4)
      ? shortDate(to)
      : `${shortDate(to)} ${to.slice(0, 4)}`;
    return which === "before"
      ? html`<a href="${url}${to}" rel="prev">${ARROWS.before} ${date}</a>`
      : html`<a href="${url}${to}" rel="next">${date} ${ARROWS.after}</a>`;
  };
  const quiet = content.entries.some(isPassing)
    ? html`<input type="checkbox" id="quiet"><label class="hide" for="quiet">Hide comings and goings</label>`
    : "";
  return layout(
    site,
    `${titleOf(log)}, ${longDate(day)}`,
    html`
      <header>
        <p class="crumbs">${upLink(site, log)}${log.open ? " › " : ""}<a href="${url}">${isolated(
          titleOf(log),
        )}</a></p>
        <h1>${longDate(day)}</h1>
        <p class="address">${roomLink(log)}${stateOf(log)}</p>
      </header>
      <nav aria-label="Days">
        <ul>
          <li>${step(page.before, "before")}</li>
          <li><a href="${url}">All days</a></li>
          <li><a href="${text}">Plain text</a></li>
          <li>${step(page.after, "after")}</li>
        </ul>
      </nav>
      <main>
        ${parts}${quiet}
        <ol class="log card">${linesOf(content.entries, site.zone)}</ol>
        ${parts}
      </main>
      ${footer(site)}
    `,
  );
}

function partLinks(url: string, { part, parts }: DayPart): Html | string {
  if (parts === 1) return "";
  const shown = Array.from({ length: parts }, (_, i) => i + 1)
    .filter((n) => n === 1 || n === parts || Math.abs(n - part) <= 3);
  return html`<p class="parts">Part ${
    shown.map((n, i) => [
      i > 0 && n > shown[i - 1]! + 1 ? "… " : "",
      n === part
        ? html`
          <b aria-current="page">${n}</b>
        `
        : html`
          <a href="${url}${n === 1 ? "" : `?part=${n}`}">${n}</a>
        `,
    ])
  } of ${parts}</p>`;
}

function linesOf(entries: readonly Entry[], zone: Zone): Html[] {
  // A correction is by the same nickname, and of a message that is there.
  const written = new Map<string, Entry>();
  const key = (nick: string, id: string) => `${id}\n${nick}`;
  for (const entry of entries) {
    if (entry.origin !== null) written.set(key(entry.nick, entry.origin), entry);
  }
  const corrected = new Map<Entry, Entry>();
  for (const entry of entries) {
    const { corrects } = entry;
    const original = corrects === null ? undefined : written.get(key(entry.nick, corrects));
    if (original !== undefined && original.at <= entry.at) corrected.set(entry, original);
  }
  const outdated = new Set(corrected.values());
  return entries.map((entry) => line(entry, zone, corrected.get(entry), outdated.has(entry)));
}

function line(
  entry: Entry,
  zone: Zone,
  original: Entry | undefined,
  outdated: boolean,
): Html {
  const { id, at, kind, nick, corrects } = entry;
  const sentence = sentenceOf(entry);
  const type = sentence !== undefined || nick === "" ? "event" : kind;
  const looks = [
    type,
    ...(type === kind ? [] : [`is-${kind}`]),
    ...(isPassing(entry) ? ["passing"] : []),
  ];
  if (outdated && kind !== "retracted") looks.push("corrected");
  const tag = corrects === null || kind === "retracted"
    ? ""
    : original === undefined
    ? html`<span class="tag">correction</span>`
    : html`<a class="tag" href="#e${original.id}">correction</a>`;
  const text = sentence?.map(word) ?? [
    ...(kind === "action" ? [nickname(nick), " "] : []),
    tag,
    isolated(linked(entry.text)),
  ];
  return html`
    <li id="e${id}"
      class="${looks.join(" ")}"><a class="time" href="#e${id}"><time datetime="${formatDateTime(
        at,
        "s",
      )}">${zone.clock(at)}</time></a>${type === "message"
        ? html`<span class="who">${nickname(nick)}</span>`
        : ""}<p class="text">${text}</p></li>
  `;
}

function word(word: Word): Html | string {
  if (typeof word === "string") return word;
  return "nick" in word ? nickname(word.nick) : isolated(linked(word.said));
}

function nickname(nick: string): Html {
  return html`<bdi class="nick h${classOf(nick)}">${cleanLine(nick)}</bdi>`;
}

function linked(text: string): (Html | string)[] {
  return pieces(cleanText(text)).map(({ text, href }) =>
    href === undefined ? text : html`<a href="${href}" rel="${REL}">${text}</a>`
  );
}

// ---- what is on several pages ----

/** No such page, or none that is shown. */
export function missingPage(site: Site): Html {
  return layout(
    { ...site, indexed: false },
    "Not found",
    html`
      <header>
        <h1>Not found</h1>
      </header>
      <main>
        <p>There is no log here, or no day with entries.</p>
        <p><a href="${site.base}/">All logs</a></p>
      </main>
    `,
  );
}

/** The room's address, as a link to enter it. */
function roomLink({ room, state }: Log): Html {
  if (state === "destroyed") return isolated(room);
  return html`<a href="${joinUri(room)}">${isolated(room)}</a>`;
}

function stateOf({ state }: Log): string {
  return state === "logged" ? "" : ` · ${state}`;
}

function upLink({ base }: Site, { open }: Log): Html | string {
  return open ? html`<a href="${base}/">All logs</a>` : "";
}

function footer({ zone }: Site): Html {
  return html`
    <footer>
      <p>Times are those of ${zone.name.replaceAll("_", " ")}.</p>
    </footer>
  `;
}

function titleOf({ name, room }: Log): string {
  return cleanLine(name) || room;
}

function isolated(content: string | (Html | string)[]): Html {
  return html`<bdi>${content}</bdi>`;
}
